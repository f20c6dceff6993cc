"""Interfaces and routes of a namespace, as the bridge plugin sets them up: they follow from its addresses."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from kubesim.userland.network.namespace import NetworkNamespace
from kubesim.userland.network.node_network import NodeNetwork

IFF_UP, IFF_GATEWAY = 1, 2
"""Flags of a route. Mirrors linux: include/uapi/linux/route.h, RTF_UP and RTF_GATEWAY."""

IPV6_PREFIX_BITS = 64
"""Of link-local addresses, and of an address that a pod has from when its node had an IPv6 network."""

METRIC_OF_LINK, METRIC_OF_OTHERS = 256, 1024
"""Of what follows from an address, and of what somebody set up. Mirrors linux: include/net/ip6_route.h,
IP6_RT_PRIO_ADDRCONF and IP6_RT_PRIO_USER."""

_EVERYTHING, _MULTICAST = IPv6Network("::/0"), IPv6Network("ff00::/8")

SCOPE_HOST, SCOPE_LINK, SCOPE_GLOBAL = 0x10, 0x20, 0x00


@dataclass(frozen=True, slots=True, kw_only=True)
class InterfaceAddress:
    """One address of an interface."""

    ip: str
    prefix_bits: int
    scope: int = SCOPE_GLOBAL

    @property
    def is_ipv6(self) -> bool:
        """Of which family."""
        return ":" in self.ip

    @property
    def packed_hex(self) -> str:
        """All of its bytes."""
        return ip_address(self.ip).packed.hex()

    @property
    def mask(self) -> str:
        """The netmask of an IPv4 address."""
        return str(IPv4Network(f"{self.ip}/{self.prefix_bits}", strict=False).netmask)

    @property
    def broadcast(self) -> str:
        """The broadcast address of an IPv4 address."""
        return str(IPv4Network(f"{self.ip}/{self.prefix_bits}", strict=False).broadcast_address)


@dataclass(frozen=True, slots=True, kw_only=True)
class Interface:
    """A network device. `mac` is empty for loopback."""

    index: int
    name: str
    mac: str = ""
    mtu: int = 1500
    is_up: bool = True
    addresses: tuple[InterfaceAddress, ...] = ()

    @property
    def is_loopback(self) -> bool:
        """Whether it is `lo`."""
        return not self.mac


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One IPv4 route."""

    network: str
    mask: str
    gateway: str
    flags: int
    interface: str
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ipv6Route:
    """One IPv6 route. `gateway` is empty for what is on the link."""

    network: IPv6Network
    interface: str
    gateway: str = ""
    metric: int = METRIC_OF_LINK
    is_multicast: bool = False
    """Of another kind; Linux has these in the table of its own addresses."""


LOOPBACK = Interface(
    index=1,
    name="lo",
    mtu=65536,
    addresses=(
        InterfaceAddress(ip="127.0.0.1", prefix_bits=8, scope=SCOPE_HOST),
        InterfaceAddress(ip="::1", prefix_bits=128, scope=SCOPE_HOST),
    ),
)


def mac_of(ip: str) -> str:
    """A hardware address made of an IPv4 address. Mirrors containernetworking/plugins: pkg/utils/hwaddr.

    >>> mac_of("10.88.0.2")
    '0a:58:0a:58:00:02'
    """
    return "0a:58:" + IPv4Address(ip).packed.hex(":")


def interfaces_of(namespace: NetworkNamespace) -> list[Interface]:
    """All of them by index: loopback, those with the namespace's addresses, bridges that were made."""
    node = namespace.node
    found = [LOOPBACK]
    if namespace is node.node:
        ip, *gateways = namespace.addresses
        found.append(_ethernet(node, 2, "eth0", (ip,), prefix_bits=24))
        found.append(_ethernet(node, 3, "cni0", tuple(gateways), prefix_bits=node.pod_subnet.prefixlen))
    elif namespace.addresses:
        found.append(_ethernet(node, 2, "eth0", namespace.addresses, prefix_bits=node.pod_subnet.prefixlen))
    for name in namespace.bridges():
        number = len(found) + 1
        found.append(Interface(index=number, name=name, mac=f"02:00:00:00:00:{number:02x}", is_up=False))
    return found


def _ethernet(node: NodeNetwork, index: int, name: str, addresses: tuple[str, ...], *, prefix_bits: int) -> Interface:
    ipv6_bits = IPV6_PREFIX_BITS if node.ipv6_subnet is None else node.ipv6_subnet.prefixlen
    mac = mac_of(addresses[0]) if ":" not in addresses[0] else "02:00:00:00:00:02"
    own = [InterfaceAddress(ip=ip, prefix_bits=ipv6_bits if ":" in ip else prefix_bits) for ip in addresses]
    link = InterfaceAddress(ip=_link_local(mac), prefix_bits=64, scope=SCOPE_LINK)
    return Interface(index=index, name=name, mac=mac, addresses=(*own, link))


def _link_local(mac: str) -> str:
    """Mirrors linux: net/ipv6/addrconf.c, addrconf_ifid_eui48."""
    raw = bytes.fromhex(mac.replace(":", ""))
    identifier = bytes([raw[0] ^ 2, *raw[1:3], 0xFF, 0xFE, *raw[3:]])
    return str(IPv6Address(b"\xfe\x80" + bytes(6) + identifier))


def routes_of(namespace: NetworkNamespace) -> list[Route]:
    """The IPv4 routes, the default one first."""
    node = namespace.node
    routes = []
    for interface in interfaces_of(namespace):
        for address in interface.addresses if not interface.is_loopback else ():
            if address.is_ipv6:
                continue
            network = IPv4Network(f"{address.ip}/{address.prefix_bits}", strict=False)
            if interface.name == "eth0":
                gateway = node.gateway if namespace is not node.node else str(network.network_address + 1)
                routes.append(
                    Route(
                        network="0.0.0.0",  # noqa: S104 - the default route
                        mask="0.0.0.0",  # noqa: S104 - the default route
                        gateway=gateway,
                        flags=IFF_UP | IFF_GATEWAY,
                        interface="eth0",
                    )
                )
            routes.append(
                Route(
                    network=str(network.network_address),
                    mask=str(network.netmask),
                    gateway="0.0.0.0",  # noqa: S104 - none
                    flags=IFF_UP,
                    interface=interface.name,
                    source=address.ip,
                )
            )
    return routes


def ipv6_routes_of(namespace: NetworkNamespace) -> list[Ipv6Route]:
    """The IPv6 routes as Linux lists them: by network, the default one, those of multicast."""
    found = []
    multicast = []
    for interface in interfaces_of(namespace):
        own = [address for address in interface.addresses if address.is_ipv6 and not interface.is_loopback]
        for address in own:
            network = IPv6Network(f"{address.ip}/{address.prefix_bits}", strict=False)
            found.append(Ipv6Route(network=network, interface=interface.name))
        if own:
            multicast.append(Ipv6Route(network=_MULTICAST, interface=interface.name, is_multicast=True))
    found.sort(key=lambda route: route.network)
    gateway = namespace.node.ipv6_gateway
    has_address = any(":" in ip for ip in namespace.addresses)
    if gateway and has_address and namespace is not namespace.node.node:
        found.append(Ipv6Route(network=_EVERYTHING, interface="eth0", gateway=gateway, metric=METRIC_OF_OTHERS))
    return [*found, *multicast]
