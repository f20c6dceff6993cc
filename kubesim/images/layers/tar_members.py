"""The members of a tar as it streams by: every form that GNU tar, Go, Python and busybox write.

Rule 1: a name is data. It becomes a path below the root of the layer, or the layer is refused; `..` is refused even
where it would not lead out.
Rule 2: every number is checked before it is used, and each step goes on by at least one block.
Rule 3: a member is yielded with the place of its bytes, not with the bytes. Those are passed over, once.

Mirrors Go: archive/tar/reader.go; containerd: pkg/archive/tar.go, createTarFile (which kinds there are).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from kubesim.images.layers.limits import LayerError, LayerLimits
from kubesim.images.layers.sparse import SparseMap, is_sparse, old_gnu_map, pax_map
from kubesim.images.layers.tar_headers import (
    BLOCK_BYTES,
    ID_MAX,
    Header,
    Records,
    apply_records,
    device_numbers,
    pax_records,
    read_header,
    text,
)

MemberKind = Literal["file", "directory", "symlink", "hardlink", "fifo", "character device", "block device"]

PATH_BYTES_MAX = 4096
NAME_BYTES_MAX = 255

_KINDS: dict[bytes, MemberKind] = {
    b"0": "file",
    b"\0": "file",
    b"S": "file",
    b"1": "hardlink",
    b"2": "symlink",
    b"3": "character device",
    b"4": "block device",
    b"5": "directory",
    b"6": "fifo",
}
_DEVICES = ("character device", "block device")
_END = bytes(BLOCK_BYTES)
_MAGIC_BYTES = 4


@dataclass(frozen=True, slots=True)
class Member:
    """One member."""

    path: str
    """Absolute and clean; `/` is the root."""
    kind: MemberKind
    mode: int
    uid: int
    gid: int
    mtime_ns: int
    size_bytes: int
    """Length of a file; of a sparse one with its zeros."""
    offset: int
    """Where the bytes of a file begin in the archive."""
    magic: bytes
    """The first bytes of a file that can be executed."""
    target: str
    """Where a link points: of a symbolic one as it was written, of a hard one the path of its file."""
    device: tuple[int, int]
    sparse: SparseMap | None
    records: Records


class _Source:
    """The bytes of an archive as they come, with one's place in them."""

    __slots__ = ("_at", "_base", "_chunk", "_chunks")

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._chunk = b""
        self._base = 0
        self._at = 0

    @property
    def offset(self) -> int:
        return self._base + self._at

    def take(self, count: int) -> bytes:
        """The next bytes; fewer at the end only."""
        at = self._at
        if at + count <= len(self._chunk):
            self._at = at + count
            return self._chunk[at : at + count]
        found = self._chunk[at:]
        while len(found) < count and self._next():
            self._at = min(count - len(found), len(self._chunk))
            found += self._chunk[: self._at]
        return found

    def peek(self, count: int) -> bytes:
        """The next bytes, without going on; fewer at the end only."""
        while len(self._chunk) - self._at < count:
            chunk = next(self._chunks, b"")
            if not chunk:
                break
            self._chunk = self._chunk[self._at :] + chunk
            self._base += self._at
            self._at = 0
        return self._chunk[self._at : self._at + count]

    def skip(self, count: int) -> int:
        """Go on; gives how many of the bytes were not there."""
        left = len(self._chunk) - self._at
        while count > left:
            count -= left
            if not self._next():
                return count
            left = len(self._chunk)
        self._at += count
        return 0

    def _next(self) -> bool:
        chunk = next(self._chunks, b"")
        self._base += len(self._chunk)
        self._chunk = chunk
        self._at = 0
        return bool(chunk)


def read_members(chunks: Iterator[bytes], limits: LayerLimits, *, requires_end_mark: bool = False) -> Iterator[Member]:
    """The members of an archive in their order; all of `chunks` is taken, also what lies behind the end mark.

    Raises LayerError, maybe after some of them. An archive without an end mark ends with its last member, as for Go,
    unless the mark is required.
    """
    reader = _Reader(_Source(chunks), limits, requires_end_mark)
    while (member := reader.next_member()) is not None:
        yield member
    for _ in chunks:
        pass


