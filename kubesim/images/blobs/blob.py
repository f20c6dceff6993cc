"""Bytes with a digest that are read in pieces, wherever they lie."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

from kubesim.errors import InputError

CHUNK_BYTES = 1024 * 1024


class BlobError(InputError):
    """A blob is not what it should be. `where` names the file or the blob."""


class Blob(Protocol):
    """What a digest stands for."""

    @property
    def digest(self) -> str:
        """`sha256:` and 64 hex digits, or `sha512:` and 128. It is said, not checked: see `verified`."""

    @property
    def size_bytes(self) -> int:
        """The length of all."""

    def read_at(self, offset: int, size: int) -> bytes:
        """At most `size` bytes from `offset` on; fewer at the end only. Raises BlobError when they cannot be read."""


class BlobSource(Protocol):
    """A place that has blobs."""

    def find(self, digest: str) -> Blob | None:
        """The blob with a digest; None when it is not there."""


class BytesBlob(NamedTuple):
    """A blob in memory."""

    digest: str
    content: bytes

    @property
    def size_bytes(self) -> int:
        """The length of all."""
        return len(self.content)

    def read_at(self, offset: int, size: int) -> bytes:
        """A piece of it."""
        return self.content[offset : offset + size]


class _Identity(NamedTuple):
    """What tells one file from another, and from itself after a change."""

    device: int
    inode: int
    size_bytes: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class HostFile:
    """A file of this machine as it was when it was first looked at. A file that changed since is refused."""

    path: Path
    identity: _Identity

    @classmethod
    def at(cls, path: Path) -> HostFile:
        """The file at a path. Raises BlobError for none, and for what is no regular file."""
        fd = _opened(path)
        try:
            return cls(path, _identity(fd))
        finally:
            os.close(fd)

    @property
    def size_bytes(self) -> int:
        """The length of all."""
        return self.identity.size_bytes

    def read_at(self, offset: int, size: int) -> bytes:
        """At most `size` bytes from `offset` on; fewer at the end only. Raises BlobError."""
        fd = _opened(self.path)
        try:
            if _identity(fd) != self.identity:
                raise BlobError("the file has changed since it was opened", where=str(self.path), hint="open it again")
            found = os.pread(fd, size, offset)
            while len(found) < size and (more := os.pread(fd, size - len(found), offset + len(found))):
                found += more
        except OSError as error:
            raise BlobError(error.strerror or str(error), where=str(self.path)) from error
        finally:
            os.close(fd)
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class FileBlob:
    """A stretch of a file: a blob of a layout is a whole one, a member of an archive a part."""

    digest: str
    file: HostFile
    offset: int = 0
    size_bytes: int

    def read_at(self, offset: int, size: int) -> bytes:
        """A piece of it."""
        return self.file.read_at(self.offset + offset, max(0, min(size, self.size_bytes - offset)))


def chunks(blob: Blob, *, size: int = CHUNK_BYTES) -> Iterator[bytes]:
    """The bytes of a blob from its beginning to its end. Raises BlobError for one that ends early."""
    for offset in range(0, blob.size_bytes, size):
        chunk = blob.read_at(offset, size)
        if len(chunk) != min(size, blob.size_bytes - offset):
            raise BlobError(f"only {offset + len(chunk)} of {blob.size_bytes} bytes are there", where=blob.digest)
        yield chunk


def whole(blob: Blob, *, bytes_max: int) -> bytes:
    """All bytes of a small blob, which are what its digest says. Raises BlobError."""
    if blob.size_bytes > bytes_max:
        raise BlobError(f"{blob.size_bytes} bytes are more than {bytes_max}", where=blob.digest)
    content = b"".join(chunks(blob))
    check_digest(blob.digest, digest_of(content, like=blob.digest), where=blob.digest)
    return content


def hasher(digest: str) -> hashlib._Hash:
    """A running hash of the algorithm of a digest. Raises BlobError for an algorithm that OCI does not register."""
    algorithm = digest.partition(":")[0]
    if algorithm not in ("sha256", "sha512"):
        raise BlobError(f"{digest!r} is no digest", hint="expected sha256: and 64 hex digits")
    return hashlib.new(algorithm)


def digest_of(content: bytes, *, like: str) -> str:
    """The digest of bytes, by the algorithm of another digest."""
    running = hasher(like)
    running.update(content)
    return f"{like.partition(':')[0]}:{running.hexdigest()}"


def check_digest(wanted: str, found: str, *, where: str) -> None:
    """Raises BlobError unless the bytes are those that were wanted."""
    if found != wanted:
        raise BlobError(f"its bytes have the digest {found}, not {wanted}", where=where)


def _opened(path: Path) -> int:
    try:
        # Without waiting: a pipe in the place of a file would keep us for ever.
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise BlobError(error.strerror or str(error), where=str(path)) from error


def _identity(fd: int) -> _Identity:
    found = os.fstat(fd)
    return _Identity(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
