"""Places of the real machine: an address and a port, and how a socket there comes to be."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator
from typing import Literal, NamedTuple, TypeAlias

from kubesim.runtime.pod_ports import PortRefused
from kubesim.server.machine_addresses import machine_addresses
from kubesim.userland.network.address import SocketAddress, canonical_ip
from kubesim.userland.network.node_network import PortMapping

Protocol: TypeAlias = Literal["tcp", "udp"]


class Place(NamedTuple):
    """Where a real socket is bound."""

    protocol: Protocol
    ip: str
    port: int

    @property
    def address(self) -> SocketAddress:
        """Without the protocol."""
        return SocketAddress(self.ip, self.port)


def bound(place: Place) -> socket.socket:
    """A socket at a place, which takes nothing yet when it is a TCP one. Raises OSError, for what is no address too."""
    if canonical_ip(place.ip) is None:
        raise OSError(errno.EINVAL, "invalid argument")  # bind would look it up as a name, and everybody would wait
    is_ipv6 = ":" in place.ip
    kind = socket.SOCK_STREAM if place.protocol == "tcp" else socket.SOCK_DGRAM
    sock = socket.socket(socket.AF_INET6 if is_ipv6 else socket.AF_INET, kind)
    try:
        if is_ipv6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if place.protocol == "tcp":
            # Connections that ended just now must not keep the port from the next program.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(place.address)
    except OverflowError:
        sock.close()
        raise OSError(errno.EINVAL, "port out of range") from None
    except OSError:
        sock.close()
        raise
    return sock


def reserved(place: Place) -> socket.socket:
    """A socket that keeps a place from others, while whoever comes there is refused. Raises OSError.

    A UDP one is its own peer: the machine answers everybody else that nobody has the port, and keeps nothing of theirs.
    """
    sock = bound(place)
    if place.protocol == "udp":
        try:
            sock.connect(place.address)
        except OSError:
            sock.close()
            raise
    return sock


def host_sockets(mapping: PortMapping) -> list[tuple[Place, socket.socket]]:
    """The sockets of a mapping's host port, none without one. Raises PortRefused, and leaves none open then."""
    opened: list[tuple[Place, socket.socket]] = []
    for place in _host_places(mapping):
        try:
            sock = bound(place)
            opened.append((place, sock))
            if place.protocol == "tcp":
                sock.listen()  # only now it is certain that nobody else has the port
        except OSError as error:
            is_gone = error.errno == errno.EADDRNOTAVAIL and not mapping.host_ip
            if is_gone:
                continue  # an address that the machine has lost since it was asked
            for _, other in opened:
                other.close()
            raise refusal(place, error, is_of_host=True) from error
    return opened


def _host_places(mapping: PortMapping) -> Iterator[Place]:
    if mapping.host_port > 0:
        for ip in [mapping.host_ip] if mapping.host_ip else machine_addresses():
            yield Place(mapping.protocol, ip, mapping.host_port)


def refusal(place: Place, error: OSError, *, is_of_host: bool) -> PortRefused:
    """What a runtime is told."""
    return PortRefused(
        protocol=place.protocol,
        address=place.address.text(),
        port=place.port,
        is_of_host=is_of_host,
        reason=reason(error),
    )


def reason(error: OSError) -> str:
    """The text of an errno as Go has it.

    >>> reason(OSError(98, "Address already in use"))
    'address already in use'
    """
    return (error.strerror or os.strerror(error.errno or errno.EINVAL)).lower()