class _Reader:
    def __init__(self, source: _Source, limits: LayerLimits, requires_end_mark: bool) -> None:
        self._source = source
        self._limits = limits
        self._requires_end_mark = requires_end_mark
        self._count = 0
        self._unread = 0
        """Bytes of the last member, with what fills its last block."""
        self._padding = 0
        """How many of them fill its last block. umoci leaves them out at the end, and Go does not miss them."""

    def next_member(self) -> Member | None:
        records: Records = []
        long_name = long_target = ""
        while True:
            block = self._next_block()
            if block is None:
                if records or long_name or long_target:
                    raise LayerError("the archive ends behind a header of a member that does not come")
                return None
            kind = block[156:157]
            if kind == b"x":
                records += pax_records(self._content(block, "a pax header"))
            elif kind == b"g":
                self._content(block, "a global pax header")  # runtimes look at none
            elif kind == b"L":
                long_name = text(self._content(block, "a long name"))
            elif kind == b"K":
                long_target = text(self._content(block, "a long link"))
            else:
                return self._member(block, records, long_name, long_target)

    def _next_block(self) -> bytes | None:
        """The next header; None at the end."""
        missing = self._source.skip(self._unread)
        is_cut = missing > (0 if self._requires_end_mark else self._padding)
        self._unread = self._padding = 0
        if is_cut:
            raise LayerError(f"the archive is truncated: {missing} bytes are missing")
        block = self._source.take(BLOCK_BYTES)
        if not block and self._requires_end_mark:
            raise LayerError("the archive is truncated: its end mark is missing")
        if not block or block == _END:
            return None
        if len(block) < BLOCK_BYTES:
            raise LayerError("the archive is truncated within a header")
        return block

    def _content(self, block: bytes, what: str) -> bytes:
        size_bytes = self._header(block).size_bytes
        if not 0 <= size_bytes <= self._limits.records_bytes_max:
            raise LayerError(f"{what} of {size_bytes} bytes is longer than {self._limits.records_bytes_max}")
        content = self._source.take(size_bytes)
        if len(content) < size_bytes:
            raise LayerError(f"the archive is truncated within {what}")
        self._unread = self._padding = -size_bytes % BLOCK_BYTES
        return content

    def _header(self, block: bytes) -> Header:
        try:
            return read_header(block)
        except LayerError as error:
            offset = self._source.offset - BLOCK_BYTES
            # The file may be anything, and whoever asks may not be allowed to read it: no byte of it is shown.
            if error.what == "no tar header":
                what = f"no tar header at byte {offset}" if offset else "not a tar archive"
                raise LayerError(what) from None
            raise

    def _member(self, block: bytes, records: Records, long_name: str, long_target: str) -> Member:
        header = self._header(block)
        header.name = long_name or header.name
        header.target = long_target or header.target
        try:
            if records:
                apply_records(header, records)
            return self._checked(block, header, records)
        except LayerError as error:
            raise LayerError(f"{_shown(header.name)}: {error.what}", hint=error.hint) from None

    def _checked(self, block: bytes, header: Header, records: Records) -> Member:
        self._count += 1
        if self._count > self._limits.entries_max:
            raise LayerError(f"more than {self._limits.entries_max} entries")
        kind = _KINDS.get(header.kind)
        if kind is None:
            raise LayerError(f"an entry of the unknown kind {header.kind.decode('latin-1')!r}")
        if header.kind == b"\0" and header.name.endswith("/"):
            kind = "directory"  # as tar did before it had a kind for them
        if not (0 <= header.uid <= ID_MAX and 0 <= header.gid <= ID_MAX):
            raise LayerError(f"the owner {header.uid}:{header.gid} is out of range", hint=f"ids are 0 to {ID_MAX}")
        sparse = self._place_content(block, header, kind, records)
        if sparse is not None and sparse.name:
            header.name = sparse.name
        size_bytes = 0 if kind != "file" else header.size_bytes if sparse is None else sparse.size_bytes
        if size_bytes > self._limits.file_bytes_max:
            raise LayerError(f"a file of {size_bytes} bytes is longer than {self._limits.file_bytes_max}")
        offset = self._source.offset
        is_program = kind == "file" and header.mode & 0o111 and sparse is None
        return Member(
            member_path(header.name),
            kind,
            header.mode & 0o7777,
            header.uid,
            header.gid,
            header.mtime_ns,
            size_bytes,
            offset,
            self._source.peek(min(_MAGIC_BYTES, size_bytes)) if is_program else b"",
            self._target(header, kind),
            device_numbers(block) if kind in _DEVICES else (0, 0),
            sparse,
            records,
        )

    def _place_content(self, block: bytes, header: Header, kind: MemberKind, records: Records) -> SparseMap | None:
        """Say how much of the archive the member's bytes are; gives the map of a sparse one."""
        if kind != "file":
            return None  # a size there counts for nothing: no bytes follow
        if header.size_bytes < 0:
            raise LayerError(f"a file of {header.size_bytes} bytes")
        sparse = None
        if header.kind == b"S":
            sparse = old_gnu_map(block, self._take_block, self._limits)
        elif is_sparse(records):
            sparse = pax_map(records, self._take_block, self._limits)
        stored_bytes = header.size_bytes - (0 if sparse is None else sparse.head_bytes)
        if sparse is not None and sum(extent.size_bytes for extent in sparse.extents) != stored_bytes:
            raise LayerError("a sparse file whose parts are not what is stored")
        self._padding = -stored_bytes % BLOCK_BYTES
        self._unread = stored_bytes + self._padding
        return sparse

    def _take_block(self) -> bytes:
        block = self._source.take(BLOCK_BYTES)
        if len(block) < BLOCK_BYTES:
            raise LayerError("the archive is truncated within the map of a sparse file")
        return block

    @staticmethod
    def _target(header: Header, kind: MemberKind) -> str:
        if kind == "hardlink":
            return member_path(header.target)
        if kind != "symlink":
            return ""
        if len(header.target.encode("utf-8", "surrogateescape")) >= PATH_BYTES_MAX:
            raise LayerError(f"a link to more than {PATH_BYTES_MAX - 1} bytes")
        return header.target


def member_path(name: str) -> str:
    """The absolute path that a member's name stands for below the root of its layer; the root itself is `/`.

    Raises LayerError for a name that goes up, or that no file can have.
    """
    parts = [part for part in name.split("/") if part and part != "."]
    path = "/" + "/".join(parts)
    if ".." in parts:
        raise LayerError("`..` in a name", hint="names of a layer start at its root")
    if "\0" in name:
        raise LayerError("a NUL in a name")
    if len(path) > NAME_BYTES_MAX // 4:
        if any(len(part.encode("utf-8", "surrogateescape")) > NAME_BYTES_MAX for part in parts):
            raise LayerError(f"a name of more than {NAME_BYTES_MAX} bytes")
        if len(path.encode("utf-8", "surrogateescape")) >= PATH_BYTES_MAX:
            raise LayerError(f"a path of more than {PATH_BYTES_MAX - 1} bytes")
    return path


def _shown(name: str) -> str:
    """A name as a message has it: one that is too long for any file begins and ends as it does."""
    if len(name) <= NAME_BYTES_MAX:
        return repr(name)
    return f"{name[:40]!r}...{name[-40:]!r} ({len(name)} characters)"
