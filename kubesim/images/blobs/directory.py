"""The blobs of an OCI image layout: `blobs/ALGORITHM/HEX` below its directory.

Formats: opencontainers/image-spec: image-layout.md.
"""

from __future__ import annotations

import os
import re
import stat
import tempfile
from collections.abc import Iterable
from pathlib import Path

from kubesim.images.blobs.blob import Blob, BlobError, FileBlob, HostFile, hasher

DIGEST = re.compile(r"(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})")
"""The digests that a layout can hold; nothing else is ever made part of a path."""


class BlobDirectory:
    """The blobs below a directory. Each is looked at when it is asked for; whether it is what its name says, whoever
    reads it checks."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __repr__(self) -> str:
        return f"BlobDirectory({str(self.path)!r})"

    def find(self, digest: str) -> Blob | None:
        """The blob with a digest, None when it is not there.

        Raises BlobError for text that is no digest, and for what is no regular file: a link could lead anywhere.
        """
        place = self._place(digest)
        try:
            found = place.lstat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise BlobError(error.strerror or str(error), where=str(place)) from error
        if not stat.S_ISREG(found.st_mode):
            raise BlobError("a blob must be a regular file", where=str(place))
        file = HostFile.at(place)
        return FileBlob(digest=digest, file=file, size_bytes=file.size_bytes)

    def write(self, digest: str, chunks: Iterable[bytes], *, size_bytes: int | None = None) -> Blob:
        """Store the bytes of a blob under its digest; None for a size that nobody said.

        Until they are all there and checked they have no name that anybody looks for. Raises BlobError when they are
        not what the digest or the size says, or cannot be stored; whatever `chunks` raises goes through. Nothing is
        left behind then.
        """
        place = self._place(digest)
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            fd, name = tempfile.mkstemp(dir=place.parent, prefix=".incoming-")
        except OSError as error:
            raise BlobError(error.strerror or str(error), where=str(place.parent)) from error
        try:
            self._receive(fd, digest, chunks, size_bytes)
            os.replace(name, place)  # noqa: PTH105 - the temporary name is text
        except OSError as error:
            raise BlobError(error.strerror or str(error), where=str(place)) from error
        finally:
            os.close(fd)
            Path(name).unlink(missing_ok=True)
        file = HostFile.at(place)
        return FileBlob(digest=digest, file=file, size_bytes=file.size_bytes)

    def remove(self, digest: str) -> None:
        """Remove a blob; one that is not there is removed already."""
        self._place(digest).unlink(missing_ok=True)

    def digests(self) -> list[str]:
        """The digests of all blobs that are there, sorted."""
        found = [
            f"{algorithm.name}:{file.name}"
            for algorithm in (self.path / "blobs").glob("sha*")
            for file in algorithm.iterdir()
        ]
        return sorted(digest for digest in found if DIGEST.fullmatch(digest))

    def _receive(self, fd: int, digest: str, chunks: Iterable[bytes], size_bytes: int | None) -> None:
        running = hasher(digest)
        count = 0
        for chunk in chunks:
            count += len(chunk)
            if size_bytes is not None and count > size_bytes:
                raise BlobError(f"more than the {size_bytes} bytes that it should have", where=digest)
            running.update(chunk)
            _write_all(fd, chunk)
        if size_bytes is not None and count < size_bytes:
            raise BlobError(f"only {count} of {size_bytes} bytes came", where=digest)
        found = f"{digest.partition(':')[0]}:{running.hexdigest()}"
        if found != digest:
            raise BlobError(f"its bytes have the digest {found}", where=digest)
        os.fchmod(fd, 0o644)
        os.fsync(fd)

    def _place(self, digest: str) -> Path:
        if not DIGEST.fullmatch(digest):
            raise BlobError(f"{digest!r} is no digest", hint="expected sha256: and 64 hex digits")
        algorithm, _, digits = digest.partition(":")
        return self.path / "blobs" / algorithm / digits


def _write_all(fd: int, chunk: bytes) -> None:
    rest = memoryview(chunk)
    while rest:
        rest = rest[os.write(fd, rest) :]
