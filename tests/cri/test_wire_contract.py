"""The proto says exactly what the published contract says: nothing missing, nothing extra.

`wire-v1.csv` beside this file is the contract as data: one row for each RPC, message, field, enum and enum value.
"""

import csv
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
)

from kubesim.cri.descriptors import FILE

TABLE = Path(__file__).with_name("wire-v1.csv")
SHARED_TABLE = Path(__file__).resolve().parents[2].parent / "shared" / "facts" / "cri" / "wire-v1.csv"

Row = tuple[str, str, str, str, str, str]
"""kind, parent, name, number, type, label: the columns of the csv without the version."""

SCALARS = {
    FieldDescriptorProto.TYPE_STRING: "string",
    FieldDescriptorProto.TYPE_BYTES: "bytes",
    FieldDescriptorProto.TYPE_BOOL: "bool",
    FieldDescriptorProto.TYPE_DOUBLE: "double",
    FieldDescriptorProto.TYPE_INT32: "int32",
    FieldDescriptorProto.TYPE_INT64: "int64",
    FieldDescriptorProto.TYPE_UINT32: "uint32",
    FieldDescriptorProto.TYPE_UINT64: "uint64",
}


def proto() -> FileDescriptorProto:
    file = FileDescriptorProto()
    FILE.CopyToProto(file)
    return file


def contract_rows() -> Iterator[Row]:
    with TABLE.open(encoding="utf-8", newline="") as table:
        for row in csv.DictReader(table):
            # The names of signals changed in Kubernetes 1.37; that is history, not something a descriptor can hold.
            label = "" if row["label"] == "renamed-in-1.37" else row["label"]
            yield (row["kind"], row["parent"], row["name"], row["number"], row["type"], label)


def proto_rows() -> Iterator[Row]:
    file = proto()
    for service in file.service:
        for method in service.method:
            types = f"{short(method.input_type)}->{short(method.output_type)}"
            yield ("rpc", service.name, method.name, "", types, "stream" if method.server_streaming else "")
    for message in file.message_type:
        yield ("message", "", message.name, "", "", "")
        for field in message.field:
            yield ("message", message.name, field.name, str(field.number), *type_and_label(message, field))
        for enum in message.enum_type:
            yield from enum_rows(enum, parent=message.name, name=f"{message.name}.{enum.name}")
    for enum in file.enum_type:
        yield from enum_rows(enum, parent="", name=enum.name)


def enum_rows(enum: EnumDescriptorProto, *, parent: str, name: str) -> Iterator[Row]:
    yield ("enum", parent, name, "", "", "")
    for value in enum.value:
        yield ("enum", name, value.name, str(value.number), "enumvalue", "")


def type_and_label(message: DescriptorProto, field: FieldDescriptorProto) -> tuple[str, str]:
    if field.type in SCALARS:
        name = SCALARS[field.type]
    else:
        assert field.type in (FieldDescriptorProto.TYPE_MESSAGE, FieldDescriptorProto.TYPE_ENUM), field.name
        for nested in message.nested_type:
            if field.type_name == f".runtime.v1.{message.name}.{nested.name}":
                assert nested.options.map_entry, f"{message.name}.{nested.name} is a nested message, not a map"
                key, value = (type_and_label(nested, entry)[0] for entry in nested.field)
                return f"map<{key},{value}>", "map"
        name = short(field.type_name)
    if field.label == FieldDescriptorProto.LABEL_REPEATED:
        return name, "repeated"
    return name, "deprecated" if field.options.deprecated else ""


def short(full_name: str) -> str:
    assert full_name.startswith(".runtime.v1."), full_name
    return full_name.rpartition(".")[2]


def test_the_contract_table_is_read_whole() -> None:
    rows = Counter(row[0] for row in contract_rows())

    assert rows == {"rpc": 43, "message": 653, "enum": 106}


def test_every_row_of_the_contract_is_in_the_proto() -> None:
    assert sorted(set(contract_rows()) - set(proto_rows())) == []


def test_the_proto_has_nothing_that_is_not_in_the_contract() -> None:
    assert sorted(set(proto_rows()) - set(contract_rows())) == []


def test_no_row_occurs_twice() -> None:
    assert [row for row, count in Counter(contract_rows()).items() if count > 1] == []
    assert [row for row, count in Counter(proto_rows()).items() if count > 1] == []


def test_the_proto_is_plain_proto3_of_package_runtime_v1() -> None:
    file = proto()

    assert (file.package, file.syntax) == ("runtime.v1", "proto3")
    assert list(file.dependency) == []
    assert list(file.extension) == []
    assert not file.HasField("options")


def test_nothing_the_table_cannot_express_is_in_the_proto() -> None:
    """Oneofs (also those of `optional`), defaults, packing and json names of our own would change bytes or JSON."""
    for message in proto().message_type:
        assert list(message.oneof_decl) == [], message.name
        assert list(message.extension) == [], message.name
        assert list(message.reserved_range) == [], message.name
        for field in message.field:
            where = f"{message.name}.{field.name}"
            assert field.label != FieldDescriptorProto.LABEL_REQUIRED, where
            assert {option.name for option, _ in field.options.ListFields()} <= {"deprecated"}, where
            assert field.json_name == json_name(field.name), where
    for service in proto().service:
        assert [method.name for method in service.method if method.client_streaming] == []


def json_name(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word[:1].upper() + word[1:] for word in rest)


def test_the_descriptor_set_has_no_comments() -> None:
    assert not proto().HasField("source_code_info")


@pytest.mark.skipif(not SHARED_TABLE.exists(), reason="the table's source is not beside this checkout")
def test_the_table_is_the_published_one() -> None:
    assert TABLE.read_bytes() == SHARED_TABLE.read_bytes()
