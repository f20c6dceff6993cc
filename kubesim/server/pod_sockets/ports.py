"""Who has which real socket: ports that pods declare, host ports, and whatever emulated programs bind.

Rule 1: a port that a pod declares is bound from the pod's start to its end, so that it is the pod's; a connection is
refused until a program listens. A host port listens all the time, and resets what nobody in the pod takes.
Rule 2: a port that nobody declared is bound when a program binds it. Where the machine does not give it the program has
it all the same, within the world, and a warning says who cannot reach it.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import socket
from collections.abc import Callable, Sequence
from functools import partial
from ipaddress import IPv4Address
from typing import Literal, NamedTuple, TypeAlias

from kubesim.kernel import Kernel, RealTimePump
from kubesim.runtime.pod_ports import PortRefused
from kubesim.server.machine_addresses import machine_addresses
from kubesim.server.pod_sockets.datagrams import Datagrams
from kubesim.server.pod_sockets.listening import Listening
from kubesim.userland.network.address import ANY_IPV4, ANY_IPV6, SocketAddress, is_loopback
from kubesim.userland.network.datagram import DatagramSocket
from kubesim.userland.network.namespace import NetworkNamespace
from kubesim.userland.network.node_network import NodeNetwork, PortMapping
from kubesim.userland.network.stream import Listener

_log = logging.getLogger(__name__)

Protocol: TypeAlias = Literal["tcp", "udp"]


class Place(NamedTuple):
    """Where a real socket is bound."""

    protocol: Protocol
    ip: str
    port: int

    @property
    def text(self) -> str:
        """As Go writes an address."""
        return SocketAddress(self.ip, self.port).text()


class _Pod:
    """The real sockets of one namespace."""

    __slots__ = ("active", "declared", "host_ports")

    def __init__(self) -> None:
        self.declared: dict[Place, socket.socket | None] = {}
        """Bound and waiting for a program; None while one has it."""
        self.active: dict[Place, Listening | Datagrams] = {}
        self.host_ports: list[Listening | Datagrams] = []


class PodSockets:
    """The real sockets of one node's pods. It is the `PodPorts` of a runtime and an observer of its network."""

    def __init__(self, kernel: Kernel, cidr: str) -> None:
        self._kernel = kernel
        self.cidr = cidr
        """The network in which the machine has the addresses of pods."""
        self._network: NodeNetwork | None = None
        self._pump: RealTimePump | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._when_started: list[Callable[[], object]] = []
        self._pods: dict[NetworkNamespace, _Pod] = {}
        self._warned: set[Place] = set()

    def observe(self, network: NodeNetwork) -> None:
        """Stand for the sockets of a network from now on."""
        self._network = network
        network.observers.append(self)

    def start(self, pump: RealTimePump, loop: asyncio.AbstractEventLoop) -> None:
        """Take connections; what was opened before waits for this."""
        self._pump, self._loop = pump, loop
        for begin in self._when_started:
            begin()
        self._when_started.clear()

    def stop(self) -> None:
        """Close everything."""
        for namespace in list(self._pods):
            self.close(namespace)

    # -- PodPorts -------------------------------------------------------------------------------------------

    def open(self, namespace: NetworkNamespace, mappings: Sequence[PortMapping]) -> None:
        """Take the ports of a pod. Raises PortRefused, and has none of them then."""
        pod = _Pod()
        host_sockets: list[tuple[Place, PortMapping, socket.socket]] = []
        own_ip = _real_ip(namespace)
        try:
            for mapping in mappings:
                place = Place(mapping.protocol, own_ip, mapping.port)
                if own_ip and mapping.port > 0 and place not in pod.declared:
                    pod.declared[place] = _bound(place, is_of_host=False)
                if mapping.host_port > 0:
                    for ip in [mapping.host_ip] if mapping.host_ip else machine_addresses():
                        place = Place(mapping.protocol, ip, mapping.host_port)
                        host_sockets.append((place, mapping, _bound(place, is_of_host=True)))
        except PortRefused:
            for sock in (*pod.declared.values(), *(sock for _, _, sock in host_sockets)):
                if sock is not None:
                    sock.close()
            raise
        if pod.declared or host_sockets:
            self._pods[namespace] = pod
        for place, mapping, sock in host_sockets:
            target = SocketAddress(namespace.addresses[0], mapping.port)
            self._soon(partial(self._open_host_port, pod, place, sock, namespace, target))

    def close(self, namespace: NetworkNamespace) -> None:
        """Give the ports of a pod back; fine when it has none."""
        pod = self._pods.pop(namespace, None)
        if pod is None:
            return
        for carrier in (*pod.active.values(), *pod.host_ports):
            carrier.close()
        for sock in pod.declared.values():
            if sock is not None:
                sock.close()

    # -- NetworkObserver ------------------------------------------------------------------------------------

    def opened(self, socket: Listener | DatagramSocket) -> None:
        """A program takes connections or datagrams from now on."""
        namespace = socket.owner
        assert isinstance(namespace, NetworkNamespace), "sockets belong to namespaces"
        for place in self._places(namespace, socket):
            self._activate(namespace, place)

    def closed(self, socket: Listener | DatagramSocket) -> None:
        """It does not any more."""
        namespace = socket.owner
        assert isinstance(namespace, NetworkNamespace), "sockets belong to namespaces"
        pod = self._pods.get(namespace)
        if pod is None:
            return
        for place in self._places(namespace, socket):
            carrier = pod.active.pop(place, None)
            if carrier is None:
                continue
            carrier.close()
            if _is_taken(namespace, place):
                self._activate(namespace, place)  # another program has the port too
            elif place in pod.declared:
                try:
                    pod.declared[place] = _bound(place, is_of_host=False)
                except PortRefused as refused:
                    self._warn(namespace, place, refused.reason)

    # -- real sockets ---------------------------------------------------------------------------------------

    def _places(self, namespace: NetworkNamespace, found: Listener | DatagramSocket) -> list[Place]:
        """Where real sockets stand for an emulated one."""
        network = self._network
        assert network is not None, "it was observed"
        protocol: Protocol = "tcp" if isinstance(found, Listener) else "udp"
        local = found.local
        if namespace is network.node:
            # Without addresses of its own, as the emulated node's are nobody's on this machine.
            ips = machine_addresses() if local.is_any else [local.ip] if is_loopback(local.ip) else []
            return [Place(protocol, ip, local.port) for ip in ips if local.ip != ANY_IPV4 or ":" not in ip]
        ip = _real_ip(namespace)
        is_reachable = local.ip in (ANY_IPV4, ANY_IPV6, ip) and network.namespace_at(ip) is namespace
        return [Place(protocol, ip, local.port)] if ip and is_reachable else []

    def _activate(self, namespace: NetworkNamespace, place: Place) -> None:
        pod = self._pods.setdefault(namespace, _Pod())
        if place in pod.active:
            return
        sock = pod.declared.get(place)
        if sock is None:
            try:
                sock = _bound(place, is_of_host=False)
            except PortRefused as refused:
                self._warn(namespace, place, refused.reason)
                return
        try:
            pod.active[place] = self._carrier(place, sock, namespace, SocketAddress(place.ip, place.port))
        except OSError as error:  # a wildcard listener of somebody came between bind and listen
            sock.close()
            self._warn(namespace, place, _reason(error))
            return
        finally:
            if place in pod.declared:
                pod.declared[place] = None

    def _open_host_port(
        self, pod: _Pod, place: Place, sock: socket.socket, namespace: NetworkNamespace, target: SocketAddress
    ) -> None:
        try:
            pod.host_ports.append(self._carrier(place, sock, namespace, target))
        except OSError as error:
            sock.close()
            self._warn(namespace, place, _reason(error))

    def _carrier(
        self, place: Place, sock: socket.socket, namespace: NetworkNamespace, target: SocketAddress
    ) -> Listening | Datagrams:
        """Raises OSError."""
        pump, loop = self._pump, self._loop
        assert pump is not None, "nothing runs before the start"
        assert loop is not None, "nothing runs before the start"
        source_of = partial(self._source, namespace)
        if place.protocol == "udp":
            return Datagrams(pump, loop, sock, namespace, target, source_of)
        return Listening(self._kernel, pump, loop, sock, namespace, target, source_of)

    def _source(self, namespace: NetworkNamespace, peer: SocketAddress) -> SocketAddress:
        """Who a peer is to a pod: what comes from the node itself comes from the node's end of the bridge."""
        network = self._network
        assert network is not None, "it was observed"
        if namespace is network.node or not is_loopback(peer.ip):
            return peer
        return SocketAddress(network.gateway, peer.port)

    def _soon(self, begin: Callable[[], object]) -> None:
        if self._loop is None:
            self._when_started.append(begin)
        else:
            begin()

    def _warn(self, namespace: NetworkNamespace, place: Place, reason: str) -> None:
        if place in self._warned:
            return
        self._warned.add(place)
        who = "a pod of the host network" if namespace.node.node is namespace else f"the pod {namespace.addresses[0]}"
        hint = "; run as root, or lower net.ipv4.ip_unprivileged_port_start" if reason == "permission denied" else ""
        _log.warning(
            "%s listens on port %d/%s for the emulated world only: %s: %s%s",
            who, place.port, place.protocol, place.text, reason, hint,
        )  # fmt: skip


