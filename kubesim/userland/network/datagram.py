"""Datagram sockets: whole messages, lost when there is no room or nobody to take them.

Mirrors linux: net/ipv4/udp.c, udp_queue_rcv_one_skb and udp_err.
"""

from __future__ import annotations

from collections import deque
from typing import Protocol

from kubesim.userland.files.fs_error import FsError
from kubesim.userland.network.address import SocketAddress
from kubesim.userland.network.socket_file import SocketFile, SocketOwner

QUEUE_BYTES_MAX = 212992
"""net.core.rmem_default."""

HELD_BYTES = 768
"""What a datagram counts for besides its content, so that a flood of small ones is a few hundred in the queue. Mirrors
linux: include/linux/skbuff.h, SKB_TRUESIZE, of one without content."""

DATAGRAM_BYTES_MAX = 65507
CLOSE = 7
ESTABLISHED = 1


class DatagramOwner(SocketOwner, Protocol):
    """The namespace of a datagram socket."""

    def deliver(self, data: bytes, source: SocketAddress, target: SocketAddress) -> bool:
        """Bring a datagram to where it goes; False when the host there answers that nobody has the port."""


class DatagramSocket(SocketFile):
    """A bound socket; connected, it takes messages of its peer only, and `write_now` goes there."""

    __slots__ = ("_datagrams", "_network", "_queued_bytes", "_refused")

    def __init__(
        self, owner: DatagramOwner, local: SocketAddress, peer: SocketAddress | None, *, inode: int, uid: int
    ) -> None:
        super().__init__(owner, local, peer, inode=inode, uid=uid)
        self._network = owner
        self._datagrams: deque[tuple[bytes, SocketAddress]] | None = None
        self._queued_bytes = 0
        self._refused = False

    @property
    def state(self) -> int:
        """Connected or not."""
        return ESTABLISHED if self.peer is not None else CLOSE

    @property
    def queued_bytes(self) -> int:
        """What has arrived, as much as it counts for. Mirrors linux: net/ipv4/udp.c, udp4_format_sock."""
        return self._queued_bytes

    def take(self, data: bytes, source: SocketAddress) -> None:
        """A datagram arrives; without room for it, or from somebody else than the peer, it is lost."""
        held_bytes = len(data) + HELD_BYTES
        if self._queued_bytes + held_bytes > QUEUE_BYTES_MAX or (self.peer is not None and source != self.peer):
            return
        if self._datagrams is None:
            self._datagrams = deque()
        self._datagrams.append((data, source))
        self._queued_bytes += held_bytes
        self.wake()

    def receive_now(self) -> tuple[bytes, SocketAddress] | None:
        """The oldest message and who sent it; None when there is none. Raises FsError ECONNREFUSED, once."""
        if self._refused:
            self._refused = False
            raise FsError("ECONNREFUSED")
        if not self._datagrams:
            return None
        data, source = self._datagrams.popleft()
        self._queued_bytes -= len(data) + HELD_BYTES
        return data, source

    async def receive(self) -> tuple[bytes, SocketAddress]:
        """The oldest message and who sent it."""
        while (message := self.receive_now()) is None:
            await self.wait_changed()
        return message

    def send_to(self, data: bytes, target: SocketAddress) -> None:
        """Send a message. A connected socket learns at its next call that nobody had the port."""
        if len(data) > DATAGRAM_BYTES_MAX:
            raise FsError("EMSGSIZE")
        if not self._network.deliver(data, self.local, target) and self.peer is not None:
            self._refused = True
            self.wake()

    def read_now(self, size: int) -> bytes | None:
        """One message, cut off at `size`."""
        message = self.receive_now()
        return None if message is None else message[0][:size]

    def write_now(self, data: bytes) -> bytes | None:
        """One message to the peer."""
        if self.peer is None:
            raise FsError("EDESTADDRREQ")
        if self._refused:
            self._refused = False
            raise FsError("ECONNREFUSED")
        self.send_to(data, self.peer)
        return None
