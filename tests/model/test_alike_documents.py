"""Documents come out as they went in, and those that are like earlier ones take little room."""

import json
from hashlib import sha256

from hypothesis import given
from hypothesis import strategies as st

from kubesim.model.alike_documents import WORDS_BYTES, AlikeDocuments


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


def test_later_documents_are_small() -> None:
    documents, packer = [document(number) for number in range(200)], AlikeDocuments()
    packed = [packer.pack(one) for one in documents]
    assert [packer.unpack(one) for one in packed] == documents
    later = packed[50:]
    # 32 of these bytes are the id, which is like no other.
    assert sum(map(len, later)) / len(later) < 110
    assert len(documents[50]) > 350


@given(st.lists(st.binary(max_size=2 * WORDS_BYTES), max_size=12))
def test_any_documents_come_out_as_they_went_in(documents: list[bytes]) -> None:
    packer = AlikeDocuments()
    packed = [packer.pack(one) for one in documents]
    assert [packer.unpack(one) for one in reversed(packed)] == documents[::-1]
