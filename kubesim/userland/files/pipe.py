"""Pipes: bounded, with an end when the last writer closes and SIGPIPE when the last reader does."""

from __future__ import annotations

from kubesim.kernel import Event
from kubesim.userland.files.byte_queue import ByteQueue
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.files.open_file import OpenFile

PIPE_BYTES_MAX = 65536
"""Mirrors linux: fs/pipe.c, PIPE_DEF_BUFFERS pages of 4096 bytes."""

READ_BYTES_MAX = 65536
"""What one read of a program asks for."""


class Pipe:
    """What lies between the two ends. `bytes_max` None: a buffer that takes everything, for command substitution."""

    __slots__ = ("_bytes_max", "_changed", "_data", "has_reader", "has_writer")

    def __init__(self, *, bytes_max: int | None = PIPE_BYTES_MAX) -> None:
        self._bytes_max = bytes_max
        self._data = ByteQueue()
        self._changed = Event()
        self.has_reader = True
        self.has_writer = True

    def ends(self) -> tuple[PipeReader, PipeWriter]:
        """The reading and the writing end."""
        return PipeReader(self), PipeWriter(self)

    def take(self, size: int) -> bytes | None:
        """Bytes for a reader, b"" at the end, None when there is nothing yet."""
        if not self._data:
            return None if self.has_writer else b""
        part = self._data.take(size)
        self.wake()
        return part

    def put(self, data: bytes) -> bytes | None:
        """Bytes of a writer; the rest that did not fit. EPIPE when nobody will read them."""
        if not self.has_reader:
            raise FsError("EPIPE")
        room = len(data) if self._bytes_max is None else self._bytes_max - len(self._data)
        if room <= 0:
            return data
        self._data.put(data if len(data) <= room else data[:room])
        self.wake()
        return data[room:] or None

    def clear(self) -> None:
        """Forget what nobody read."""
        self._data.clear()

    def wake(self) -> None:
        """Whoever waits looks again."""
        if self._changed.waiters_count:
            self._changed.set()
            self._changed.clear()

    async def wait_changed(self) -> None:
        """Wait until a byte moves or an end closes."""
        await self._changed.wait()


class PipeReader(OpenFile):
    """The end to read from."""

    __slots__ = ("_pipe",)

    def __init__(self, pipe: Pipe) -> None:
        super().__init__()
        self._pipe = pipe

    def read_now(self, size: int) -> bytes | None:
        """What is in the pipe."""
        return self._pipe.take(size)

    async def wait_readable(self) -> None:
        """Wait for a writer."""
        await self._pipe.wait_changed()

    def tell(self) -> str:
        """As the kernel names it."""
        return "pipe:[2]"

    def _close(self) -> None:
        self._pipe.has_reader = False
        self._pipe.wake()


class PipeWriter(OpenFile):
    """The end to write to."""

    __slots__ = ("_pipe",)

    def __init__(self, pipe: Pipe) -> None:
        super().__init__()
        self._pipe = pipe

    def write_now(self, data: bytes) -> bytes | None:
        """Into the pipe, as far as it has room."""
        return self._pipe.put(data)

    async def wait_writable(self) -> None:
        """Wait for a reader."""
        await self._pipe.wait_changed()

    def tell(self) -> str:
        """As the kernel names it."""
        return "pipe:[2]"

    def _close(self) -> None:
        self._pipe.has_writer = False
        self._pipe.wake()
