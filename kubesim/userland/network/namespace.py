"""A network namespace: its addresses, who listens on which port, and how a socket there comes to be.

Rule 1: an operation that fails raises FsError with the errno Linux gives, at once or after the time Linux takes.
Rule 2: a socket is in the tables from its making until its last descriptor is closed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias, TypeVar

from kubesim.kernel import sleep
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.network.address import ANY_IPV4, ANY_IPV6, SocketAddress
from kubesim.userland.network.datagram import DatagramSocket
from kubesim.userland.network.socket_file import SocketFile
from kubesim.userland.network.stream import Listener, Stream

if TYPE_CHECKING:
    from kubesim.userland.network.node_network import NodeNetwork

EPHEMERAL_FIRST, EPHEMERAL_LAST = 32768, 60999
"""net.ipv4.ip_local_port_range."""

BACKLOG_MAX = 4096
"""net.core.somaxconn."""

SYN_DELAYS_SECONDS = (1, 1, 1, 1, 1, 2, 4, 8, 16, 32, 64)
"""Between the attempts of a connect that nobody answers: 131 s in all. Mirrors linux:
Documentation/networking/ip-sysctl.rst, tcp_syn_retries and tcp_syn_linear_timeouts."""

NEIGHBOUR_SECONDS = 3
"""How long a neighbour is looked for before the host counts as unreachable. Mirrors linux: net/core/neighbour.c."""

_SECOND = 1_000_000_000

Silence: TypeAlias = Literal["no-network", "no-neighbour", "no-answer"]
"""Why a packet reaches nobody: no route, nobody with the address on the link, or gone without a trace."""


Bound = TypeVar("Bound", bound=SocketFile)


class NetworkObserver(Protocol):
    """Whoever carries an emulated port to the outside: told of each listener and unconnected datagram socket."""

    def opened(self, socket: Listener | DatagramSocket) -> None:
        """It takes connections or datagrams from now on."""

    def closed(self, socket: Listener | DatagramSocket) -> None:
        """It does not any more."""


class _Sockets:
    """What a namespace has once somebody uses it."""

    __slots__ = ("bridges", "datagrams", "listeners", "next_port", "observers", "streams")

    def __init__(self) -> None:
        self.listeners: dict[int, list[Listener]] = {}
        self.datagrams: dict[int, list[DatagramSocket]] = {}
        self.streams: dict[int, Stream] = {}
        self.bridges: list[str] = []
        self.observers: list[NetworkObserver] = []
        self.next_port = EPHEMERAL_FIRST


class NetworkNamespace:
    """The network of one pod, or of the node. `addresses` are those besides loopback, IPv4 first."""

    __slots__ = ("_sockets", "addresses", "node", "unprivileged_port_start")

    def __init__(
        self, node: NodeNetwork, addresses: tuple[str, ...] = (), *, unprivileged_port_start: int = 1024
    ) -> None:
        self.node = node
        self.addresses = addresses
        self.unprivileged_port_start = unprivileged_port_start
        """net.ipv4.ip_unprivileged_port_start: below it a listener needs CAP_NET_BIND_SERVICE."""
        self._sockets: _Sockets | None = None

    # -- addresses ----------------------------------------------------------------------------------------

    def owns(self, ip: str) -> bool:
        """Whether a packet to this address stays in the namespace."""
        return ip in self.addresses or self.node.is_loopback(ip)

    def source_ip(self, target_ip: str) -> str:
        """The address of a socket that sends there; an empty text when the family has none."""
        if target_ip in self.addresses:
            return target_ip
        is_ipv6 = ":" in target_ip
        if self.node.is_loopback(target_ip):
            return "::1" if is_ipv6 else "127.0.0.1"
        return next((ip for ip in self.addresses if (":" in ip) == is_ipv6), "")

    # -- sockets ------------------------------------------------------------------------------------------

    def listen(self, local: SocketAddress, *, backlog: int, uid: int, is_privileged: bool) -> Listener:
        """Take connections at an address; port 0 is any free one. Raises EACCES, EADDRINUSE and EADDRNOTAVAIL."""
        local = self._bindable(local, "listeners", is_privileged=is_privileged)
        listener = Listener(
            self, local, backlog=min(max(backlog, 0), BACKLOG_MAX), inode=self.node.next_inode(), uid=uid
        )
        sockets = self._in_use()
        sockets.listeners.setdefault(local.port, []).append(listener)
        for observer in (*sockets.observers, *self.node.observers):
            observer.opened(listener)
        return listener

    async def connect(
        self, target: SocketAddress, *, uid: int, source_port: int = 0, is_privileged: bool = False
    ) -> Stream:
        """Connect; the stream is held once for the caller.

        Raises ECONNREFUSED at once, ENETUNREACH at once, EHOSTUNREACH and ETIMEDOUT when Linux gives up.
        """
        if target.is_any:
            target = SocketAddress("::1" if target.is_ipv6 else "127.0.0.1", target.port)
        waited_seconds = 0
        for delay_seconds in (*SYN_DELAYS_SECONDS, 0):
            found = self.node.route(self, target, "tcp")
            if found == "no-network":
                raise FsError("ENETUNREACH")
            if found == "no-neighbour" and waited_seconds >= NEIGHBOUR_SECONDS:
                raise FsError("EHOSTUNREACH")
            if not isinstance(found, str):
                namespace, inner = found
                listener = namespace.listener_at(inner)
                if listener is None:
                    raise FsError("ECONNREFUSED")
                if not listener.is_full:
                    local = self._source_for(target, source_port, is_privileged=is_privileged)
                    return self._pair(self, local, target, namespace, inner, listener, uid)
            await sleep(delay_seconds * _SECOND)
            waited_seconds += delay_seconds
        raise FsError("ETIMEDOUT")

    def bind_datagrams(
        self, local: SocketAddress, *, uid: int, is_privileged: bool, peer: SocketAddress | None = None
    ) -> DatagramSocket:
        """A datagram socket at an address; port 0 is any free one. Raises EACCES, EADDRINUSE and EADDRNOTAVAIL."""
        local = self._bindable(local, "datagrams", is_privileged=is_privileged)
        socket = DatagramSocket(self, local, peer, inode=self.node.next_inode(), uid=uid)
        sockets = self._in_use()
        sockets.datagrams.setdefault(local.port, []).append(socket)
        if peer is None:
            for observer in (*sockets.observers, *self.node.observers):
                observer.opened(socket)
        return socket

    def connect_datagrams(self, target: SocketAddress, *, uid: int) -> DatagramSocket:
        """A datagram socket for one peer. Raises ENETUNREACH."""
        source = self.source_ip(target.ip)
        if not source:
            raise FsError("ENETUNREACH")
        return self.bind_datagrams(SocketAddress(source, 0), uid=uid, is_privileged=False, peer=target)

    def deliver(self, data: bytes, source: SocketAddress, target: SocketAddress) -> bool:
        """Bring a datagram to where it goes; False when the host there answers that nobody has the port."""
        if target.is_any:
            target = SocketAddress("::1" if target.is_ipv6 else "127.0.0.1", target.port)
        if source.is_any:
            source = SocketAddress(self.source_ip(target.ip), source.port)
        return self.node.deliver(self, data, source, target)

    def answers_ping(self, ip: str) -> bool:
        """Whether an echo request is answered. Raises ENETUNREACH."""
        found = self.node.route(self, SocketAddress(ip, 0), "icmp")
        if found == "no-network":
            raise FsError("ENETUNREACH")
        return not isinstance(found, str)

    def listener_at(self, address: SocketAddress) -> Listener | None:
        """Who takes connections to an address; the one bound to it before one bound to all."""
        here = [] if self._sockets is None else self._sockets.listeners.get(address.port, [])
        return _best(here, address)

    def datagrams_at(self, address: SocketAddress, source: SocketAddress) -> DatagramSocket | None:
        """Who takes datagrams to an address: the one connected to the sender before the others."""
        here = [] if self._sockets is None else self._sockets.datagrams.get(address.port, [])
        connected = [socket for socket in here if socket.peer == source]
        return _best(connected or [socket for socket in here if socket.peer is None], address)

    def sockets(self) -> Iterator[Listener | Stream | DatagramSocket]:
        """All sockets: listeners, streams, datagram sockets, each in the order of their making."""
        if self._sockets is not None:
            for listeners in self._sockets.listeners.values():
                yield from listeners
            yield from self._sockets.streams.values()
            for datagrams in self._sockets.datagrams.values():
                yield from datagrams

    def forget(self, socket: SocketFile) -> None:
        """The socket was closed."""
        sockets = self._in_use()
        if isinstance(socket, Stream):
            sockets.streams.pop(socket.inode, None)
            return
        assert isinstance(socket, Listener | DatagramSocket), "there is no other kind"
        table: dict[int, list[Listener]] | dict[int, list[DatagramSocket]] = (
            sockets.listeners if isinstance(socket, Listener) else sockets.datagrams
        )
        here = table[socket.local.port]
        here.remove(socket)  # type: ignore[arg-type]  # the table was chosen by the kind
        if not here:
            del table[socket.local.port]
        if socket.peer is None:
            for observer in (*sockets.observers, *self.node.observers):
                observer.closed(socket)

    # -- bridges ------------------------------------------------------------------------------------------

    def bridges(self) -> list[str]:
        """Names of the bridges that were made here, oldest first."""
        return [] if self._sockets is None else list(self._sockets.bridges)

    def add_bridge(self, name: str) -> None:
        """Make a bridge. Raises EEXIST."""
        if name in self.bridges() or name in ("lo", "eth0"):
            raise FsError("EEXIST")
        self._in_use().bridges.append(name)

    def remove_bridge(self, name: str) -> None:
        """Remove a bridge. Raises ENXIO."""
        if name not in self.bridges():
            raise FsError("ENXIO")
        self._in_use().bridges.remove(name)

    # -- the outside --------------------------------------------------------------------------------------

    def watch(self, observer: NetworkObserver) -> None:
        """Tell an observer of every listener and unconnected datagram socket: those there are now, and later ones."""
        self._in_use().observers.append(observer)
        for socket in self.sockets():
            if isinstance(socket, Listener) or (isinstance(socket, DatagramSocket) and socket.peer is None):
                observer.opened(socket)

    def unwatch(self, observer: NetworkObserver) -> None:
        """Undo `watch`."""
        self._in_use().observers.remove(observer)

    def inject(self, target: SocketAddress, source: SocketAddress) -> Stream:
        """A connection from outside the world to a listener here: the far end of it, held once for the caller.

        Whoever has it moves bytes with `read_now`, `write_now`, `shut_down`, waits with `wait_changed`, and ends with
        `release` or `abort`. Raises ECONNREFUSED without a listener, EAGAIN when its backlog is full.
        """
        listener = self.listener_at(target)
        if listener is None:
            raise FsError("ECONNREFUSED")
        if listener.is_full:
            raise FsError("EAGAIN")
        return self._pair(self.node.outside, source, target, self, target, listener, 0)

    # -- making sockets -----------------------------------------------------------------------------------

    def _in_use(self) -> _Sockets:
        if self._sockets is None:
            self._sockets = _Sockets()
        return self._sockets

    @staticmethod
    def _pair(
        owner: NetworkNamespace,
        local: SocketAddress,
        target: SocketAddress,
        namespace: NetworkNamespace,
        inner: SocketAddress,
        listener: Listener,
        uid: int,
    ) -> Stream:
        """Two ends: the near one with `owner`, the far one in the listener's queue; `inner` is what the far one has."""
        near = Stream(owner, local, target, inode=owner.node.next_inode(), uid=uid)
        far = Stream(namespace, inner, local, inode=owner.node.next_inode(), uid=listener.uid)
        near.other, far.other = far, near
        owner._in_use().streams[near.inode] = near
        namespace._in_use().streams[far.inode] = far
        near.hold()
        listener.offer(far)
        return near

    def _source_for(self, target: SocketAddress, port: int, *, is_privileged: bool) -> SocketAddress:
        ip = self.source_ip(target.ip)
        if not port:
            return SocketAddress(ip, self._free_port("listeners"))
        self._check_port(port, is_privileged=is_privileged)
        for stream in self._in_use().streams.values():
            if stream.local == (ip, port) and stream.peer == target:
                raise FsError("EADDRNOTAVAIL")
        return SocketAddress(ip, port)

    def _bindable(
        self, local: SocketAddress, table: Literal["listeners", "datagrams"], *, is_privileged: bool
    ) -> SocketAddress:
        if not local.is_any and not self.owns(local.ip):
            raise FsError("EADDRNOTAVAIL")
        if not local.port:
            return SocketAddress(local.ip, self._free_port(table))
        self._check_port(local.port, is_privileged=is_privileged)
        for other in self._table(table).get(local.port, ()):
            if _overlap(local.ip, other.local.ip):
                raise FsError("EADDRINUSE")
        return local

    def _check_port(self, port: int, *, is_privileged: bool) -> None:
        """Mirrors linux: net/ipv4/af_inet.c, __inet_bind."""
        if port < self.unprivileged_port_start and not is_privileged:
            raise FsError("EACCES")

    def _free_port(self, table: Literal["listeners", "datagrams"]) -> int:
        """The next port in turn that nobody has bound; nobody learns anything from a random one here."""
        sockets = self._in_use()
        taken = {stream.local.port for stream in sockets.streams.values()} if table == "listeners" else set()
        bound = self._table(table)
        for _ in range(EPHEMERAL_LAST - EPHEMERAL_FIRST + 1):
            port = sockets.next_port
            sockets.next_port = EPHEMERAL_FIRST if port == EPHEMERAL_LAST else port + 1
            if port not in bound and port not in taken:
                return port
        raise FsError("EADDRINUSE")

    def _table(
        self, table: Literal["listeners", "datagrams"]
    ) -> dict[int, list[Listener]] | dict[int, list[DatagramSocket]]:
        sockets = self._in_use()
        return sockets.listeners if table == "listeners" else sockets.datagrams


def _best(bound: list[Bound], address: SocketAddress) -> Bound | None:
    """The socket for an address among those of its port. One bound to :: takes IPv4 as well."""
    wildcards = (address.ip, ANY_IPV6) if address.is_ipv6 else (address.ip, ANY_IPV4, ANY_IPV6)
    for ip in wildcards:
        for socket in bound:
            if socket.local.ip == ip:
                return socket
    return None


def _overlap(one: str, other: str) -> bool:
    """Whether two sockets with the same port cannot be bound to these. Mirrors linux: net/ipv4/inet_hashtables.c."""
    if one == other or ANY_IPV6 in (one, other):
        return True
    return ANY_IPV4 in (one, other) and ":" not in one + other
