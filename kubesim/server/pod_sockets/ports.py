"""Who has which real socket: ports that pods declare, host ports, and whatever emulated programs bind.

Rule 1: a port that a pod declares is bound from the pod's start to its end, so that it is the pod's; a connection is
refused until a program listens. A host port listens all the time, and resets what nobody in the pod takes.
Rule 2: a server without privileges has no low ports: a pod that declares one has it within the world only, and a
warning says so, for no web server would start otherwise. A host port that is not to be had fails the pod in any case.
Rule 3: a port that nobody declared is bound when a program binds it. Where the machine does not give it the program has
it all the same, within the world, and a warning says who cannot reach it.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable, Sequence
from functools import partial
from ipaddress import IPv4Address, IPv4Network

from kubesim.kernel import Kernel, RealTimePump
from kubesim.runtime.pod_ports import PortRefused
from kubesim.server.machine_addresses import machine_addresses
from kubesim.server.pod_sockets.connection import Connection
from kubesim.server.pod_sockets.datagrams import Datagrams
from kubesim.server.pod_sockets.listening import Listening
from kubesim.server.pod_sockets.places import Place, Protocol, bound, host_sockets, reason, refusal, reserved
from kubesim.userland.network.address import ANY_IPV4, ANY_IPV6, SocketAddress, is_loopback
from kubesim.userland.network.datagram import DatagramSocket
from kubesim.userland.network.namespace import NetworkNamespace
from kubesim.userland.network.node_network import NODE_IP, NodeNetwork, PortMapping
from kubesim.userland.network.stream import Listener

_log = logging.getLogger(__name__)


HINT = "run as root, lower net.ipv4.ip_unprivileged_port_start, or use --pod-network virtual"
"""What helps against a permission that lacks."""


class _Pod:
    """The real sockets of one namespace."""

    __slots__ = ("active", "declared", "host_ports")

    def __init__(self) -> None:
        self.declared: dict[Place, socket.socket | None] = {}
        """Reserved and waiting for a program; None while one has it."""
        self.active: dict[Place, Listening | Datagrams] = {}
        self.host_ports: dict[Place, Listening | Datagrams] = {}


class PodSockets:
    """The real sockets of one node's pods. It is the `PodPorts` of a runtime and an observer of its network."""

    def __init__(self, kernel: Kernel, cidr: str) -> None:
        self._kernel = kernel
        self.cidr = cidr
        """The network in which the machine has the addresses of pods."""
        outer = [ip for ip in machine_addresses() if ":" not in ip and not is_loopback(ip)]
        self.node_ip = outer[0] if outer else NODE_IP
        """What pods know as the node's address: the machine's first one, for a kubelet tells them one of these."""
        self._subnet = IPv4Network(cidr)
        self._network: NodeNetwork | None = None
        self._pump: RealTimePump | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._when_started: list[Callable[[], object]] = []
        self._pods: dict[NetworkNamespace, _Pod] = {}
        self._living: set[Connection] = set()
        self._warned: set[Place] = set()

    def observe(self, network: NodeNetwork) -> None:
        """Stand for the sockets of a network from now on."""
        self._network = network
        network.observers.append(self)
        network.host_stand_ins = self._on_node_addresses

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
        for connection in list(self._living):
            connection.abort()

    # -- PodPorts -------------------------------------------------------------------------------------------

    def open(self, namespace: NetworkNamespace, mappings: Sequence[PortMapping]) -> None:
        """Take ports of a pod, besides those that it has. Raises PortRefused, and has none of the new ones then."""
        pod = self._pods.get(namespace) or _Pod()
        declared: dict[Place, socket.socket] = {}
        on_host: list[tuple[Place, PortMapping, socket.socket]] = []
        own_ip = self._real_ip(namespace)
        try:
            for mapping in mappings:
                place = Place(mapping.protocol, own_ip, mapping.port)
                if own_ip and mapping.port > 0 and place not in (declared.keys() | pod.declared.keys()):
                    try:
                        declared[place] = reserved(place)
                    except PermissionError as error:
                        self._warn(namespace, place, error)
                    except OSError as error:
                        raise refusal(place, error, is_of_host=False) from error
                on_host += [(place, mapping, sock) for place, sock in host_sockets(mapping)]
        except PortRefused as refused:
            if isinstance(refused.__cause__, PermissionError):
                _log.warning("a pod cannot have %s %s: %s", refused.protocol, refused.address, HINT)
            for sock in (*declared.values(), *(sock for _, _, sock in on_host)):
                sock.close()
            raise
        pod.declared |= declared
        if declared or on_host:
            self._pods[namespace] = pod
        for place, mapping, sock in on_host:
            target = SocketAddress(namespace.addresses[0], mapping.port)
            self._soon(partial(self._open_host_port, pod, place, sock, namespace, target))

    def close(self, namespace: NetworkNamespace) -> None:
        """Give the ports of a pod back; fine when it has none."""
        pod = self._pods.pop(namespace, None)
        if pod is None:
            return
        for carrier in (*pod.active.values(), *pod.host_ports.values()):
            carrier.close()
        for sock in pod.declared.values():
            if sock is not None:
                sock.close()
        if namespace is not namespace.node.node:
            self._warned = {place for place in self._warned if place.ip not in namespace.addresses}

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
                    pod.declared[place] = reserved(place)
                except OSError as error:
                    self._warn(namespace, place, error)

    # -- real sockets ---------------------------------------------------------------------------------------

    def _places(self, namespace: NetworkNamespace, found: Listener | DatagramSocket) -> list[Place]:
        """Where real sockets stand for an emulated one."""
        network = self._network
        assert network is not None, "it was observed"
        protocol: Protocol = "tcp" if isinstance(found, Listener) else "udp"
        local = found.local
        if namespace is network.node:
            of_machine = machine_addresses()
            ips = of_machine if local.is_any else [local.ip] if is_loopback(local.ip) or local.ip in of_machine else []
            return [Place(protocol, ip, local.port) for ip in ips if local.ip != ANY_IPV4 or ":" not in ip]
        ip = self._real_ip(namespace)
        is_reachable = local.ip in (ANY_IPV4, ANY_IPV6, ip) and network.namespace_at(ip) is namespace
        return [Place(protocol, ip, local.port)] if ip and is_reachable else []

    def _real_ip(self, namespace: NetworkNamespace) -> str:
        """The address of a pod that is one of this machine's for this node; empty when it has none."""
        for ip in namespace.addresses:
            if ":" not in ip and IPv4Address(ip) in self._subnet:
                return ip
        return ""

    def _activate(self, namespace: NetworkNamespace, place: Place) -> None:
        pod = self._pods.setdefault(namespace, _Pod())
        if place in pod.active:
            return
        sock = pod.declared.get(place)
        if place in pod.declared:
            pod.declared[place] = None
        try:
            if sock is not None and place.protocol == "udp":
                sock.close()  # it hears nobody but itself
                sock = None
            pod.active[place] = self._carrier(place, sock or bound(place), namespace, place.address)
        except OSError as error:
            self._warn(namespace, place, error)

    def _open_host_port(
        self, pod: _Pod, place: Place, sock: socket.socket, namespace: NetworkNamespace, target: SocketAddress
    ) -> None:
        try:
            pod.host_ports[place] = self._carrier(place, sock, namespace, target)
        except OSError as error:
            self._warn(namespace, place, error)

    def _carrier(
        self, place: Place, sock: socket.socket, namespace: NetworkNamespace, target: SocketAddress
    ) -> Listening | Datagrams:
        """What takes connections or datagrams from a socket from now on. Raises OSError; the socket is closed then."""
        pump, loop = self._pump, self._loop
        assert pump is not None, "nothing runs before the start"
        assert loop is not None, "nothing runs before the start"
        source_of = partial(self._source, namespace)
        if place.protocol == "udp":
            return Datagrams(pump, loop, sock, namespace, target, source_of)
        try:
            return Listening(self._kernel, pump, loop, sock, namespace, target, source_of, self._living)
        except OSError:  # a wildcard listener of somebody came between bind and listen
            sock.close()
            raise

    def _source(self, namespace: NetworkNamespace, peer: SocketAddress) -> SocketAddress:
        """Who a peer is to a pod: what comes from the node itself comes from the node's end of the bridge.

        So does what comes over IPv6: a real socket stands for the pod's IPv4 address, and the node translates.
        """
        network = self._network
        assert network is not None, "it was observed"
        if namespace is network.node or not (is_loopback(peer.ip) or peer.is_ipv6):
            return peer
        return SocketAddress(network.gateway, peer.port)

    def _on_node_addresses(self, protocol: Protocol) -> frozenset[SocketAddress]:
        """Where sockets of the machine, outside the pods' own addresses, stand for emulated ones."""
        network = self._network
        assert network is not None, "it was observed"
        found = {place for pod in self._pods.values() for place in pod.host_ports}
        of_node = self._pods.get(network.node)
        if of_node is not None:
            found.update(of_node.active)
        return frozenset(place.address for place in found if place.protocol == protocol)

    def _soon(self, begin: Callable[[], object]) -> None:
        if self._loop is None:
            self._when_started.append(begin)
        else:
            begin()

    def _warn(self, namespace: NetworkNamespace, place: Place, error: OSError) -> None:
        if place in self._warned:
            return
        self._warned.add(place)
        who = "a pod of the host network" if namespace.node.node is namespace else f"the pod {namespace.addresses[0]}"
        hint = f"; {HINT}" if isinstance(error, PermissionError) else ""
        _log.warning(
            "%s has port %d/%s for the emulated world only: %s: %s%s",
            who, place.port, place.protocol, place.address.text(), reason(error), hint,
        )  # fmt: skip


def _is_taken(namespace: NetworkNamespace, place: Place) -> bool:
    if place.protocol == "tcp":
        return namespace.listener_at(place.address) is not None
    return namespace.datagrams_at(place.address, place.address) is not None
