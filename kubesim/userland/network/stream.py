"""Connected streams: bounded, closed in halves, and reset when one end is gone with bytes on the way.

Mirrors linux: net/ipv4/tcp.c, tcp_recvmsg_locked and tcp_close; net/ipv4/tcp_input.c, tcp_reset.
"""

from __future__ import annotations

from kubesim.userland.files.byte_queue import ByteQueue
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.network.address import SocketAddress
from kubesim.userland.network.socket_file import SocketFile, SocketOwner

QUEUE_BYTES_MAX = 131072
"""What a stream holds that nobody has read: the middle value of net.ipv4.tcp_rmem."""

ESTABLISHED = 1
FIN_WAIT = 5
CLOSE_WAIT = 8
LISTEN = 10


class Stream(SocketFile):
    """One end of a connection. `other` is the far end."""

    __slots__ = ("_error", "_is_shut", "_received", "is_finished", "is_gone", "other")

    def __init__(self, owner: SocketOwner, local: SocketAddress, peer: SocketAddress, *, inode: int, uid: int) -> None:
        super().__init__(owner, local, peer, inode=inode, uid=uid)
        self.other: Stream | None = None
        self.is_finished = False
        """The other end will send nothing more."""
        self.is_gone = False
        """Closed here: nobody reads any more."""
        self._is_shut = False
        self._error = ""
        self._received = ByteQueue()

    @property
    def state(self) -> int:
        """Half closed ends have states of their own."""
        if self._is_shut:
            return FIN_WAIT
        return CLOSE_WAIT if self.is_finished else ESTABLISHED

    @property
    def queued_bytes(self) -> int:
        """What has arrived."""
        return len(self._received)

    @property
    def is_peer_gone(self) -> bool:
        """Whether nobody has the far end any more, so that nothing that is written arrives."""
        return self.other is None or self.other.is_gone

    def read_now(self, size: int) -> bytes | None:
        """What has arrived, b"" after the last byte. Raises FsError ECONNRESET, once."""
        if self._received:
            part = self._received.take(size)
            if self.other is not None:
                self.other.wake()
            return part
        if self.is_finished:
            return b""
        if self._error:
            error, self._error = self._error, ""
            self.is_finished = True
            raise FsError(error)
        return None

    def write_now(self, data: bytes) -> bytes | None:
        """Send as much as the far end has room for. Raises FsError EPIPE, and ECONNRESET once after a reset."""
        if self._is_shut:
            raise FsError("EPIPE")
        if self._error:
            error, self._error = self._error, ""
            self.is_finished = self._is_shut = True
            raise FsError(error)
        other = self.other
        if other is None or self.is_peer_gone:
            # The far end answers with a reset, which the next write finds.
            self.reset("EPIPE" if self.is_finished else "ECONNRESET")
            return None
        room = QUEUE_BYTES_MAX - len(other._received)  # noqa: SLF001 - the same class
        if room <= 0:
            return data
        other._received.put(data if len(data) <= room else data[:room])  # noqa: SLF001 - the same class
        other.wake()
        return data[room:] or None

    def shut_down(self) -> None:
        """Send nothing more; what was sent arrives, then the end."""
        if not self._is_shut:
            self._is_shut = True
            if self.other is not None:
                self.other.is_finished = True
                self.other.wake()

    def reset(self, errno_name: str = "ECONNRESET") -> None:
        """The far end cut the connection."""
        self._error = errno_name
        self.other = None
        self.wake()

    def abort(self) -> None:
        """Cut the connection: the far end finds a reset."""
        if self.other is not None:
            self.other.reset()
            self.other = None
        self._received.clear()
        self._is_shut = self.is_finished = True
        self.wake()

    def _close(self) -> None:
        self.is_gone = True
        super()._close()
        if self._received:  # bytes that nobody will read: the far end learns that they were lost
            self.abort()
            return
        self.shut_down()
        if self.other is not None:
            self.other.wake()
            if self.other.is_gone:
                self.other.other = None
                self.other = None


class Listener(SocketFile):
    """A port that takes connections. `accept_now` gives them in the order of their arrival."""

    __slots__ = ("_backlog", "_is_closed", "_is_silent", "_waiting")

    def __init__(self, owner: SocketOwner, local: SocketAddress, *, backlog: int, inode: int, uid: int) -> None:
        super().__init__(owner, local, None, inode=inode, uid=uid)
        self._backlog = backlog
        self._waiting: list[Stream] = []
        self._is_closed = False
        self._is_silent = False

    @property
    def state(self) -> int:
        """It listens."""
        return LISTEN

    @property
    def queued_bytes(self) -> int:
        """Connections that nobody has accepted."""
        return len(self._waiting)

    @property
    def backlog(self) -> int:
        """How many may wait."""
        return self._backlog

    @property
    def is_full(self) -> bool:
        """Whether one more connection is not answered. Mirrors linux: include/net/sock.h, sk_acceptq_is_full."""
        return self._is_silent or len(self._waiting) > self._backlog

    @property
    def is_closed(self) -> bool:
        """Whether nobody listens any more."""
        return self._is_closed

    def silence(self, *, is_silent: bool) -> None:
        """Let no connection through, as a packet filter that drops what comes for the port; or let them again."""
        self._is_silent = is_silent
        self.wake()

    def offer(self, stream: Stream) -> None:
        """A connection for whoever accepts."""
        self._waiting.append(stream)
        self.wake()

    def accept_now(self) -> Stream | None:
        """The oldest connection, None when there is none yet."""
        if not self._waiting:
            return None
        stream = self._waiting.pop(0)
        self.wake()
        return stream

    async def accept(self) -> Stream:
        """The oldest connection, held once for the caller."""
        while (stream := self.accept_now()) is None:
            await self.wait_changed()
        stream.hold()
        return stream

    def _close(self) -> None:
        self._is_closed = True
        super()._close()
        waiting, self._waiting = self._waiting, []
        for stream in waiting:
            stream.abort()
            stream.hold()
            stream.release()
        self.wake()
