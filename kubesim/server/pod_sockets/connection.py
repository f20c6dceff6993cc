"""One connection from outside to a program in a pod: bytes both ways, each end as it comes.

Mirrors what a pod's network does with a connection: half-closed ends stay half open, a reset is a reset.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import deque
from typing import cast

from kubesim.kernel import Event, Kernel, RealTimePump, Task
from kubesim.server.streaming.link import Link
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.network.stream import Stream

CHUNK_BYTES = 65536

_LINGER_NOT = struct.pack("ii", 1, 0)


def reset(sock: socket.socket) -> None:
    """Close a socket so that its peer finds a reset."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
    sock.close()


class Connection(asyncio.Protocol):
    """A real socket and the outer end of an emulated connection, which is held once for this."""

    def __init__(self, kernel: Kernel, pump: RealTimePump, stream: Stream, living: set[Connection]) -> None:
        """It is one of `living` while there is a real socket."""
        self._kernel = kernel
        self._pump = pump
        self._stream = stream
        self._living = living
        self._link: Link | None = None
        self._transport: asyncio.Transport | None = None
        self._pending: deque[bytes] = deque()
        self._has_outside_ended = False
        self._has_inside_ended = False
        self._changed = Event()
        self._tasks: list[Task[None]] = []
        self._is_over = False

    # -- what asyncio calls ---------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is ready."""
        self._transport = cast("asyncio.Transport", transport)
        self._link = Link(self._transport)
        self._living.add(self)
        self._pump.enter(self._begin)

    def data_received(self, data: bytes) -> None:
        """Bytes from outside. No more of them come until the pod has taken these, however late the kernel is."""
        assert self._link is not None, "bytes come over a socket"
        self._pending.append(data)
        self._link.pause_reading()
        self._pump.enter(self._wake)

    def eof_received(self) -> bool:
        """Outside sends nothing more; the other direction goes on."""
        self._pump.enter(self._outside_ended)
        return True

    def pause_writing(self) -> None:
        """Outside is behind with reading."""
        if self._link is not None:
            self._link.set_full(is_full=True)

    def resume_writing(self) -> None:
        """Outside has caught up."""
        self._pump.enter(self._resumed)

    def connection_lost(self, error: Exception | None) -> None:
        """The socket is gone, by a reset when there is an error."""
        self._living.discard(self)
        self._pump.enter(self._lost, error is not None)

    # -- the server -----------------------------------------------------------------------------------------

    def abort(self) -> None:
        """End at once: outside finds a reset."""
        transport = self._transport
        if transport is not None and not transport.is_closing():
            sock = transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
            transport.abort()

    # -- within events of the kernel ------------------------------------------------------------------------

    def _begin(self) -> None:
        self._tasks = [
            self._kernel.spawn(self._outwards(), name="pod socket out"),
            self._kernel.spawn(self._inwards(), name="pod socket in"),
        ]

    def _outside_ended(self) -> None:
        self._has_outside_ended = True
        self._wake()

    def _resumed(self) -> None:
        if self._link is not None:
            self._link.set_full(is_full=False)

    def _lost(self, is_reset: bool) -> None:
        if self._link is not None:
            self._link.lost()
        if is_reset and not self._is_over:
            self._stream.abort()
        self._end()

    async def _inwards(self) -> None:
        link = self._link
        assert link is not None, "there is a socket"
        try:
            while True:
                while self._pending:
                    rest: bytes | None = self._pending.popleft()
                    while rest:
                        rest = self._stream.write_now(rest)
                        if rest:
                            await self._stream.wait_changed()
                if self._stream.other is None:
                    # The pod has closed its end: what it is sent after that is answered with a reset.
                    self.abort()
                    return
                link.resume_reading()
                if self._has_outside_ended:
                    break
                await self._changed.wait()
        except FsError:  # the pod cut the connection
            self.abort()
            return
        self._stream.shut_down()
        self._close_if_over()

    async def _outwards(self) -> None:
        link = self._link
        assert link is not None, "there is a socket"
        try:
            while True:
                data = self._stream.read_now(CHUNK_BYTES)
                if data is None:
                    await self._stream.wait_changed()
                elif data:
                    await link.wait_writable()
                    link.write(data)
                else:
                    break
        except FsError:  # the pod cut the connection
            self.abort()
            return
        self._has_inside_ended = True
        if self._transport is not None and not link.is_closed and self._transport.can_write_eof():
            try:
                self._transport.write_eof()
            except OSError:  # the peer has cut the connection, and nobody has read that yet
                self._stream.abort()
                self.abort()
                return
        self._close_if_over()
        while not self._stream.is_peer_gone:
            await self._stream.wait_changed()
        # Nobody in the pod has this end any more. The machine's kernel ends it as any that its program has closed: the
        # peer has some time, and finds a reset when it sends more. Mirrors linux: net/ipv4/tcp.c, __tcp_close.
        link.close()

    def _close_if_over(self) -> None:
        if self._has_inside_ended and self._has_outside_ended and self._link is not None:
            self._link.close()

    def _wake(self) -> None:
        self._changed.set()
        self._changed.clear()

    def _end(self) -> None:
        if not self._is_over:
            self._is_over = True
            for task in self._tasks:
                task.cancel()
            self._stream.release()
