"""A protobuf message on one line, as Go prints it in errors: by gogo's generated code or by Google's.

Messages of the versions with gogo are printed as that version knows them: fields of a later API are not there, while
fields without a value are.

Mirrors gogo/protobuf: plugin/stringer, which generates `String`; protobuf-go: encoding/prototext, MarshalOptions. The
latter puts one blank or two between fields, by chance of the build; here it is one.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from google.protobuf import text_encoding
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message


def protobuf_text(message: Message) -> str:
    """As `String` of Google's generated code: `container_path:"/v" image:{image:"busybox"}`."""
    parts: list[str] = []
    for field, value in message.ListFields():
        parts += [f"{field.name}:{text}" for text in _protobuf_values(field, value)]
    return " ".join(parts)


def _protobuf_values(field: FieldDescriptor, value: Any) -> list[str]:
    if _is_map(field):
        return [f"{{key:{_protobuf_scalar(key)} value:{_protobuf_scalar(value[key])}}}" for key in sorted(value)]
    if field.is_repeated:
        return [_protobuf_value(field, item) for item in value]
    return [_protobuf_value(field, value)]


def _protobuf_value(field: FieldDescriptor, value: Any) -> str:
    if field.message_type is not None:
        return f"{{{protobuf_text(value)}}}"
    if field.enum_type is not None:
        known = field.enum_type.values_by_number.get(value)
        return str(value) if known is None else str(known.name)
    return _protobuf_scalar(value)


def _protobuf_scalar(value: Any) -> str:
    if isinstance(value, str):
        return f'"{text_encoding.CEscape(value.encode(), as_utf8=True)}"'
    return str(value).lower() if isinstance(value, bool) else str(value)


def gogo_text(message: Message, *, without: Collection[str] = ()) -> str:
    """As `String` of gogo's generated code: `&Mount{ContainerPath:/v,HostPath:,Image:&ImageSpec{Image:busybox,},}`.

    `without` names the fields, such as `Mount.image_sub_path`, that the version's API does not have.
    """
    name = message.DESCRIPTOR.name
    fields: list[Any] = [field for field in message.DESCRIPTOR.fields if f"{name}.{field.name}" not in without]
    shown = (f"{_go_name(field.name)}:{_gogo_value(field, message, without)}," for field in fields)
    return f"&{name}{{{''.join(shown)}}}"


def _gogo_value(field: FieldDescriptor, message: Message, without: Collection[str]) -> str:
    value: Any = getattr(message, field.name)
    if _is_map(field):
        return f"map[string]string{{{''.join(f'{key}: {value[key]},' for key in sorted(value))}}}"
    if field.is_repeated and field.message_type is not None:
        items = "".join(f"{gogo_text(item, without=without)}," for item in value)
        return f"[]*{field.message_type.name}{{{items}}}"
    if field.is_repeated:
        return f"[{' '.join(str(item) for item in value)}]"
    if field.message_type is not None:
        return gogo_text(value, without=without) if message.HasField(field.name) else "nil"
    if field.enum_type is not None:
        known = field.enum_type.values_by_number.get(value)
        return str(value) if known is None else str(known.name)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _is_map(field: FieldDescriptor) -> bool:
    return field.message_type is not None and bool(field.message_type.GetOptions().map_entry)


def _go_name(name: str) -> str:
    """The Go name of a field: `host_path` and `uidMappings` are `HostPath` and `UidMappings`."""
    return "".join(f"{part[:1].upper()}{part[1:]}" for part in name.split("_"))
