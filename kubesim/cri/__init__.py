"""The wire contract between kubelet and runtime: the Container Runtime Interface, protobuf package `runtime.v1`.

Both halves of kubesim import this room and never each other. Everything that answers CRI calls (the in-process
runtime, the gRPC client, journal, faults) implements the one `Cri` protocol, so they stack in any order.

Vocabulary
    api         the messages and enums: `api.ContainerStatus(...)`, `api.CONTAINER_RUNNING`
    Method      one RPC: service, name, request and response type, streaming or not
    METHODS     all 43 of them by RPC name; `methods.RUN_POD_SANDBOX` and so on are the same rows
    Cri         the protocol: `call(method, request)` and `stream(method, request)`
    client.CriClient
                typed coroutines on top of a `Cri`, one for each RPC
    CriError    a refusal, with its gRPC `Code` and message

The contract is written down in `proto/runtime/v1/api.proto`. `scripts/genproto` compiles it into `descriptor_set.binpb`
and `api.pyi`, which are committed, so that an installation needs no compiler.

Rejected: generated `_pb2` modules. Each is tied to the protobuf releases near its compiler's, and it registers its
symbols in the process-wide pool, where a user's own CRI stubs clash with it. A private pool has neither problem and
is as fast. Rejected: one Python method per RPC in the protocol. A journal or a fault injector would then be written
43 times. Rejected: dataclasses instead of messages. Every call through the socket would be converted twice.
"""

from kubesim.cri.errors import Code, CriError
from kubesim.cri.methods import METHODS, Method
from kubesim.cri.protocol import Cri

__all__ = ["METHODS", "Code", "Cri", "CriError", "Method"]
