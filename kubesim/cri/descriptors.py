"""The compiled wire contract, in a descriptor pool of our own.

`scripts/genproto` compiles `proto/` into `descriptor_set.binpb`, which is loaded here once per process. The pool is
private: a user's own compiled CRI stubs live in protobuf's default pool, where a second copy of the same symbols is
an error.
"""

from __future__ import annotations

from pathlib import Path

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.descriptor import Descriptor, FileDescriptor
from google.protobuf.message import Message

API_PROTO = "runtime/v1/api.proto"


def _load() -> FileDescriptor:
    # A plain path, because importing importlib.resources takes longer than everything else in this file.
    compiled = Path(__file__).with_name("descriptor_set.binpb").read_bytes()
    pool = descriptor_pool.DescriptorPool()
    for file in descriptor_pb2.FileDescriptorSet.FromString(compiled).file:
        pool.AddSerializedFile(file.SerializeToString())
    return pool.FindFileByName(API_PROTO)


FILE: FileDescriptor = _load()
"""The descriptor of `proto/runtime/v1/api.proto`; it holds every message, enum and service of the contract."""


def message_class(descriptor: Descriptor) -> type[Message]:
    """The class of a message of `FILE`; the same object at every call."""
    return message_factory.GetMessageClass(descriptor)
