"""Documents come out as they went in, in any order, and take little room."""

import json
from hashlib import sha256
from random import Random  # noqa: TID251 - hypothesis hands one over

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubesim.model.paged_documents import OPEN_PAGES_MAX, PAGE_DOCUMENTS, PagedDocuments


def document(number: int) -> bytes:
    digest = sha256(str(number).encode()).hexdigest()
    conditions = ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")
    return json.dumps(
        {
            "conditions": [
                {"type": one, "status": "True" if bit in "02468ace" else "False"}
                for one, bit in zip(conditions, digest, strict=False)
            ],
            "containerStatuses": [{"name": "c", "containerID": f"containerd://{digest}"}],
            "podIP": f"10.88.0.{number}",
        }
    ).encode()


def test_many_take_little_room() -> None:
    documents, paged = [document(number) for number in range(1000)], PagedDocuments[bytes](bytes)
    assert [paged.add(one) for one in documents] == list(range(1000))
    assert len(paged) == 1000
    packed = sum(map(len, paged._pages)) / len(paged._pages) / PAGE_DOCUMENTS
    # 32 of these bytes are the id, which is like no other.
    assert packed < 90
    assert len(documents[50]) > 350


@given(
    st.lists(st.binary(max_size=50), max_size=OPEN_PAGES_MAX * PAGE_DOCUMENTS * 2), st.randoms(use_true_random=False)
)
def test_any_document_can_be_read_at_any_time(documents: list[bytes], order: Random) -> None:
    paged = PagedDocuments[bytes](bytes)
    for number, one in enumerate(documents):
        assert paged.add(one) == number
        asked = order.randrange(number + 1)
        assert paged[asked] == documents[asked]
    assert [paged[number] for number in range(len(documents))] == documents


def test_tuples_come_out_as_tuples() -> None:
    paged = PagedDocuments[tuple[int, str, bytes]](tuple[int, str, bytes])
    rows = [(number, "text", b"bytes") for number in range(2 * PAGE_DOCUMENTS)]
    for row in rows:
        paged.add(row)
    assert [paged[number] for number in range(len(paged))] == rows


def test_what_there_is_not_is_an_error() -> None:
    paged = PagedDocuments[bytes](bytes)
    paged.add(b"one")
    with pytest.raises(IndexError):
        paged[1]
    with pytest.raises(IndexError):
        paged[PAGE_DOCUMENTS]


def test_few_pages_stay_open() -> None:
    paged = PagedDocuments[bytes](bytes)
    for number in range((OPEN_PAGES_MAX + 3) * PAGE_DOCUMENTS):
        paged.add(document(number))
    for number in range(len(paged)):
        assert paged[number] == document(number)
    assert len(paged._open) == OPEN_PAGES_MAX
