"""Connections to pods as TCP has them: resets, queues, bounds, who the peer is, and what stays in the world."""

import errno
import logging
import socket
import struct
import sys
from collections.abc import Iterator

import pytest

from kubesim.model.frozen_records import replace
from kubesim.runtime.pod_ports import PortRefused
from kubesim.server.machine_addresses import machine_addresses
from kubesim.server.pod_sockets import places, ports
from kubesim.server.pod_sockets.connection import Connection
from kubesim.server.pod_sockets.places import Place
from kubesim.server.pod_sockets.ports import PodSockets
from kubesim.userland.network.address import SocketAddress
from kubesim.userland.network.node_network import PortMapping
from kubesim.userland.network.stream import QUEUE_BYTES_MAX, Stream

from .emulated_pods import EmulatedPod, moment
from .streaming_world import StreamingWorld, streaming_world

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other machines have one loopback address")

PORT = 8080
RESET_ON_CLOSE = struct.pack("ii", 1, 0)


@pytest.fixture(scope="module")
def world() -> Iterator[StreamingWorld]:
    with streaming_world(has_real_pods=True) as found:
        yield found


@pytest.fixture
def pod(world: StreamingWorld) -> Iterator[EmulatedPod]:
    found = EmulatedPod(world)
    yield found
    found.close()


def connect(pod: EmulatedPod, port: int = PORT) -> socket.socket:
    return socket.create_connection((pod.ip, port), 10)


def connection_of(world: StreamingWorld, stream: Stream) -> Connection:
    """The real end of a connection."""
    sockets = world.runtime.daemon.pod_ports
    assert isinstance(sockets, PodSockets)
    return next(connection for connection in sockets._living if connection._stream is stream.other)


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_pod_that_cuts_a_connection_resets_it(pod: EmulatedPod) -> None:
    listener = pod.listen(PORT)
    with connect(pod) as client:
        stream = pod.accept(listener)
        pod.now(stream.abort)
        with pytest.raises(ConnectionResetError):
            client.recv(1)


def test_a_pod_finds_a_reset_of_its_peer(pod: EmulatedPod) -> None:
    listener = pod.listen(PORT)
    client = connect(pod)
    stream = pod.accept(listener)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
    client.close()
    assert pod.error(stream) == "ECONNRESET"


def test_a_peer_that_resets_in_the_moment_the_pod_closes(world: StreamingWorld, pod: EmulatedPod) -> None:
    listener = pod.listen(PORT)
    client = connect(pod)
    stream = pod.accept(listener)

    def both() -> None:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        client.close()
        stream.shut_down()

    pod.now(both)
    assert pod.error(stream) == "ECONNRESET"
    assert world.failures == []


def test_what_comes_after_the_pod_has_closed_is_answered_with_a_reset(pod: EmulatedPod) -> None:
    listener = pod.listen(PORT)
    with connect(pod) as client:
        stream = pod.accept(listener)
        pod.now(lambda: stream.write_now(b"bye"))
        pod.now(stream.release)
        assert client.recv(10) == b"bye"
        assert client.recv(10) == b""
        client.sendall(b"more")
        client.settimeout(10)
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            for _ in range(1000):
                client.sendall(b"and more")
                moment()


def test_a_peer_that_never_closes_keeps_nothing_of_a_pod_that_has(world: StreamingWorld, pod: EmulatedPod) -> None:
    listener = pod.listen(PORT)
    with connect(pod) as client:
        stream = pod.accept(listener)
        connection = connection_of(world, stream)
        pod.now(lambda: stream.write_now(b"bye"))
        pod.now(stream.shut_down)
        assert client.recv(10) + client.recv(10) == b"bye"
        client.sendall(b"still heard")
        pod.soon(lambda: stream.read_now(20) == b"still heard")
        assert connection._transport is not None
        assert not connection._transport.is_closing()
        pod.now(stream.release)
        pod.soon(lambda: connection not in connection._living)


def test_connections_that_nobody_accepted_are_reset_with_their_listener(pod: EmulatedPod) -> None:
    listener = pod.listen(PORT)
    with connect(pod) as client:
        pod.soon(lambda: listener.queued_bytes)
        pod.now(listener.release)
        with pytest.raises(ConnectionResetError):
            client.recv(1)
        with pytest.raises(ConnectionRefusedError):
            connect(pod)


def test_a_listener_comes_back_at_its_port_while_connections_of_the_last_one_go_on(world: StreamingWorld) -> None:
    pod = EmulatedPod(world, ports=[{"port": PORT}])
    listener = pod.listen(PORT)
    with connect(pod) as client:
        stream = pod.accept(listener)
        pod.now(listener.release)
        with pytest.raises(ConnectionRefusedError):
            connect(pod)
        again = pod.listen(PORT)
        with connect(pod):
            pod.accept(again)
        pod.now(lambda: stream.write_now(b"still here"))
        assert client.recv(20) == b"still here"
    pod.close()
    with pytest.raises(ConnectionRefusedError):
        connect(pod)


