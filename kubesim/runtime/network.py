"""The pod network: one address for each sandbox that does not use the node's.

Addresses are given in turn, so one that was just freed is not given to the next pod at once.
Mirrors containernetworking/plugins: plugins/ipam/host-local/backend/allocator/allocator.go.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network

POD_SUBNET = "10.88.0.0/16"


class AddressesExhausted(Exception):
    """Every address of the network is in use."""


class PodNetwork:
    """The addresses of one node's pods; the first host address is the bridge's own."""

    __slots__ = ("_first", "_last", "_next", "_used", "subnet")

    def __init__(self, subnet: str = POD_SUBNET) -> None:
        self.subnet = IPv4Network(subnet)
        self._first = int(self.subnet.network_address) + 2
        self._last = int(self.subnet.broadcast_address) - 1
        self._next = self._first
        self._used: set[int] = set()

    @property
    def gateway(self) -> str:
        """The bridge's address."""
        return str(self.subnet.network_address + 1)

    def allocate(self) -> str:
        """An address that nobody has. Raises AddressesExhausted."""
        count = self._last - self._first + 1
        for offset in range(count):
            candidate = self._first + (self._next - self._first + offset) % count
            if candidate not in self._used:
                self._used.add(candidate)
                self._next = candidate + 1
                return str(IPv4Address(candidate))
        raise AddressesExhausted(f"no IP addresses available in range set: {self.gateway}-{IPv4Address(self._last)}")

    def claim(self, address: str) -> None:
        """Take an address that somebody has already; the next to be given is the one after it."""
        number = int(IPv4Address(address))
        self._used.add(number)
        self._next = number + 1

    def release(self, address: str) -> None:
        """Give an address back; fine when it was already."""
        self._used.discard(int(IPv4Address(address)))
