"""Pipes with a name: opening waits for the other side, then they are pipes."""

from __future__ import annotations

from kubesim.userland.files.fs_error import FsError
from kubesim.userland.files.open_file import OpenFile
from kubesim.userland.files.pipe import Pipe


class Fifo:
    """What the openers of one pipe share. The counts of opens only grow: who waits sees that somebody came and went.

    Mirrors linux: fs/pipe.c, fifo_open.
    """

    __slots__ = ("__weakref__", "pipe", "reader_opens_count", "readers_count", "writer_opens_count", "writers_count")

    def __init__(self) -> None:
        self.pipe = Pipe()
        self.pipe.has_reader = self.pipe.has_writer = False
        self.readers_count = self.writers_count = 0
        self.reader_opens_count = self.writer_opens_count = 0

    def open(self, *, is_readable: bool, is_writable: bool, path: str) -> FifoFile:
        """One more open file. Whoever needs the other side to be there awaits `wait_opened`."""
        return FifoFile(self, is_readable=is_readable, is_writable=is_writable, path=path)

    def entered(self, readers_count: int, writers_count: int) -> None:
        """Somebody opens it."""
        self.readers_count += readers_count
        self.reader_opens_count += readers_count
        self.writers_count += writers_count
        self.writer_opens_count += writers_count
        self._tell()

    def left(self, readers_count: int, writers_count: int) -> None:
        """Somebody closes it; with the last one goes what nobody read."""
        self.readers_count -= readers_count
        self.writers_count -= writers_count
        if not (self.readers_count or self.writers_count):
            self.pipe.clear()
        self._tell()

    def _tell(self) -> None:
        self.pipe.has_reader = self.readers_count > 0
        self.pipe.has_writer = self.writers_count > 0
        self.pipe.wake()


class FifoFile(OpenFile):
    """An open end. Until the other side was there once, reading and writing wait as open(2) itself would have."""

    __slots__ = ("_awaited_count", "_fifo", "_is_closed", "_is_readable", "_is_writable", "_path")

    def __init__(self, fifo: Fifo, *, is_readable: bool, is_writable: bool, path: str) -> None:
        super().__init__()
        self._fifo = fifo
        self._is_readable = is_readable
        self._is_writable = is_writable
        self._path = path
        self._is_closed = False
        self._awaited_count = fifo.writer_opens_count if is_readable else fifo.reader_opens_count
        if (is_readable and fifo.writers_count) or (is_writable and fifo.readers_count):
            self._awaited_count -= 1  # it is there already
        fifo.entered(int(is_readable), int(is_writable))

    @property
    def is_opened(self) -> bool:
        """Whether open(2) would have returned: both ends in one, or somebody at the other one since it began."""
        if self._is_readable and self._is_writable:
            return True
        fifo = self._fifo
        return (fifo.writer_opens_count if self._is_readable else fifo.reader_opens_count) > self._awaited_count

    async def wait_opened(self) -> None:
        """Wait for the other side, as open(2) does."""
        try:
            while not self.is_opened:
                await self._fifo.pipe.wait_changed()
        except BaseException:
            self._close()
            raise

    def read_now(self, size: int) -> bytes | None:
        """What is in the pipe."""
        if not self._is_readable:
            raise FsError("EBADF")
        return self._fifo.pipe.take(size) if self.is_opened else None

    def write_now(self, data: bytes) -> bytes | None:
        """Into the pipe, as far as it has room."""
        if not self._is_writable:
            raise FsError("EBADF")
        return self._fifo.pipe.put(data) if self.is_opened else data

    async def wait_readable(self) -> None:
        """Wait for a writer."""
        await self._fifo.pipe.wait_changed()

    async def wait_writable(self) -> None:
        """Wait for a reader."""
        await self._fifo.pipe.wait_changed()

    def tell(self) -> str:
        """The path it was opened by."""
        return self._path

    def _close(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            self._fifo.left(int(self._is_readable), int(self._is_writable))

    def __del__(self) -> None:
        """A file that never got a descriptor closes with the program that opened it."""
        self._close()
