"""The network of a node: its own namespace, those of its pods, which reaches which, and port mappings.

Pods reach each other and the node by address, over the bridge the node has; the node maps ports of its own to pods.
Mirrors containernetworking/plugins: plugins/main/bridge and plugins/meta/portmap, as far as programs see them.
"""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Literal, TypeAlias

from kubesim.userland.network.address import SocketAddress, is_loopback
from kubesim.userland.network.namespace import NetworkNamespace, NetworkObserver, Silence

Protocol: TypeAlias = Literal["tcp", "udp", "icmp"]

NODE_IP = "192.0.2.2"
NODE_PREFIX_BITS = 24
POD_SUBNET = "10.88.0.0/16"

FIRST_INODE = 20000


@dataclass(frozen=True, slots=True, kw_only=True)
class PortMapping:
    """A port of the node that leads to a pod."""

    protocol: Literal["tcp", "udp"]
    host_ip: str
    """Empty for every address of the node."""
    host_port: int
    namespace: NetworkNamespace
    port: int


class NodeNetwork:
    """All namespaces of one node. `node` is the node's own, `outside` owns the far ends of injected connections."""

    __slots__ = (
        "_by_address", "_inode", "_mappings", "_outside_takers", "host_stand_ins", "host_table", "ipv6_subnet", "node",
        "observers", "outside", "pod_subnet",
    )  # fmt: skip

    def __init__(
        self, *, node_ip: str = NODE_IP, pod_subnet: str = POD_SUBNET, ipv6_subnet: IPv6Network | None = None
    ) -> None:
        self.pod_subnet = IPv4Network(pod_subnet)
        self.ipv6_subnet = ipv6_subnet
        """Of the second addresses of pods; None on a node with IPv4 only."""
        self.observers: list[NetworkObserver] = []
        """Told of the sockets of every namespace, without any of them being made for it."""
        self.node = NetworkNamespace(self, (node_ip, self.gateway, *filter(None, (self.ipv6_gateway,))))
        self.outside = NetworkNamespace(self)
        self.host_table: Callable[[str], bytes | None] | None = None
        """Reads a file of the real node's /proc/net by name, whose sockets the node's namespace shows besides its own;
        None without a real node."""
        self.host_stand_ins: Callable[[Literal["tcp", "udp"]], Container[SocketAddress]] | None = None
        """Addresses of the real node at which its sockets stand for emulated ones, besides those of pods: nobody is to
        see both. None when there are none, at those of pods either."""
        self._by_address: dict[str, NetworkNamespace] = dict.fromkeys(self.node.addresses, self.node)
        self._mappings: list[PortMapping] = []
        self._outside_takers: dict[tuple[SocketAddress, SocketAddress], Callable[[bytes], object]] = {}
        self._inode = FIRST_INODE

    @property
    def gateway(self) -> str:
        """The address of the node's bridge: where a pod sends what is not for its own subnet."""
        return str(self.pod_subnet.network_address + 1)

    @property
    def ipv6_gateway(self) -> str:
        """The IPv6 address of the bridge; an empty text when it has none."""
        return "" if self.ipv6_subnet is None else str(self.ipv6_subnet.network_address + 1)

    def is_loopback(self, ip: str) -> bool:
        """Whether an address never leaves its namespace. Pods may have addresses of the machine's loopback network."""
        if not is_loopback(ip) or ip in self._by_address:
            return False
        return ":" in ip or IPv4Address(ip) not in self.pod_subnet

    def next_inode(self) -> int:
        """A number for a socket."""
        self._inode += 1
        return self._inode

    # -- pods ---------------------------------------------------------------------------------------------

    def add_pod(self, *addresses: str, unprivileged_port_start: int = 1024) -> NetworkNamespace:
        """A namespace for a pod with these addresses, IPv4 first."""
        namespace = NetworkNamespace(self, addresses, unprivileged_port_start=unprivileged_port_start)
        for address in addresses:
            self._by_address[address] = namespace
        return namespace

    def remove_pod(self, namespace: NetworkNamespace) -> None:
        """The pod's network is torn down: nobody reaches it any more. Fine when it was already."""
        for address in namespace.addresses:
            if self._by_address.get(address) is namespace:
                del self._by_address[address]
        self._mappings = [mapping for mapping in self._mappings if mapping.namespace is not namespace]

    def map_port(self, mapping: PortMapping) -> None:
        """Let a port of the node lead to a pod, until the pod is removed; of two for one port the older counts.

        The node's own listeners are not asked, as the packet filter that does this does not ask them.
        """
        self._mappings.append(mapping)

    def namespace_at(self, ip: str) -> NetworkNamespace | None:
        """Who has an address; None for one that nobody has."""
        return self._by_address.get(ip)

    # -- ways ---------------------------------------------------------------------------------------------

    def route(
        self, source: NetworkNamespace, target: SocketAddress, protocol: Protocol
    ) -> tuple[NetworkNamespace, SocketAddress] | Silence:
        """The namespace a packet reaches and its address there, or why it reaches none."""
        if target.is_ipv6 and not source.source_ip(target.ip):
            return "no-network"
        here = source if source.owns(target.ip) else self._by_address.get(target.ip)
        if here is not None:
            mapping = self._mapping(target, protocol) if here is self.node else None
            if mapping is None:
                return here, target
            return mapping.namespace, SocketAddress(_address_like(mapping.namespace, target.ip), mapping.port)
        if target.is_ipv6:
            return self._silence_of_ipv6(source, target.ip)
        is_on_link = IPv4Address(target.ip) in self.pod_subnet or self._is_beside_node(target.ip)
        return "no-neighbour" if is_on_link else "no-answer"

    def deliver(self, source: NetworkNamespace, data: bytes, sender: SocketAddress, target: SocketAddress) -> bool:
        """Bring a datagram to its target; False when a host there answers that nobody has the port."""
        taker = self._outside_takers.get((target, sender))
        if taker is not None:
            taker(data)
            return True
        found = self.route(source, target, "udp")
        if isinstance(found, str):
            return True  # lost: nobody tells the sender
        namespace, inner = found
        socket = namespace.datagrams_at(inner, sender)
        if socket is None:
            return False
        socket.take(data, sender)
        return True

    # -- the outside --------------------------------------------------------------------------------------

    def attach_outside(self, outside: SocketAddress, inside: SocketAddress, take: Callable[[bytes], object]) -> None:
        """Datagrams from one address to the other leave the world: the latest `take` gets them.

        One peer may speak to many sockets, and is answered on the way that it came to each. What comes back goes
        straight to the socket's `take`.
        """
        self._outside_takers[outside, inside] = take

    def detach_outside(self, outside: SocketAddress, inside: SocketAddress, take: Callable[[bytes], object]) -> None:
        """Undo `attach_outside`; fine when another has taken over since."""
        if self._outside_takers.get((outside, inside)) is take:
            del self._outside_takers[outside, inside]

    def _mapping(self, target: SocketAddress, protocol: Protocol) -> PortMapping | None:
        for mapping in self._mappings:
            is_port = mapping.protocol == protocol and mapping.host_port == target.port
            if is_port and mapping.host_ip in ("", target.ip):
                return mapping
        return None

    def _silence_of_ipv6(self, source: NetworkNamespace, ip: str) -> Silence:
        if self.ipv6_subnet is not None and IPv6Address(ip) in self.ipv6_subnet:
            return "no-neighbour"
        # The node has no way to other IPv6 networks; a pod's default route leads to the node.
        return "no-network" if source is self.node else "no-answer"

    def _is_beside_node(self, ip: str) -> bool:
        link = IPv4Network(f"{self.node.addresses[0]}/{NODE_PREFIX_BITS}", strict=False)
        return IPv4Address(ip) in link


def _address_like(namespace: NetworkNamespace, ip: str) -> str:
    """The pod's address of the same family, or else its first."""
    is_ipv6 = ":" in ip
    return next((own for own in namespace.addresses if (":" in own) == is_ipv6), namespace.addresses[0])
