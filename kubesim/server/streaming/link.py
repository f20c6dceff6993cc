"""The socket of an upgraded connection, as coroutines of the kernel see it.

Everything here happens on the loop's thread, within events of the kernel, and nothing blocks: what the socket does not
take at once waits in asyncio's buffer, and whoever writes more waits for `wait_writable` first.
"""

from __future__ import annotations

from asyncio import Transport
from collections.abc import Callable

from kubesim.kernel import Event


class Link:
    """One socket. `is_closed` when nothing can be sent any more."""

    __slots__ = ("_close", "_is_behind", "_is_paused", "_is_stopped", "_room", "_transport", "is_closed", "is_full")

    def __init__(self, transport: Transport, *, close: Callable[[], object] | None = None) -> None:
        """`close` is how the socket is closed, where that is not done at once."""
        self._transport = transport
        self._close = close or transport.close
        self._room = Event()
        self.is_full = False
        """The peer is behind with reading: whoever has more waits."""
        self._is_paused = False
        self._is_behind = False
        """The peer does not take the answers to what it sends."""
        self._is_stopped = False
        """Nothing is read, for one of the two reasons above."""
        self.is_closed = False

    def write(self, data: bytes) -> None:
        """Send bytes; lost when the socket is closed."""
        if data and not self.is_closed and not self._transport.is_closing():  # asyncio complains of what comes then
            self._transport.write(data)

    def reply(self, data: bytes) -> None:
        """Send what answers the peer's own bytes, such as pongs: when it does not read them, nothing of it is read."""
        self.write(data)
        if data and self.is_full:
            self._is_behind = True
            self._mind_reading()

    async def wait_writable(self) -> None:
        """Wait while the peer is behind with reading."""
        while self.is_full and not self.is_closed:
            await self._room.wait()

    def pause_reading(self) -> None:
        """The world does not take more: let the peer wait."""
        self._is_paused = True
        self._mind_reading()

    def resume_reading(self) -> None:
        """Undo `pause_reading`."""
        self._is_paused = False
        self._mind_reading()

    def close(self) -> None:
        """Send what is left, then close."""
        if not self.is_closed:
            self.is_closed = True
            self._close()
            self._wake()

    # -- what the connection tells ----------------------------------------------------------------------------

    def set_full(self, *, is_full: bool) -> None:
        """The socket's buffer passed one of its marks."""
        self.is_full = is_full
        if not is_full:
            self._is_behind = False
            self._mind_reading()
            self._wake()

    def lost(self) -> None:
        """The socket is gone."""
        self.is_closed = True
        self._wake()

    def _mind_reading(self) -> None:
        stops = self._is_paused or self._is_behind
        if stops is self._is_stopped or self.is_closed:
            return
        self._is_stopped = stops
        if stops:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    def _wake(self) -> None:
        self._room.set()
        self._room.clear()
