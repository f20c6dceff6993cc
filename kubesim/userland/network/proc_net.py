"""/proc/net of a namespace: tables of its sockets and interfaces as Linux lays them out.

The node's namespace shows the sockets of the real node besides its own, where there is a real one: `netstat -ln` in a
host-network pod is asked about both. Mirrors linux: net/ipv4/tcp_ipv4.c, get_tcp4_sock;
net/ipv4/udp.c, udp4_format_sock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from ipaddress import IPv4Address

from kubesim.userland.files.nodes import Node
from kubesim.userland.files.proc_files import VirtualDirectory, VirtualFile
from kubesim.userland.network.address import ANY_IPV4, ANY_IPV6, SocketAddress, from_proc_form, proc_form
from kubesim.userland.network.datagram import DatagramSocket
from kubesim.userland.network.interfaces import Interface, interfaces_of, routes_of
from kubesim.userland.network.namespace import NetworkNamespace
from kubesim.userland.network.node_network import NodeNetwork
from kubesim.userland.network.stream import Listener, Stream

_TCP_TITLE = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode"
_TCP6_TITLE = (
    "  sl  local_address                         remote_address                        st tx_queue rx_queue tr "
    "tm->when retrnsmt   uid  timeout inode"
)
_UDP_TITLE = (
    "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer "
    "drops"
)
_UNIX_TITLE = "Num       RefCount Protocol Flags    Type St Inode Path"
_ROUTE_TITLE = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT"
_ARP_TITLE = "IP address       HW type     Flags       HW address            Mask     Device"
_DEV_TITLE = (
    "Inter-|   Receive                                                |  Transmit\n"
    " face |bytes    packets errs drop fifo frame compressed multicast"
    "|bytes    packets errs drop fifo colls carrier compressed"
)

_REAL_TABLES = frozenset({"tcp", "tcp6", "udp", "udp6", "unix"})


def proc_net_directory(namespace: NetworkNamespace) -> Node:
    """The directory; a file is made when somebody reads it."""

    def child(name: str) -> Node | None:
        table = _TABLES.get(name)
        return None if table is None else VirtualFile(partial(_text, namespace, name, table))

    return VirtualDirectory(lambda: list(_TABLES), child)


def _text(namespace: NetworkNamespace, name: str, table: Callable[[NetworkNamespace], str]) -> bytes:
    own = table(namespace).encode()
    node = namespace.node
    if name not in _REAL_TABLES or namespace is not node.node or node.host_table is None:
        return own
    real = (node.host_table(name) or b"").partition(b"\n")[2]
    if node.host_stand_ins is not None and name != "unix":
        real = b"".join(_without_stand_ins(node, name, real))
    return own + real


def _without_stand_ins(node: NodeNetwork, name: str, real: bytes) -> Iterator[bytes]:
    """The lines of a table that are about no emulated socket: those of pods are not the node's to see, its own it has.

    A connection to one of them is the client's to see: its own end stays.
    """
    assert node.host_stand_ins is not None, "there are some"
    on_node = node.host_stand_ins("udp" if name.startswith("udp") else "tcp")
    for line in real.splitlines(keepends=True):
        local = from_proc_form(line.split(maxsplit=2)[1].decode())
        if local not in on_node and (local.is_ipv6 or IPv4Address(local.ip) not in node.pod_subnet):
            yield line


def _sockets(namespace: NetworkNamespace, *, is_udp: bool, is_ipv6: bool, title: str) -> str:
    kinds = DatagramSocket if is_udp else (Listener, Stream)
    found = [socket for socket in namespace.sockets() if isinstance(socket, kinds) and socket.local.is_ipv6 == is_ipv6]
    nobody = SocketAddress(ANY_IPV6 if is_ipv6 else ANY_IPV4, 0)
    lines = [
        f"{number:{5 if is_udp else 4}d}: {proc_form(socket.local)} {proc_form(socket.peer or nobody)} "
        f"{socket.state:02X} "
        f"{socket.unsent_bytes:08X}:{socket.queued_bytes:08X} 00:00000000 00000000 {socket.uid:5d}        0 "
        f"{socket.inode} {'2 0000000000000000 0' if is_udp else '1 0000000000000000 100 0 0 10 0'}"
        for number, socket in enumerate(found)
    ]
    return _table(title, lines, width=127 if is_udp else 149)


def _table(title: str, lines: Iterable[str], *, width: int = 0) -> str:
    return "".join(f"{line:<{width}}\n" for line in (title, *lines))


def _dev(namespace: NetworkNamespace) -> str:
    received = "       0       0    0    0    0     0          0         0"
    sent = "        0       0    0    0    0     0       0          0"
    return _table(_DEV_TITLE, [f"{interface.name:>6}:{received}{sent}" for interface in interfaces_of(namespace)])


def _route(namespace: NetworkNamespace) -> str:
    return _table(
        _ROUTE_TITLE,
        [
            f"{route.interface}\t{_word(route.network)}\t{_word(route.gateway)}\t{route.flags:04X}\t0\t0\t0"
            f"\t{_word(route.mask)}\t0\t0\t0"
            for route in routes_of(namespace)
        ],
        width=127,
    )


def _word(ip: str) -> str:
    """An IPv4 address as a number in the machine's order."""
    return IPv4Address(ip).packed[::-1].hex().upper()


def _if_inet6(namespace: NetworkNamespace) -> str:
    return "".join(_inet6_lines(interface) for interface in interfaces_of(namespace))


def _inet6_lines(interface: Interface) -> str:
    """Mirrors linux: net/ipv6/addrconf.c, if6_seq_show."""
    return "".join(
        f"{address.packed_hex} {interface.index:02x} {address.prefix_bits:02x} {address.scope:02x} 80 "
        f"{interface.name:>8}\n"
        for address in interface.addresses
        if address.is_ipv6
    )


_TABLES: Mapping[str, Callable[[NetworkNamespace], str]] = {
    "arp": lambda _: _table(_ARP_TITLE, []),
    "dev": _dev,
    "if_inet6": _if_inet6,
    "route": _route,
    "tcp": lambda namespace: _sockets(namespace, is_udp=False, is_ipv6=False, title=_TCP_TITLE),
    "tcp6": lambda namespace: _sockets(namespace, is_udp=False, is_ipv6=True, title=_TCP6_TITLE),
    "udp": lambda namespace: _sockets(namespace, is_udp=True, is_ipv6=False, title=_UDP_TITLE),
    "udp6": lambda namespace: _sockets(namespace, is_udp=True, is_ipv6=True, title=_TCP6_TITLE),
    "unix": lambda _: _table(_UNIX_TITLE, []),
}