def test_a_full_queue_lets_clients_wait_in_the_machines(pod: EmulatedPod) -> None:
    listener = pod.listen(PORT, backlog=1)
    clients = [connect(pod) for _ in range(5)]
    for number, client in enumerate(clients):
        client.sendall(bytes([number]))
    pod.soon(lambda: listener.is_full)
    moment()
    assert pod.now(lambda: listener.queued_bytes) == 2
    for client in clients:
        client.shutdown(socket.SHUT_WR)
    assert [pod.received(pod.accept(listener)) for _ in clients] == [bytes([number]) for number in range(5)]
    for client in clients:
        client.close()


def test_what_a_pod_does_not_read_is_bounded(world: StreamingWorld, pod: EmulatedPod) -> None:
    listener = pod.listen(PORT)
    with connect(pod) as client:
        stream = pod.accept(listener)
        client.settimeout(0.2)
        with pytest.raises(TimeoutError):
            while True:
                client.sendall(bytes(1 << 20))
        connection = connection_of(world, stream)
        # One piece as asyncio reads it waits for the stream, which is full; the rest waits in the machine's.
        held = pod.now(lambda: sum(len(piece) for piece in connection._pending))
        assert pod.now(lambda: stream.queued_bytes) == QUEUE_BYTES_MAX
        assert held <= 256 << 10
        pod.now(stream.abort)


def test_what_a_peer_does_not_read_is_bounded(world: StreamingWorld, pod: EmulatedPod) -> None:
    listener = pod.listen(PORT)
    with connect(pod) as client:
        stream = pod.accept(listener)
        piece = bytes(65536)
        refusals = 0
        while refusals < 20:
            if pod.now(lambda: stream.write_now(piece)) is not None:
                refusals += 1
                moment()
        connection = connection_of(world, stream)
        assert connection._transport is not None
        assert connection._transport.get_write_buffer_size() <= 2 * 65536
        client.close()
        assert pod.error(stream) == "ECONNRESET"


def test_the_peer_of_a_pod_is_the_nodes_end_of_the_bridge(world: StreamingWorld) -> None:
    port = free_port()
    pod = EmulatedPod(world, ports=[{"port": PORT, "host_port": port}])
    gateway = world.runtime.daemon.processes.network.gateway
    listener = pod.listen(PORT)
    ways = [(pod.ip, PORT), ("127.0.0.1", port), *(("::1", port) for ip in machine_addresses() if ip == "::1")]
    for way in ways:
        with socket.create_connection(way, 10):
            stream = pod.accept(listener)
            assert stream.local == SocketAddress(pod.ip, PORT)
            assert stream.peer is not None
            assert stream.peer.ip == gateway
    pod.close()


def test_of_two_addresses_the_machine_has_the_ipv4_one_and_ports_over_ipv6_lead_there() -> None:
    port, of_loopback = free_port(), free_port()
    with streaming_world(has_real_pods=True, pod_ipv6_cidr="fd00:88::/64") as world:
        has_ipv6 = "::1" in machine_addresses()
        loopback = [{"port": PORT, "host_port": of_loopback, "host_ip": "::1"}] if has_ipv6 else []
        pod = EmulatedPod(world, ports=[{"port": PORT, "host_port": port}, *loopback])
        assert pod.namespace.addresses == (pod.ip, "fd00:88::2")
        listener = pod.listen(PORT)
        ways = [(pod.ip, PORT), ("127.0.0.1", port), *([("::1", port), ("::1", of_loopback)] if has_ipv6 else [])]
        for way in ways:
            with socket.create_connection(way, 10):
                assert pod.accept(listener).local == SocketAddress(pod.ip, PORT)
        pod.close()


def test_a_host_port_of_every_address_is_at_each_of_them_and_takes_no_pods_port(world: StreamingWorld) -> None:
    port = free_port()
    pod = EmulatedPod(world, ports=[{"port": PORT, "host_port": port}])
    listener = pod.listen(PORT)
    other = EmulatedPod(world)
    other_listener = other.listen(port)
    for ip in machine_addresses():
        with socket.create_connection((ip, port), 10) as client:
            pod.accept(listener)
            assert client.getpeername()[:2] == (ip, port)
    with connect(other, port):
        other.accept(other_listener)
    pod.close()
    other.close()


def test_a_host_port_resets_what_nobody_in_the_pod_takes(world: StreamingWorld) -> None:
    port = free_port()
    pod = EmulatedPod(world, ports=[{"port": PORT, "host_port": port, "host_ip": "127.0.0.1"}])
    with pytest.raises(ConnectionResetError), socket.create_connection(("127.0.0.1", port), 10) as client:
        client.recv(1)
    pod.close()


def test_pods_meet_in_the_world_where_the_machine_refuses_the_port(
    world: StreamingWorld, pod: EmulatedPod, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING), socket.create_server((pod.ip, PORT)):
        for _ in range(3):
            listener = pod.listen(PORT)
            client = EmulatedPod(world)
            task = client.now(
                lambda client=client: world.kernel.spawn(  # type: ignore[misc]
                    client.namespace.connect(SocketAddress(pod.ip, PORT), uid=0), name="client"
                )
            )
            stream = pod.accept(listener)
            assert stream.peer == SocketAddress(client.ip, task.result().local.port)
            pod.now(listener.release)
    assert [record.getMessage() for record in caplog.records] == [
        f"the pod {pod.ip} has port 8080/tcp for the emulated world only: {pod.ip}:8080: address already in use"
    ]


