"""What a pull has fetched and nobody may see yet: beside the blobs, on the same file system.

It is given its place as a whole, or goes.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from kubesim.images.blobs.blob import BlobError
from kubesim.images.blobs.directory import BlobDirectory
from kubesim.images.documents import Descriptor
from kubesim.images.registry.errors import Failure, RequestFailed

PREFIX = ".incoming-"


class Incoming:
    """The blobs and documents of one pull."""

    def __init__(self, into: BlobDirectory, path: Path) -> None:
        self.into = into
        self.blobs = BlobDirectory(path)
        self._documents: list[str] = []  # digests, the innermost first
        self._added: list[Path] = []

    @property
    def free_bytes(self) -> int:
        """How much more the disk holds."""
        return shutil.disk_usage(self.blobs.path).free

    def has(self, blob: Descriptor) -> bool:
        """Whether a blob is in its place already."""
        try:
            found = self.into.find(blob.digest)
        except BlobError as error:
            raise RequestFailed(Failure(kind="storage", what=str(error))) from error
        return found is not None and found.size_bytes == blob.size

    def store(self, described: Descriptor, content: bytes) -> None:
        """Store a manifest or an index; the outermost comes first. Raises RequestFailed."""
        try:
            self.blobs.write(described.digest, [content], size_bytes=described.size)
        except BlobError as error:
            raise RequestFailed(Failure(kind="storage", what=str(error))) from error
        self._documents.insert(0, described.digest)

    def commit(self) -> None:
        """Give everything its place: the documents last, so that whoever finds one finds what it names.

        Raises RequestFailed, and nothing has its place then.
        """
        blobs = [digest for digest in self.blobs.digests() if digest not in self._documents]
        try:
            for digest in [*blobs, *self._documents]:
                relative = Path("blobs", *digest.split(":"))
                place = self.into.path / relative
                place.parent.mkdir(parents=True, exist_ok=True)
                if _move(self.blobs.path / relative, place):
                    self._added.append(place)
        except OSError as error:
            self.withdraw()
            what = f"{self.into.path}: {error.strerror or error}"
            raise RequestFailed(Failure(kind="storage", what=what)) from error

    def withdraw(self) -> None:
        """Take away what `commit` has added."""
        for place in self._added:
            place.unlink(missing_ok=True)


@contextlib.contextmanager
def incoming_to(into: BlobDirectory) -> Iterator[Incoming]:
    """A place for what is to come; what has not been committed is gone when the block ends. Raises RequestFailed."""
    try:
        into.path.mkdir(parents=True, exist_ok=True)
        path = tempfile.mkdtemp(dir=into.path, prefix=PREFIX)
    except OSError as error:
        what = f"{into.path}: {error.strerror or error}"
        raise RequestFailed(Failure(kind="storage", what=what, hint="name a directory to write in")) from error
    try:
        yield Incoming(into, Path(path))
    finally:
        shutil.rmtree(path, ignore_errors=True)


def sweep_incoming(directory: Path) -> None:
    """Remove what pulls left that were killed. Only for whoever alone pulls into the directory."""
    for left in directory.glob(f"{PREFIX}*"):
        shutil.rmtree(left, ignore_errors=True)


def _move(source: Path, place: Path) -> bool:
    """Give a file its place, unless there is one already: it is the same, and somebody may be reading it."""
    try:
        os.link(source, place)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS):
            raise
        # A file system without hard links.
        if place.exists():
            return False
        source.rename(place)
    return True
