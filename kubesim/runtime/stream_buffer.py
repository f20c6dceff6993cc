"""What a process wrote and a client has not taken yet: bounded, so that a slow client makes the process wait."""

from __future__ import annotations

from collections.abc import Callable

from kubesim.kernel import Event
from kubesim.userland.files.byte_queue import ByteQueue
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.files.open_file import OpenFile

BUFFER_BYTES_MAX = 65536
"""As a pipe has it."""

CHUNK_BYTES_MAX = 32768
"""What one read gives at most. Mirrors Go: io.Copy's buffer, with which both runtimes copy to their clients."""


class StreamBuffer:
    """One stream on its way to one client. `on_room` is called when bytes were taken, or are not wanted any more."""

    __slots__ = ("_changed", "_data", "_is_broken", "_is_discarded", "is_ended", "on_room")

    def __init__(self) -> None:
        self._data = ByteQueue()
        self._changed = Event()
        self._is_discarded = False
        self._is_broken = False
        self.is_ended = False
        """Nothing is added any more."""
        self.on_room: Callable[[], object] | None = None

    @property
    def room_bytes(self) -> int:
        """How much `put` takes now."""
        return BUFFER_BYTES_MAX if self._is_discarded else BUFFER_BYTES_MAX - len(self._data)

    def put(self, data: bytes) -> bytes | None:
        """Add bytes; the rest that did not fit, None when all did. Raises FsError EPIPE when the client broke it."""
        if self._is_discarded:
            return None
        if self._is_broken:
            raise FsError("EPIPE")
        room = self.room_bytes
        if room <= 0:
            return data
        self._data.put(data if len(data) <= room else data[:room])
        self._wake()
        return data[room:] or None

    async def read(self, size: int = CHUNK_BYTES_MAX) -> bytes:
        """The next bytes as soon as there are some; b"" at the end."""
        while not self._data:
            if self.is_ended or self._is_discarded:
                return b""
            await self._changed.wait()
        part = self._data.take(size)
        self._make_room()
        return part

    def discard(self) -> None:
        """The client is gone: whatever comes is thrown away."""
        self._is_discarded = True
        self._data.clear()
        self._make_room()

    def break_pipe(self) -> None:
        """The client is gone: whoever writes finds a broken pipe."""
        self._is_broken = True
        self._data.clear()
        self._make_room()

    def end(self) -> None:
        """Nothing more comes; what is there can still be read."""
        self.is_ended = True
        self._wake()

    async def wait_room(self) -> None:
        """Wait until something was taken."""
        await self._changed.wait()

    def _make_room(self) -> None:
        self._wake()
        if self.on_room is not None:
            self.on_room()

    def _wake(self) -> None:
        if self._changed.waiters_count:
            self._changed.set()
            self._changed.clear()


class StreamFile(OpenFile):
    """The end of a buffer that a process writes to."""

    __slots__ = ("_buffer",)

    def __init__(self, buffer: StreamBuffer) -> None:
        super().__init__()
        self._buffer = buffer

    def write_now(self, data: bytes) -> bytes | None:
        """Into the buffer, as far as it has room."""
        return self._buffer.put(data)

    async def wait_writable(self) -> None:
        """Wait for the client."""
        await self._buffer.wait_room()

    def tell(self) -> str:
        """As a pipe to the runtime."""
        return "pipe:[1]"

    def _close(self) -> None:
        self._buffer.end()
