"""Open files: what a descriptor of a process stands for.

Rule 1: descriptors that were duplicated or inherited share one open file; it closes when the last holder lets go.
Rule 2: `read_now` and `write_now` do what can be done without waiting, and most of the time that is everything.
"""

# ruff: noqa: ARG002 - a device or a refusal does not look at its arguments

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from kubesim.userland.files.file_stat import Stat
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.files.nodes import Node

if TYPE_CHECKING:
    from kubesim.userland.terminals.terminal import Terminal

Sink: TypeAlias = Callable[[bytes], object]
"""Takes what a process writes: a container's log, the answer of an exec."""


class OpenFile:
    """A file, device, pipe or sink that is open. Without an override it is neither readable nor writable."""

    __slots__ = ("_holders_count",)
    is_terminal = False
    terminal: Terminal | None = None
    """The terminal that it is an open file of."""
    is_unbounded = False
    """Whether `write_now` takes everything and nobody has to be asked first, as a sink does."""

    def __init__(self) -> None:
        self._holders_count = 0

    def hold(self) -> OpenFile:
        """One more descriptor stands for this file."""
        self._holders_count += 1
        return self

    def release(self) -> None:
        """One less; the last one closes it."""
        self._holders_count -= 1
        if self._holders_count == 0:
            self._close()

    async def wait_opened(self) -> None:
        """Wait until open(2) would return: a pipe with a name waits for its other side, nothing else waits."""

    def read_now(self, size: int) -> bytes | None:
        """At most `size` bytes, b"" at the end, None when a reader would have to wait."""
        raise FsError("EBADF")

    def write_now(self, data: bytes) -> bytes | None:
        """Take `data`; the rest that did not fit, None when all did."""
        raise FsError("EBADF")

    async def wait_readable(self) -> None:
        """Wait until `read_now` may give something."""

    async def wait_writable(self) -> None:
        """Wait until `write_now` may take something."""

    def tell(self) -> str:
        """What /proc/PID/fd shows."""
        return "anon_inode:[kubesim]"

    def seek(self, offset: int) -> None:
        """Move back after reading too much."""
        raise FsError("EINVAL")

    def _close(self) -> None:
        """Called once, when nobody holds the file any more."""


class SinkFile(OpenFile):
    """Hands everything to a function, and tells when nobody can write any more."""

    __slots__ = ("_on_close", "sink")
    is_unbounded = True

    def __init__(self, sink: Sink, on_close: Callable[[], object] | None = None) -> None:
        super().__init__()
        self.sink = sink
        self._on_close = on_close

    def write_now(self, data: bytes) -> bytes | None:
        """Hand it over."""
        self.sink(data)
        return None

    def tell(self) -> str:
        """As a pipe to the runtime."""
        return "pipe:[1]"

    def _close(self) -> None:
        if self._on_close is not None:
            self._on_close()


class NullFile(OpenFile):
    """/dev/null: empty, and takes everything."""

    __slots__ = ()

    def read_now(self, size: int) -> bytes | None:
        """The end."""
        return b""

    def write_now(self, data: bytes) -> bytes | None:
        """Gone."""
        return None

    def tell(self) -> str:
        """Its path."""
        return "/dev/null"


class ZeroFile(NullFile):
    """/dev/zero: zeros without end."""

    __slots__ = ()

    def read_now(self, size: int) -> bytes | None:
        """Zeros."""
        return bytes(size)

    def tell(self) -> str:
        """Its path."""
        return "/dev/zero"


class FullFile(ZeroFile):
    """/dev/full: zeros to read, no space to write."""

    __slots__ = ()

    def write_now(self, data: bytes) -> bytes | None:
        """Refuse."""
        raise FsError("ENOSPC")

    def tell(self) -> str:
        """Its path."""
        return "/dev/full"


class RandomFile(NullFile):
    """/dev/urandom, from a seeded source."""

    __slots__ = ("_draw",)

    def __init__(self, draw: Callable[[int], int]) -> None:
        super().__init__()
        self._draw = draw

    def read_now(self, size: int) -> bytes | None:
        """Bytes of the source; `draw(bits)` gives a number of that many bits."""
        return self._draw(8 * size).to_bytes(size, "big") if size else b""

    def tell(self) -> str:
        """Its path."""
        return "/dev/urandom"


