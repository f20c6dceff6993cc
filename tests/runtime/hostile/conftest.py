"""Requests that nobody sane sends, for every RPC, made from the descriptors of the contract."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from hypothesis import strategies as st

from kubesim.cri import api
from kubesim.cri.methods import METHODS, Method

BUSYBOX = "registry.example/busybox:1"

TEXTS = (
    "", "a", ".", "..", "/", "/etc/passwd", "../../../etc/passwd", "/var/log/../../etc", "a/../b", "//", "/bin/../..",
    "nul\0byte", "\0", "ü", "\u2028", "\U0001f600", "\ufeffbom", "line\nbreak", "\x1b[2J", "%s%n", "{name}", "$(id)",
    "-", "-1", "0", "4294967296", "1e9", "null", "a:b", "a=b", "sha256:", "sha256:" + "0" * 64, "f" * 64, "f" * 65,
    "x" * 300, "x" * 5000, "root", "65534", BUSYBOX, BUSYBOX + "@sha256:" + "0" * 64, "registry.example/none",
    "sh", "sleep", "no-such-program", "runc", "/proc/self", "/dev/null", "10.0.0.0/8", "fe80::1%eth0", "256.1.1.1",
    "localhost/profile", "runtime/default", "0-3", "0-", "9999999999-1", "Merge", "kernel.shm_rmid_forced",
)  # fmt: skip
"""Texts that end, break or escape something somewhere: NULs, dots, markup, numbers, names of real things."""

BOUNDS = {
    FieldDescriptor.CPPTYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_INT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_UINT64: (0, 2**64 - 1),
}
"""Smallest and largest value of each integer type on the wire."""


@dataclass(frozen=True)
class Ref:
    """Stands for an id that the runtime gave out, or for a part of one."""

    kind: str
    index: int
    digits: int

    def text(self, ids: Mapping[str, Sequence[str]]) -> str:
        """The id itself; "" as long as none was given out."""
        known = ids.get(self.kind, ())
        return known[self.index % len(known)][: self.digits] if known else ""


def ref_kind(field: FieldDescriptor) -> str | None:
    """What the id in a field names, if it is one."""
    if field.name == "pod_sandbox_id":
        return "pod"
    if field.name in ("container_id", "target_id"):
        return "container"
    if field.name == "id":
        return "pod" if "Sandbox" in field.containing_type.name else "container"
    return None


def whole_numbers(low: int, high: int) -> st.SearchStrategy[int]:
    """The bounds, the neighbourhood of zero, round numbers, and anything between."""
    edges = [low, low + 1, -1, 0, 1, 2, 9, 64, 65, 100, 1000, 1024, 1025, 65536, 10**9, 2**31, 2**53, high - 1, high]
    return st.sampled_from([edge for edge in edges if low <= edge <= high]) | st.integers(low, high)


def scalar(field: FieldDescriptor) -> st.SearchStrategy[Any]:
    """Values of one field that is no list, as plain data."""
    match field.cpp_type:
        case FieldDescriptor.CPPTYPE_STRING if field.type == FieldDescriptor.TYPE_BYTES:
            return st.binary(max_size=12) | st.sampled_from([text.encode() for text in TEXTS])
        case FieldDescriptor.CPPTYPE_STRING:
            texts = st.sampled_from(TEXTS) | st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
            kind = ref_kind(field)
            return texts if kind is None else texts | refs(kind)
        case FieldDescriptor.CPPTYPE_ENUM:
            known = [value.number for value in field.enum_type.values]
            return st.sampled_from([*known, -1, max(known) + 1, 2**31 - 1, -(2**31)])
        case FieldDescriptor.CPPTYPE_BOOL:
            return st.booleans()
        case FieldDescriptor.CPPTYPE_DOUBLE | FieldDescriptor.CPPTYPE_FLOAT:
            return st.floats(width=32)
        case cpp_type:
            return whole_numbers(*BOUNDS[cpp_type])


def refs(kind: str) -> st.SearchStrategy[Ref]:
    """Whole ids, and beginnings of ids."""
    return st.builds(Ref, st.just(kind), st.integers(0, 3), st.sampled_from([64, 64, 64, 64, 12, 1]))


def values(field: FieldDescriptor) -> st.SearchStrategy[Any]:
    """Values of one field: a scalar, a list or a map."""
    entry = field.message_type
    if entry is not None and entry.GetOptions().map_entry:
        key, value = entry.fields_by_name["key"], entry.fields_by_name["value"]
        return st.dictionaries(scalar(key), scalar(value), max_size=3)
    return st.lists(scalar(field), max_size=3) if field.is_repeated else scalar(field)


Path = tuple[FieldDescriptor, ...]
"""The way from a message to one of its fields, through the messages between them."""

DEPTH_MAX = 8


@cache
def paths(descriptor: Descriptor) -> tuple[Path, ...]:
    """Every field of a message and of the messages in it."""
    found: list[Path] = []

    def walk(inside: Descriptor, before: Path) -> None:
        for field in inside.fields:
            found.append((*before, field))
            below = field.message_type
            if below is not None and not below.GetOptions().map_entry and len(before) < DEPTH_MAX:
                walk(below, (*before, field))

    walk(descriptor, ())
    return tuple(found)


def edit(target: Any, path: Path, value: Any, ids: Mapping[str, Sequence[str]]) -> None:
    """Set one field, over what is there: a list grows, a map is merged, a message comes into being."""
    *way, field = path
    for step in way:
        inner = getattr(target, step.name)
        if step.is_repeated:
            target = inner[-1] if inner else inner.add()
        else:
            inner.SetInParent()
            target = inner
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        getattr(target, field.name).update(value)
    elif field.message_type is not None and field.is_repeated:
        getattr(target, field.name).add()
    elif field.message_type is not None:
        getattr(target, field.name).SetInParent()
    elif field.is_repeated:
        getattr(target, field.name).extend(_resolved(item, ids) for item in value)
    else:
        setattr(target, field.name, _resolved(value, ids))


def _resolved(value: Any, ids: Mapping[str, Sequence[str]]) -> Any:
    return value.text(ids) if isinstance(value, Ref) else value


def sane(method: Method, ids: Mapping[str, Sequence[str]]) -> Message:
    """A request that a runtime would carry out, as the ground for oddities that lie deeper."""
    request: Any = method.request_type()
    pods, containers = ids.get("pod", ()), ids.get("container", ())
    pod_config = api.PodSandboxConfig(
        metadata=api.PodSandboxMetadata(name="p", uid="u", namespace="n", attempt=len(pods)), log_directory="/var/log/p"
    )
    image = api.ImageSpec(image=BUSYBOX)
    fields = {field.name for field in request.DESCRIPTOR.fields}
    if "pod_sandbox_id" in fields and pods:
        request.pod_sandbox_id = pods[-1]
    if "container_id" in fields and containers:
        request.container_id = containers[-1]
    match method.name:
        case "RunPodSandbox":
            request.config.CopyFrom(pod_config)
        case "CreateContainer":
            metadata = api.ContainerMetadata(name="c", attempt=len(containers))
            request.config.CopyFrom(
                api.ContainerConfig(metadata=metadata, image=image, command=["sleep", "9"], log_path="c.log")
            )
            request.sandbox_config.CopyFrom(pod_config)
        case "PullImage" | "ImageStatus" | "RemoveImage":
            request.image.CopyFrom(image)
        case "ExecSync" | "Exec":
            request.cmd.append("true")
    return request


@dataclass(frozen=True)
class Call:
    """A request that is not built yet, because the ids in it are not known yet."""

    method: Method
    edits: tuple[tuple[Path, Any], ...]
    is_sane_below: bool

    def __repr__(self) -> str:
        """What hypothesis prints of a failure."""
        edits = ", ".join(f"{'.'.join(field.name for field in path)}={value!r:.200}" for path, value in self.edits)
        return f"{self.method.name}({edits}{', over a sane one' if self.is_sane_below else ''})"

    def request(self, ids: Mapping[str, Sequence[str]]) -> Message:
        """The request, with the ids that are known by now."""
        request = sane(self.method, ids) if self.is_sane_below else self.method.request_type()
        for path, value in self.edits:
            edit(request, path, value, ids)
        return request


@st.composite
def calls(draw: st.DrawFn, names: Sequence[str]) -> Call:
    """Odd requests for some RPCs, most of them over a sane one.

    A few fields anywhere in the message are set: a message drawn as a whole is refused for the first field that is
    wrong, and says nothing about the others.
    """
    method = METHODS[draw(st.sampled_from(names))]
    ways = paths(method.request_type.DESCRIPTOR)
    edits = []
    for _ in range(draw(st.integers(0, 8)) if ways else 0):
        path = draw(st.sampled_from(ways))
        field = path[-1]
        is_message = field.message_type is not None and not field.message_type.GetOptions().map_entry
        edits.append((path, None if is_message else draw(values(field))))
    return Call(method, tuple(edits), draw(st.integers(0, 3)) > 0)


@pytest.fixture(scope="session")
def odd_calls() -> Callable[..., st.SearchStrategy[Call]]:
    """Strategies of odd requests: `odd_calls(["Version", ...])`."""
    return calls


@pytest.fixture(scope="session")
def fields_count() -> Callable[[str], int]:
    """How many fields the request of an RPC has, with all the messages in it."""
    return lambda name: len(paths(METHODS[name].request_type.DESCRIPTOR))
