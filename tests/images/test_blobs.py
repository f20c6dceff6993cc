"""Blobs are what their digests say, or they are refused, and what fails leaves nothing behind."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from kubesim.images.blobs.blob import BlobError, BytesBlob, FileBlob, HostFile, chunks, whole
from kubesim.images.blobs.directory import BlobDirectory

CONTENT = b"0123456789" * 1000


def digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def files_below(directory: Path) -> list[str]:
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*") if not path.is_dir())


def test_what_was_written_is_found_under_its_digest(tmp_path: Path) -> None:
    directory = BlobDirectory(tmp_path)

    directory.write(digest(CONTENT), iter([CONTENT[:7], CONTENT[7:]]), size_bytes=len(CONTENT))

    found = directory.find(digest(CONTENT))
    assert found is not None
    assert (found.digest, found.size_bytes) == (digest(CONTENT), len(CONTENT))
    assert whole(found, bytes_max=1 << 20) == CONTENT
    assert found.read_at(9_995, 100) == CONTENT[9_995:]
    assert directory.digests() == [digest(CONTENT)]
    assert files_below(tmp_path) == [f"blobs/sha256/{digest(CONTENT)[7:]}"]


def test_other_algorithms_of_oci_are_known(tmp_path: Path) -> None:
    name = f"sha512:{hashlib.sha512(CONTENT).hexdigest()}"

    BlobDirectory(tmp_path).write(name, [CONTENT])

    found = BlobDirectory(tmp_path).find(name)
    assert found is not None
    assert whole(found, bytes_max=1 << 20) == CONTENT


@pytest.mark.parametrize(
    ("written", "size_bytes", "message"),
    [
        (b"other", None, "its bytes have the digest sha256:d9298a10"),
        (CONTENT + b"x", len(CONTENT), "more than the 10000 bytes"),
        (CONTENT[:-1], len(CONTENT), "only 9999 of 10000 bytes came"),
    ],
)
def test_wrong_bytes_leave_nothing(tmp_path: Path, written: bytes, size_bytes: int | None, message: str) -> None:
    directory = BlobDirectory(tmp_path)

    with pytest.raises(BlobError, match=message) as caught:
        directory.write(digest(CONTENT), [written], size_bytes=size_bytes)

    assert caught.value.where == digest(CONTENT)
    assert directory.find(digest(CONTENT)) is None
    assert files_below(tmp_path) == []


def test_a_source_that_breaks_leaves_nothing(tmp_path: Path) -> None:
    def broken() -> Iterator[bytes]:
        yield CONTENT[:100]
        raise ConnectionResetError

    with pytest.raises(BlobError):
        BlobDirectory(tmp_path).write(digest(CONTENT), broken())

    assert files_below(tmp_path) == []


@pytest.mark.parametrize(
    "text", ["", "sha256:", "sha256:" + "A" * 64, "sha256:../../../etc/passwd", "md5:" + "0" * 32, "sha256:" + "0" * 63]
)
def test_only_digests_become_paths(tmp_path: Path, text: str) -> None:
    with pytest.raises(BlobError, match="is no digest"):
        BlobDirectory(tmp_path).find(text)
    with pytest.raises(BlobError, match="is no digest"):
        BlobDirectory(tmp_path).write(text, [b""])


def test_a_link_in_the_place_of_a_blob_is_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(CONTENT)
    place = tmp_path / "layout/blobs/sha256" / digest(CONTENT)[7:]
    place.parent.mkdir(parents=True)
    place.symlink_to(secret)

    with pytest.raises(BlobError, match="must be a regular file"):
        BlobDirectory(tmp_path / "layout").find(digest(CONTENT))


def test_a_pipe_in_the_place_of_a_blob_keeps_nobody_waiting(tmp_path: Path) -> None:
    place = tmp_path / "blobs/sha256" / digest(CONTENT)[7:]
    place.parent.mkdir(parents=True)
    os.mkfifo(place)

    with pytest.raises(BlobError, match="must be a regular file"):
        BlobDirectory(tmp_path).find(digest(CONTENT))


def test_a_file_that_changes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(CONTENT)
    file = HostFile.at(path)
    blob = FileBlob(digest=digest(CONTENT), file=file, offset=5, size_bytes=10)
    assert blob.read_at(8, 100) == CONTENT[13:15]

    path.write_bytes(CONTENT + b"x")

    with pytest.raises(BlobError, match="has changed since it was opened"):
        blob.read_at(0, 1)
    path.unlink()
    with pytest.raises(BlobError, match="No such file"):
        blob.read_at(0, 1)


def test_a_stretch_that_its_file_does_not_have_is_told(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(CONTENT)
    blob = FileBlob(digest=digest(CONTENT), file=HostFile.at(path), offset=9_000, size_bytes=2_000)

    with pytest.raises(BlobError, match="only 1000 of 2000 bytes are there"):
        list(chunks(blob))


def test_a_document_is_checked_as_it_is_read() -> None:
    with pytest.raises(BlobError, match="its bytes have the digest"):
        whole(BytesBlob(digest(b"a"), b"b"), bytes_max=10)
    with pytest.raises(BlobError, match="11 bytes are more than 10"):
        whole(BytesBlob(digest(b"a" * 11), b"a" * 11), bytes_max=10)