class BytesFile(OpenFile):
    """Given bytes to read: a here-document, or a stdin that is known beforehand."""

    __slots__ = ("_data", "_offset")

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self._data = data
        self._offset = 0

    def read_now(self, size: int) -> bytes | None:
        """The next bytes."""
        part = self._data[self._offset : self._offset + size]
        self._offset += len(part)
        return part


class RegularFile(OpenFile):
    """A file of a file system, with an offset."""

    __slots__ = (
        "_clock",
        "_is_append",
        "_is_readable",
        "_is_writable",
        "_keeps_privileges",
        "_room",
        "node",
        "offset",
        "path",
    )

    def __init__(
        self,
        node: Node,
        *,
        path: str,
        clock: Callable[[], int],
        is_readable: bool,
        is_writable: bool,
        is_append: bool = False,
        keeps_privileges: bool = True,
        room: Callable[[], int] | None = None,
    ) -> None:
        super().__init__()
        self.node = node
        self.path = path
        self.offset = 0
        self._clock = clock
        self._is_readable = is_readable
        self._is_writable = is_writable
        self._is_append = is_append
        self._keeps_privileges = keeps_privileges
        self._room = room

    @property
    def is_writable(self) -> bool:
        """Whether it was opened for writing."""
        return self._is_writable

    @property
    def is_append(self) -> bool:
        """Whether every write goes to the end."""
        return self._is_append

    def stat(self) -> Stat:
        """What the file is now, with a name or without; fstat(2). `inode` may be 0: see FileView.stat."""
        return self.node.stat()

    def read_now(self, size: int) -> bytes | None:
        """The next bytes; a directory opens but cannot be read."""
        if not self._is_readable:
            raise FsError("EBADF")
        data = self.node.read_at(self.offset, size)
        self.offset += len(data)
        return data

    def write_now(self, data: bytes) -> bytes | None:
        """Write at the offset, or at the end."""
        if not self._is_writable:
            raise FsError("EBADF")
        now_ns = self._clock()
        if not self._keeps_privileges:
            self._drop_privileges(now_ns)
        if self._room is not None:
            offset = self.node.stat().size_bytes if self._is_append else self.offset
            self._demand_room(offset + len(data))
        if self._is_append:
            self.node.append(data, now_ns)
            self.offset = self.node.stat().size_bytes
        else:
            self.node.write_at(self.offset, data, now_ns)
            self.offset += len(data)
        return None

    def truncate(self, size_bytes: int) -> None:
        """Cut or extend; ftruncate(2). The offset stays."""
        if not self._is_writable or size_bytes < 0:
            raise FsError("EINVAL")
        if not self._keeps_privileges:
            self._drop_privileges(self._clock())
        if self._room is not None:
            self._demand_room(size_bytes)
        self.node.truncate(size_bytes, self._clock())

    def seek(self, offset: int) -> None:
        """Move relative to where it stands."""
        self.offset = max(0, self.offset + offset)

    def tell(self) -> str:
        """The path it was opened by."""
        return self.path

    def _drop_privileges(self, now_ns: int) -> None:
        """Whoever writes without CAP_FSETID makes a setuid file a plain one. Mirrors linux: file_remove_privs."""
        mode = self.node.stat().mode
        if mode & 0o6000 and (kept := without_privileges(mode)) != mode:
            self.node.set_mode(kept, now_ns)

    def _demand_room(self, size_bytes: int) -> None:
        """A file system of a given size takes only so much."""
        assert self._room is not None, "the caller looked"
        more = pages(size_bytes) - pages(self.node.stat().size_bytes)
        if more > 0 and more > self._room():
            raise FsError("ENOSPC")

    def _close(self) -> None:
        self.node.let_go()


def pages(size_bytes: int) -> int:
    """Whole pages that so many bytes take, in bytes."""
    return -(-size_bytes // 4096) * 4096


def without_privileges(mode: int) -> int:
    """A mode without setuid, and without setgid where the group may execute: elsewhere that bit means locking.

    >>> oct(without_privileges(0o6755)), oct(without_privileges(0o2644))
    ('0o755', '0o2644')
    """
    mode &= ~0o4000
    return mode & ~0o2000 if mode & 0o010 else mode
