"""The compiled wire contract, in a descriptor pool of our own.

`scripts/genproto` compiles `proto/` into `descriptor_set.binpb`, which is loaded here once per process. The pool is
private: a user's own compiled CRI stubs live in protobuf's default pool, where a second copy of the same symbols is
an error.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor import Descriptor, FileDescriptor
from google.protobuf.message import Message

API_PROTO = "runtime/v1/api.proto"
FILE_TAG = 0x0A


def _load() -> FileDescriptor:
    # A plain path, because importing importlib.resources takes longer than everything else in this file.
    compiled = Path(__file__).with_name("descriptor_set.binpb").read_bytes()
    pool = descriptor_pool.DescriptorPool()
    for file in _files(compiled):
        pool.AddSerializedFile(file)
    return pool.FindFileByName(API_PROTO)


def _files(descriptor_set: bytes) -> Iterator[bytes]:
    """The serialised files of a FileDescriptorSet: field 1, each behind its length.

    descriptor_pb2 would do it, and its import takes longer than everything else in this file, too.
    """
    at = 0
    while at < len(descriptor_set):
        assert descriptor_set[at] == FILE_TAG, "a FileDescriptorSet has no other field"
        at, shift, length = at + 1, 0, 0
        while True:
            byte = descriptor_set[at]
            at, length, shift = at + 1, length | (byte & 0x7F) << shift, shift + 7
            if byte < 0x80:
                break
        yield descriptor_set[at : at + length]
        at += length


FILE: FileDescriptor = _load()
"""The descriptor of `proto/runtime/v1/api.proto`; it holds every message, enum and service of the contract."""


def message_class(descriptor: Descriptor) -> type[Message]:
    """The class of a message of `FILE`; the same object at every call."""
    return message_factory.GetMessageClass(descriptor)
