"""An archive of our own is read as the real tar reads it, or refused; never does another error escape."""

import io
import tarfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kubesim.images.tar_reader import ArchiveError, read_tar

names = st.text(st.characters(exclude_characters="\0/", exclude_categories=["Cs"]), min_size=1, max_size=60).filter(
    lambda name: name not in (".", "..")
)


def write(contents: dict[str, bytes], records: dict[str, str] | None = None) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, content in contents.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            member.pax_headers = records or {}
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


@settings(max_examples=100)
@given(st.dictionaries(names, st.binary(max_size=1500), max_size=5))
def test_what_was_written_is_read(contents: dict[str, bytes]) -> None:
    found = {member.path: member.content for member in read_tar(write(contents))}

    assert found == {f"/{name}": content for name, content in contents.items()}


def test_attributes_come_with_their_member() -> None:
    (found,) = read_tar(write({"cat": b"x"}, {"SCHILY.xattr.user.name": "value"}))

    assert found.attributes == {"SCHILY.xattr.user.name": "value"}


@settings(max_examples=200)
@given(st.data())
def test_a_damaged_archive_is_read_or_refused(data: st.DataObject) -> None:
    tar = bytearray(write(data.draw(st.dictionaries(names, st.binary(max_size=700), min_size=1, max_size=2))))
    for _ in range(data.draw(st.integers(1, 4))):
        tar[data.draw(st.integers(0, min(len(tar) - 1, 2500)))] = data.draw(st.integers(0, 255))

    try:
        found = list(read_tar(bytes(tar)))
    except ArchiveError:
        return
    assert sum(len(member.content) for member in found) <= len(tar)


@pytest.mark.parametrize(
    ("tar", "message"),
    [
        (b"", "the archive is empty"),
        (write({"file": b"content"})[:700], "the archive is truncated: 324 bytes are missing"),
        (write({"file": b"content"})[:1024], "its end mark is missing"),
        (b"secret\n" * 200, "^not a tar archive$"),
        (write({"file": b""}, {"GNU.sparse.map": "", "GNU.sparse.size": "9"}), "'/file' is a sparse file"),
    ],
)
def test_a_broken_archive_is_refused(tar: bytes, message: str) -> None:
    with pytest.raises(ArchiveError, match=message):
        list(read_tar(tar))
