"""What all sockets have in common: an inode, an owner, a place in the namespace's tables until they are closed."""

from __future__ import annotations

from typing import Protocol

from kubesim.kernel import Event
from kubesim.userland.files.open_file import OpenFile
from kubesim.userland.network.address import SocketAddress


class SocketOwner(Protocol):
    """The namespace of a socket."""

    def forget(self, socket: SocketFile) -> None:
        """The socket was closed."""


class SocketFile(OpenFile):
    """An open socket. `peer` is None while it is not connected."""

    __slots__ = ("_changed", "_owner", "inode", "local", "peer", "uid")

    def __init__(
        self, owner: SocketOwner, local: SocketAddress, peer: SocketAddress | None, *, inode: int, uid: int
    ) -> None:
        super().__init__()
        self._owner = owner
        self._changed: Event | None = None
        self.local = local
        self.peer = peer
        self.inode = inode
        self.uid = uid

    @property
    def owner(self) -> SocketOwner:
        """The namespace that has the socket."""
        return self._owner

    def tell(self) -> str:
        """As the kernel names it."""
        return f"socket:[{self.inode}]"

    @property
    def state(self) -> int:
        """The number that /proc/net/tcp shows. Mirrors linux: include/net/tcp_states.h."""
        raise NotImplementedError

    @property
    def queued_bytes(self) -> int:
        """What has arrived and nobody has read; of a listener, how many connections nobody has accepted."""
        return 0

    @property
    def unsent_bytes(self) -> int:
        """What was written and the peer has not read. The queue of the peer holds it, so here it is none."""
        return 0

    def wake(self) -> None:
        """Whoever waits for this socket looks again."""
        if self._changed is not None and self._changed.waiters_count:
            self._changed.set()
            self._changed.clear()

    async def wait_changed(self) -> None:
        """Wait until something has happened to the socket."""
        if self._changed is None:
            self._changed = Event()
        await self._changed.wait()

    async def wait_readable(self) -> None:
        """Wait until `read_now` may give something."""
        await self.wait_changed()

    async def wait_writable(self) -> None:
        """Wait until `write_now` may take something."""
        await self.wait_changed()

    def _close(self) -> None:
        self._owner.forget(self)
