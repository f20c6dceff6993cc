"""What grpc-go itself answers, before and after any handler: the runtimes are Go programs, and so are their clients.

Mirrors grpc-go: server.go, processUnaryRPC and sendResponse; stream.go, serverStream.SendMsg; rpc_util.go, recv.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import Any, NoReturn

import grpc
import grpc.aio
from google.protobuf.message import DecodeError, Message

from kubesim.cri.errors import Code, CriError
from kubesim.cri.methods import Method

MESSAGE_BYTES_MAX = 16 * 1024 * 1024
"""Largest message in and out: what kubelet, crictl and containerd agree on."""

RECEIVED_BYTES_MAX = 2 * MESSAGE_BYTES_MAX
"""What grpcio takes in before it refuses in words of its own; up to here the refusal has grpc-go's."""

METADATA_BYTES_MAX = 16 * 1024 * 1024
"""Largest list of headers: grpc-go's default (internal/transport/defaults.go, defaultServerMaxHeaderListSize)."""

STATUS = {code.value[0]: code for code in grpc.StatusCode}
"""The codes as grpcio has them, by number."""

Context = grpc.aio.ServicerContext[bytes, bytes]


def parse(method: Method, request_bytes: bytes) -> Message:
    """The request. Raises CriError for one that is too large, or no message."""
    if len(request_bytes) > MESSAGE_BYTES_MAX:
        text = f"grpc: received message larger than max ({len(request_bytes)} vs. {MESSAGE_BYTES_MAX})"
        raise CriError(Code.RESOURCE_EXHAUSTED, text)
    try:
        return method.request_type.FromString(request_bytes)
    except DecodeError as error:
        raise decode_refusal(method, error) from None


def decode_refusal(method: Method, error: DecodeError) -> CriError:
    """The answer to bytes that are no message."""
    # protobuf-go's words; upb, which is beneath Python's protobuf, has others for the same two mistakes.
    invalid_text = "UTF-8" in str(error)
    reason = "string field contains invalid UTF-8" if invalid_text else "proto: cannot parse invalid wire-format data"
    what = "failed to unmarshal the received message" if method.server_streaming else "error unmarshalling request"
    return CriError(Code.INTERNAL, f"grpc: {what}: {reason}")


def size_refusal(method: Method, size_bytes: int) -> CriError | None:
    """What is said instead of an answer that no client would take; None for one that may go out."""
    if size_bytes <= MESSAGE_BYTES_MAX:
        return None
    prefix = "" if method.server_streaming else "grpc: "
    text = f"{prefix}trying to send message larger than max ({size_bytes} vs. {MESSAGE_BYTES_MAX})"
    return CriError(Code.RESOURCE_EXHAUSTED, text)


def refuse_unknown(full_name: str, services: AbstractSet[str]) -> grpc.RpcMethodHandler[Any, Any]:
    """The handler of a method that does not exist."""
    service, _, name = full_name.lstrip("/").partition("/")
    text = f"unknown method {name} for service {service}" if service in services else f"unknown service {service}"

    async def refuse(_: bytes, context: Context) -> bytes:
        await abort(context, CriError(Code.UNIMPLEMENTED, text))

    return grpc.unary_unary_rpc_method_handler(refuse)


async def abort(context: Context, error: CriError) -> NoReturn:
    """End a call with an error."""
    await context.abort(STATUS[int(error.code)], error.message)
    raise AssertionError("abort always raises")