def _real_ip(namespace: NetworkNamespace) -> str:
    """The address of a pod that this server may bind; empty when it has none."""
    subnet = namespace.node.pod_subnet
    own = (ip for ip in namespace.addresses if ":" not in ip and is_loopback(ip))
    return next((ip for ip in own if IPv4Address(ip) in subnet), "")


def _is_taken(namespace: NetworkNamespace, place: Place) -> bool:
    address = SocketAddress(place.ip, place.port)
    if place.protocol == "tcp":
        return namespace.listener_at(address) is not None
    return namespace.datagrams_at(address, address) is not None


def _bound(place: Place, *, is_of_host: bool) -> socket.socket:
    """A socket at a place. Raises PortRefused."""
    is_ipv6 = ":" in place.ip
    kind = socket.SOCK_STREAM if place.protocol == "tcp" else socket.SOCK_DGRAM
    sock = socket.socket(socket.AF_INET6 if is_ipv6 else socket.AF_INET, kind)
    try:
        if is_ipv6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if place.protocol == "tcp":
            # Connections that ended just now must not keep the port from the next program.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((place.ip, place.port))
        if is_of_host and place.protocol == "tcp":
            sock.listen()  # with the option above only this finds out whether somebody else has bound it
    except (OSError, OverflowError) as error:
        sock.close()
        raise PortRefused(
            protocol=place.protocol,
            address=place.text,
            port=place.port,
            is_of_host=is_of_host,
            reason=_reason(error),
        ) from error
    return sock


def _reason(error: OSError | OverflowError) -> str:
    if isinstance(error, OverflowError):
        return "port out of range"
    return os.strerror(error.errno or errno.EINVAL).lower()
