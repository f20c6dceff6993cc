"""Rows kept serialised: the bytes are those that building the message would give."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubesim.cri import api
from kubesim.cri.methods import METHODS
from kubesim.runtime.list_rows import ListedRow, ListRows, chunks, varint

LABELS = st.dictionaries(st.text(max_size=5), st.text(max_size=200), max_size=4)


@given(value=st.integers(0, 2**64 - 1))
def test_varints_are_protobufs(value: int) -> None:
    assert api.UInt64Value(value=value).SerializeToString() == (b"\x08" + varint(value) if value else b"")


@given(labels=LABELS, annotations=LABELS, state=st.sampled_from(api.ContainerState.values()), name=st.text(max_size=9))
def test_a_row_is_the_message_with_that_state(labels: Any, annotations: Any, state: Any, name: str) -> None:
    message = api.Container(
        id="c",
        pod_sandbox_id="s",
        metadata=api.ContainerMetadata(name=name, attempt=3),
        state=api.CONTAINER_EXITED,
        created_at=1 << 60,
        labels=labels,
        annotations=annotations,
        image_id="sha256:1",
    )
    rows = ListRows()

    head, tail = api.Container(), api.Container()
    for field, value in message.ListFields():
        part = head if field.number < api.Container.STATE_FIELD_NUMBER else tail
        part.MergeFrom(api.Container(**{field.name: value}))
    tail.ClearField("state")
    ListedRow(rows, "c", head, tail, state=message.state).show(state)

    message.state = state
    built = api.ListContainersResponse(containers=[message])
    assert rows.all() == built.SerializeToString(deterministic=True)
    assert api.StreamContainersResponse.FromString(rows.all()).containers == built.containers


def test_a_changed_row_keeps_its_place_and_a_removed_one_is_gone() -> None:
    rows = ListRows()
    listed = {
        name: ListedRow(rows, name, api.PodSandbox(id=name), api.PodSandbox(), state=api.SANDBOX_READY)
        for name in "abc"
    }
    before = rows.all()
    listed["b"].show(api.SANDBOX_READY)
    assert rows.all() is before, "an unchanged list is not joined again"

    listed["a"].show(api.SANDBOX_NOTREADY)
    rows.remove("b")

    items = api.ListPodSandboxResponse.FromString(rows.all()).items
    assert [(item.id, item.state) for item in items] == [("a", api.SANDBOX_NOTREADY), ("c", api.SANDBOX_READY)]
    assert b"".join(rows.of(["c", "a"])) == b"".join(reversed(rows.of(["a", "c"])))


@pytest.mark.parametrize(("rows", "sizes"), [([], []), ([b"1"], [1]), ([b"1"] * 6, [3, 3]), ([b"1"] * 7, [3, 3, 1])])
def test_pieces_are_bounded_and_never_empty(rows: list[bytes], sizes: list[int]) -> None:
    assert [len(piece) for piece in chunks(rows, 3)] == sizes


@pytest.mark.parametrize("rpc", ["ListPodSandbox", "StreamPodSandboxes", "ListContainers", "StreamContainers"])
def test_every_list_has_its_rows_in_field_one(rpc: str) -> None:
    fields = METHODS[rpc].response_type.DESCRIPTOR.fields

    assert [(field.number, field.message_type is not None) for field in fields] == [(1, True)]
