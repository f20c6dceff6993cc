"""The files of an image layout, in a directory or in a tar. Names are relative, with `/` between them."""

from __future__ import annotations

import posixpath
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from kubesim.errors import InputError
from kubesim.images.blobs.blob import Blob, HostFile
from kubesim.images.json_text import JSON_BYTES_MAX, parse_json, too_long
from kubesim.images.layers.limits import LayerError, LayerLimits
from kubesim.images.layers.streams import ByteStream, open_stream
from kubesim.images.layers.tar_members import Member, read_members
from kubesim.images.tree import LINKS_MAX, StoredContent

ARCHIVE_LIMITS = LayerLimits(entries_max=100_000)
"""Of an archive of images: a layer in it is a single entry."""


class ArchiveError(InputError):
    """A file with images that cannot be used. `where` names the file and the entry in it."""


class ArchiveFiles(Protocol):
    """The files that hold images."""

    @property
    def where(self) -> str:
        """What to call them in messages."""

    def find(self, name: str) -> StoredContent | None:
        """The file of this name; None when there is none.

        Raises ArchiveError for a name that leads out, and for what is no file.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundBlob:
    """A file under the digest that it should have."""

    digest: str
    content: StoredContent

    @property
    def size_bytes(self) -> int:
        """The length of all."""
        return self.content.size_bytes

    def read_at(self, offset: int, size: int) -> bytes:
        """A piece of it."""
        return self.content.read_at(offset, size)


class LayoutBlobs:
    """The blobs of a layout: `blobs/ALGORITHM/HEX` among its files."""

    def __init__(self, files: ArchiveFiles) -> None:
        self._files = files

    def find(self, digest: str) -> Blob | None:
        """The blob with a digest; None when it is not there."""
        content = self._files.find(blob_name(digest))
        return None if content is None else FoundBlob(digest=digest, content=content)


def blob_name(digest: str) -> str:
    """Where a layout has the blob with a digest, which was checked before. Formats: image-spec: image-layout.md."""
    algorithm, _, encoded = digest.partition(":")
    return f"blobs/{algorithm}/{encoded}"


def read_json(files: ArchiveFiles, name: str) -> Any:
    """The value of a JSON file. Raises ArchiveError when it is not there, DocumentError for what is no JSON."""
    return parse_json(read_small(files, name), where=f"{files.where}: {name}")


def read_small(files: ArchiveFiles, name: str) -> bytes:
    """All bytes of a document. Raises ArchiveError when it is not there, DocumentError for too many."""
    content = files.find(name)
    where = f"{files.where}: {name}"
    if content is None:
        raise ArchiveError("no such entry", where=where)
    if content.size_bytes > JSON_BYTES_MAX:
        raise too_long(where, content.size_bytes)
    return content.read_at(0, content.size_bytes)


def relative_name(name: str, *, where: str) -> str:
    """A name as it stands in a document or a link, made clean. Raises ArchiveError for one that leads out."""
    clean = posixpath.normpath(name) if name else ""
    if not name or "\0" in name or name.startswith("/") or clean == ".." or clean.startswith("../"):
        raise ArchiveError(f"the name {name[:200]!r} leads out", where=where, hint="expected a name below the root")
    return clean


class DirectoryFiles:
    """The files below a directory of this machine. No link is followed, for one could lead anywhere."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def where(self) -> str:
        """The path of the directory."""
        return str(self._path)

    def find(self, name: str) -> StoredContent | None:
        """The file of this name."""
        place = self._path
        mode = stat.S_IFDIR
        for part in relative_name(name, where=self.where).split("/"):
            place /= part
            try:
                mode = place.lstat().st_mode
            except (FileNotFoundError, NotADirectoryError):
                return None
            except OSError as error:
                raise ArchiveError(error.strerror or str(error), where=str(place)) from error
            if stat.S_ISLNK(mode):
                raise ArchiveError("a link", where=str(place), hint="expected a file: links are not followed")
        if not stat.S_ISREG(mode):
            raise ArchiveError("not a regular file", where=str(place))
        return HostFile.at(place)


@dataclass(frozen=True, slots=True)
class _Stretch:
    """A member of an archive."""

    stream: ByteStream
    offset: int
    size_bytes: int

    def read_at(self, offset: int, size: int) -> bytes:
        """A piece of it."""
        return self.stream.read_at(self.offset + offset, max(0, min(size, self.size_bytes - offset)))


class TarFiles:
    """The members of a tar, which may be compressed. It is read through once, and its entries are remembered."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._members: dict[str, Member] = {}
        file = HostFile.at(path)
        self._stream = open_stream(FoundBlob(digest=str(path), content=file))
        for member in read_members(self._bounded(file.size_bytes), ARCHIVE_LIMITS):
            self._add(member)

    @property
    def where(self) -> str:
        """The path of the archive."""
        return str(self._path)

    def find(self, name: str) -> StoredContent | None:
        """The file of this name. Links are followed from entry to entry."""
        clean = relative_name(name, where=self.where)
        for _ in range(LINKS_MAX):
            member = self._members.get(clean)
            if member is None:
                return None
            where = f"{self.where}: {clean}"
            if member.kind == "file":
                if member.sparse is not None:
                    raise ArchiveError("a sparse file", where=where, hint="write the archive without --sparse")
                return _Stretch(self._stream, member.offset, member.size_bytes)
            if member.kind == "directory":
                raise ArchiveError("a directory", where=where, hint="expected a file")
            if member.kind == "hardlink":
                clean = member.target.lstrip("/")
            else:
                clean = relative_name(posixpath.join(posixpath.dirname(clean), member.target), where=where)
            if clean not in self._members:
                raise ArchiveError(f"a link to {clean!r}, which is not in the archive", where=where)
        raise ArchiveError(f"more than {LINKS_MAX} links, one after another", where=f"{self.where}: {name}")

    def _bounded(self, packed_bytes: int) -> Iterator[bytes]:
        limits = ARCHIVE_LIMITS
        for chunk in self._stream.scan(lambda _: None):
            size_bytes = self._stream.size_bytes
            if size_bytes > limits.ratio_free_bytes and size_bytes > limits.ratio_max * packed_bytes:
                raise LayerError(f"it unpacks to more than {limits.ratio_max} times its {packed_bytes} bytes")
            yield chunk

    def _add(self, member: Member) -> None:
        name = member.path.lstrip("/")
        where = f"{self.where}: {name}"
        if member.kind not in ("file", "directory", "hardlink", "symlink"):
            raise ArchiveError(f"a {member.kind}", where=where, hint="images need files, directories and links only")
        before = self._members.get(name)
        if before is not None and not (before.kind == member.kind == "directory"):
            raise ArchiveError("the archive has two entries of this name", where=where, hint="keep one of them")
        self._members[name] = member