def test_what_helps_is_said_where_the_user_may_not_have_a_port(
    world: StreamingWorld, pod: EmulatedPod, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def denied(place: Place) -> socket.socket:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(ports, "bound", denied)
    monkeypatch.setattr(places, "bound", denied)
    helps = "run as root, lower net.ipv4.ip_unprivileged_port_start, or use --pod-network virtual"
    with caplog.at_level(logging.WARNING):
        pod.listen(80)
        pod.open([PortMapping(protocol="tcp", host_ip="", host_port=0, namespace=pod.namespace, port=81)])
        with pytest.raises(PortRefused, match=r"tcp 127.0.0.1:82: permission denied"):
            pod.open([PortMapping(protocol="tcp", host_ip="127.0.0.1", host_port=82, namespace=pod.namespace, port=83)])
    only = "for the emulated world only"
    assert [record.getMessage() for record in caplog.records] == [
        f"the pod {pod.ip} has port 80/tcp {only}: {pod.ip}:80: permission denied; {helps}",
        f"the pod {pod.ip} has port 81/tcp {only}: {pod.ip}:81: permission denied; {helps}",
        f"the pod {pod.ip} has port 83/tcp {only}: {pod.ip}:83: permission denied; {helps}",
        f"a pod cannot have tcp 127.0.0.1:82: {helps}",
    ]


def test_a_port_that_is_taken_leaves_the_ports_that_the_pod_has(world: StreamingWorld) -> None:
    kept, other = free_port(), free_port()
    pod = EmulatedPod(world, ports=[{"port": PORT, "host_port": kept, "host_ip": "127.0.0.1"}])
    listener = pod.listen(PORT)
    mapping = PortMapping(protocol="tcp", host_ip="127.0.0.1", host_port=other, namespace=pod.namespace, port=PORT)
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(PortRefused, match="address already in use"):
        pod.open([mapping, replace(mapping, host_port=taken.getsockname()[1], port=81)])
    socket.create_server(("127.0.0.1", other)).close()
    with pytest.raises(ConnectionRefusedError):
        connect(pod, 81)
    socket.create_server((pod.ip, 81)).close()
    with socket.create_connection(("127.0.0.1", kept), 10), connect(pod):
        pod.accept(listener)
        pod.accept(listener)
    pod.close()


def test_a_listener_at_the_pods_own_loopback_address_is_nobody_elses(pod: EmulatedPod) -> None:
    pod.listen(PORT, "127.0.0.1")
    with pytest.raises(ConnectionRefusedError):
        connect(pod)


def test_programs_with_the_nodes_network_are_at_the_machines_addresses(world: StreamingWorld) -> None:
    node = EmulatedPod(world, world.runtime.daemon.processes.network.node)
    everywhere, local = free_port(), free_port()
    listener = node.listen(everywhere, "::")
    for ip in machine_addresses():
        with socket.create_connection((ip, everywhere), 10) as client:
            stream = node.accept(listener)
            assert (stream.local, stream.peer) == (SocketAddress(ip, everywhere), client.getsockname()[:2])
    only_local = node.listen(local, "127.0.0.1")
    with socket.create_connection(("127.0.0.1", local), 10):
        node.accept(only_local)
    for ip in machine_addresses()[1:]:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((ip, local), 10)
    for found in (listener, only_local):
        node.now(found.release)
    for port in (everywhere, local):
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), 10)


def test_the_nodes_own_address_is_one_of_the_machines(world: StreamingWorld) -> None:
    network = world.runtime.daemon.processes.network
    outer = [ip for ip in machine_addresses() if ":" not in ip and ip != "127.0.0.1"]
    node = EmulatedPod(world, network.node)
    assert not outer or node.ip == outer[0]
    assert not network.is_loopback(network.gateway)
    if outer:
        port = free_port()
        listener = node.listen(port, node.ip)
        with socket.create_connection((node.ip, port), 10):
            node.accept(listener)
        node.now(listener.release)


def test_300_pods_each_with_a_listener(world: StreamingWorld) -> None:
    pods = [EmulatedPod(world) for _ in range(300)]
    listeners = [pod.listen(PORT) for pod in pods]
    for pod, listener in zip(pods, listeners, strict=True):
        with connect(pod) as client:
            stream = pod.accept(listener)
            pod.now(lambda stream=stream, pod=pod: stream.write_now(pod.ip.encode()))  # type: ignore[misc]
            assert client.recv(100) == pod.ip.encode()
    for pod in pods:
        pod.close()


def test_a_server_that_stops_leaves_no_connection_behind() -> None:
    with streaming_world(has_real_pods=True) as world:
        pod = EmulatedPod(world, ports=[{"port": 53, "protocol": "udp"}, {"port": PORT}])
        listener = pod.listen(PORT)
        client = connect(pod)
        pod.accept(listener)
    with client, pytest.raises(ConnectionResetError):
        client.recv(1)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((pod.ip, PORT), 10)
