"""CRI messages as Go's encoding/json writes them: the form of the `info` of verbose answers.

Field names are those of the proto, zero values are left out, enums and 64-bit integers are numbers, bytes are base64.
That is not protobuf's own JSON mapping. Mirrors containerd: internal/cri/server/container_status.go,
toCRIContainerInfo, which marshals the generated Go structs.
"""

from __future__ import annotations

import base64
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from kubesim.policy.go_json_text import go_json_text


def go_json(value: Any) -> str:
    """A document, in which messages may stand, as Go prints it."""
    return go_json_text(value, _plain)


def go_dict(message: Message) -> dict[str, Any]:
    """The fields of a message that are set, in the order of their numbers."""
    return {field.name: _field(field, value) for field, value in message.ListFields()}


def _field(field: FieldDescriptor, value: Any) -> Any:
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        return {str(key): _scalar(item) for key, item in sorted(value.items())}
    if field.is_repeated:
        return [_scalar(item) for item in value]
    return _scalar(value)


def _scalar(value: Any) -> Any:
    if isinstance(value, Message):
        return go_dict(value)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return value


def _plain(value: object) -> Any:
    if isinstance(value, Message):
        return go_dict(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")
