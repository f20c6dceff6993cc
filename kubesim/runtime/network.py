"""The pod network: an address of each of its families for each sandbox that does not use the node's.

Addresses are given in turn, so one that was just freed is not given to the next pod at once. Each family has its turn.
Mirrors containernetworking/plugins: plugins/ipam/host-local/backend/allocator/allocator.go and range.go.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address

from kubesim.errors import InputError

POD_SUBNET = "10.88.0.0/16"

IPV6_PREFIX_BITS_MAX = 112
"""A longer prefix leaves fewer addresses than the /16 of the IPv4 addresses has, and some pods without one."""

_NO_PODS_THERE = tuple(map(IPv6Network, ("::/8", "fe80::/10", "ff00::/8")))
"""Loopback and IPv4 within IPv6, link-local addresses, multicast."""


class AddressesExhausted(Exception):
    """Every address of the network is in use."""


class _Range:
    """The addresses of one family; the first host address is the bridge's own."""

    __slots__ = ("_first", "_last", "_next", "_used", "subnet")

    def __init__(self, subnet: IPv4Network | IPv6Network) -> None:
        self.subnet = subnet
        self._first = int(subnet.network_address) + 2
        # Only IPv4 has a broadcast address.
        self._last = int(subnet.broadcast_address) - (1 if subnet.version == 4 else 0)
        self._next = self._first
        self._used: set[int] = set()

    @property
    def gateway(self) -> str:
        return str(self.subnet.network_address + 1)

    def used(self) -> set[str]:
        return {self._address(number) for number in self._used}

    def _address(self, number: int) -> str:
        return str(self.subnet.network_address + (number - int(self.subnet.network_address)))

    def allocate(self) -> str:
        count = self._last - self._first + 1
        for offset in range(count):
            candidate = self._first + (self._next - self._first + offset) % count
            if candidate not in self._used:
                self._used.add(candidate)
                self._next = candidate + 1
                return self._address(candidate)
        raise AddressesExhausted(f"no IP addresses available in range set: {self.gateway}-{self._address(self._last)}")

    def claim(self, address: str) -> None:
        number = int(ip_address(address))
        self._used.add(number)
        self._next = number + 1

    def release(self, address: str) -> None:
        self._used.discard(int(ip_address(address)))


class PodNetwork:
    """The addresses of one node's pods, IPv4 first; a pod has one of each family."""

    __slots__ = ("_ranges",)

    def __init__(self, subnet: str = POD_SUBNET, *, ipv6_subnet: IPv6Network | None = None) -> None:
        """Without `ipv6_subnet` pods have IPv4 addresses only."""
        ranges = [_Range(IPv4Network(subnet))]
        if ipv6_subnet is not None:
            ranges.append(_Range(ipv6_subnet))
        self._ranges = tuple(ranges)

    def gateway_for(self, address: str) -> str:
        """The bridge's address of the same family; an empty text when it has none.

        A pod may have kept an IPv6 address from a time when there was such a network.
        """
        version = ip_address(address).version
        return next((one.gateway for one in self._ranges if one.subnet.version == version), "")

    @property
    def used(self) -> frozenset[str]:
        """The addresses that somebody has."""
        return frozenset().union(*(one.used() for one in self._ranges))

    def allocate(self) -> tuple[str, ...]:
        """Addresses that nobody has, one of each family. Raises AddressesExhausted, and takes none then."""
        given: tuple[str, ...] = ()
        try:
            for one in self._ranges:
                given = (*given, one.allocate())
        except AddressesExhausted:
            self.release(given)
            raise
        return given

    def claim(self, addresses: Sequence[str]) -> None:
        """Take addresses that somebody has already; the next to be given is the one after each.

        One of another network, from before, stands in nobody's way.
        """
        for one, address in self._of_ranges(addresses):
            one.claim(address)

    def release(self, addresses: Sequence[str]) -> None:
        """Give addresses back; fine when they were already."""
        for one, address in self._of_ranges(addresses):
            one.release(address)

    def _of_ranges(self, addresses: Sequence[str]) -> list[tuple[_Range, str]]:
        return [(one, address) for address in addresses for one in self._ranges if ip_address(address) in one.subnet]


def parse_pod_ipv6_cidr(text: str, *, where: str) -> IPv6Network:
    """The IPv6 network of pods, such as `fd00:88::/64`. Raises InputError that names `where` and what would be right.

    >>> parse_pod_ipv6_cidr("fd00:88::/64", where="--pod-ipv6-cidr")
    IPv6Network('fd00:88::/64')
    """
    hint = "name an IPv6 network for pods, such as fd00:88::/64"
    address, slash, prefix = text.partition("/")
    try:
        IPv4Network(text, strict=False)
    except ValueError:
        pass
    else:
        raise InputError(f'"{text}" is IPv4, which pods have anyway', where=where, hint=hint)
    try:
        network = IPv6Network(text, strict=False)
    except ValueError as error:
        raise InputError(f'"{text}" is no IPv6 network', where=where, hint=hint) from error
    if "%" in address:
        raise InputError(f'"{text}" has a zone, which a network has not', where=where, hint=hint)
    if not slash:
        raise InputError(f'"{text}" has no prefix length', where=where, hint=f"{text}/64, if that is the network")
    if network.prefixlen > IPV6_PREFIX_BITS_MAX:
        count = (1 << (128 - network.prefixlen)) - 1
        what = f"/{prefix} has {count} addresses for pods and their gateway, fewer than their IPv4 network"
        wider = IPv6Network(f"{address}/64", strict=False)
        hint = f"a prefix of at most {IPV6_PREFIX_BITS_MAX} bits, such as {wider}"
        raise InputError(what, where=where, hint=hint)
    if str(network.network_address) != str(ip_address(address)):
        raise InputError(f'"{text}" has bits set after its prefix', where=where, hint=f"{network} is the network")
    for other in _NO_PODS_THERE:
        if network.overlaps(other):
            raise InputError(f'"{text}" overlaps {other}, where no pod can be', where=where, hint=hint)
    return network
