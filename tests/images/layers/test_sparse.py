"""Sparse files, as every version of GNU tar writes them, have their zeros back."""

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubesim.images.layers.layer import SparseFile, open_layer
from kubesim.images.layers.limits import LayerError, LayerLimits
from kubesim.images.layers.sparse import Extent, SparseMap
from kubesim.images.layers.streams import PlainStream

from .archives import blob_of, entry, layer_of

BLOCK = 64 * 1024
FORMS = {
    "old GNU": ["--format=gnu"],
    "pax 0.0": ["--format=posix", "--sparse-version=0.0"],
    "pax 0.1": ["--format=posix", "--sparse-version=0.1"],
    "pax 1.0": ["--format=posix", "--sparse-version=1.0"],
}


def written(path: Path, parts: int) -> bytes:
    """A file with holes, and its bytes."""
    with path.open("wb") as file:
        for number in range(parts):
            file.seek(number * 3 * BLOCK)
            file.write(bytes([number % 255 + 1]) * BLOCK)
        file.truncate(parts * 3 * BLOCK + 12_345)
    return path.read_bytes()


@pytest.mark.parametrize("parts", [0, 1, 3, 60])
@pytest.mark.parametrize("form", FORMS)
def test_what_gnu_tar_writes_is_the_file(form: str, parts: int, tmp_path: Path) -> None:
    content = written(tmp_path / "holes", parts)
    (tmp_path / "next").write_text("next")
    command = ["tar", "-S", *FORMS[form], "-C", str(tmp_path), "-cf", "-", "holes", "next"]
    tar = subprocess.run(command, check=True, capture_output=True).stdout
    if len(tar) > len(content):
        pytest.skip("the file system of this machine keeps no holes")

    sparse, follows = open_layer(blob_of(tar)).members

    assert (sparse.path, sparse.size_bytes, follows.path) == ("/holes", len(content), "/next")
    file = open_layer(blob_of(tar)).content(sparse)
    assert file.read_at(0, file.size_bytes) == content
    assert file.read_at(BLOCK - 10, 3 * BLOCK) == content[BLOCK - 10 : 4 * BLOCK - 10]
    assert file.read_at(len(content), 10) == b""


@given(
    st.lists(st.tuples(st.integers(0, 50), st.integers(1, 50)), max_size=6), st.integers(0, 400), st.integers(0, 400)
)
def test_any_piece_of_any_map(parts: list[tuple[int, int]], offset: int, size: int) -> None:
    extents: list[Extent] = []
    plain, stored = bytearray(), bytearray()
    for number, (hole, length) in enumerate(parts, start=1):
        plain += bytes(hole)
        extents.append(Extent(len(plain), length))
        plain += bytes([number]) * length
        stored += bytes([number]) * length
    plain += bytes(17)
    blob = blob_of(b"head" + bytes(stored))

    file = SparseFile(PlainStream(blob), 4, SparseMap(len(plain), tuple(extents)))

    assert file.read_at(offset, size) == bytes(plain[offset : offset + size])


@pytest.mark.parametrize(
    ("records", "content", "message"),
    [
        ({"GNU.sparse.map": "5,1,0,1", "GNU.sparse.size": "9"}, b"xx", "parts overlap or are out of order"),
        ({"GNU.sparse.map": "0,10", "GNU.sparse.size": "9"}, b"x" * 10, "a part beyond its end"),
        ({"GNU.sparse.map": "0,1,2", "GNU.sparse.size": "9"}, b"x", "has half a part"),
        ({"GNU.sparse.map": "0,1", "GNU.sparse.size": "9"}, b"xxx", "whose parts are not what is stored"),
        ({"GNU.sparse.map": "0,one", "GNU.sparse.size": "9"}, b"x", "is no number"),
        ({"GNU.sparse.map": "0,1,2,1,4,1", "GNU.sparse.size": "9"}, b"xxx", "a sparse file of more than 2 parts"),
        ({"GNU.sparse.map": "0,1", "GNU.sparse.size": "9999999999999999"}, b"x", "is longer than"),
        ({"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "9"}, b"zz\n", "is no number"),
        (
            {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "9"},
            b"",
            "truncated within the map",
        ),
    ],
)
def test_a_map_that_lies_is_refused(records: dict[str, str], content: bytes, message: str) -> None:
    with pytest.raises(LayerError, match=message) as caught:
        layer_of(entry("file", content, pax_headers=records), limits=LayerLimits(extents_max=2))

    assert "'file'" in caught.value.what
