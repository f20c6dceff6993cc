"""UDP to pods: who is answered, from where, and what a port takes that nobody has bound."""

import contextlib
import socket
import sys
from collections.abc import Iterator

import pytest

from kubesim.server.pod_sockets import datagrams
from kubesim.userland.network.address import SocketAddress
from kubesim.userland.network.datagram import DatagramSocket

from .emulated_pods import EmulatedPod
from .streaming_world import StreamingWorld, streaming_world

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other machines have one loopback address")

PORT = 5353


@pytest.fixture(scope="module")
def world() -> Iterator[StreamingWorld]:
    with streaming_world(has_real_pods=True) as found:
        yield found


@pytest.fixture
def client() -> Iterator[socket.socket]:
    with udp() as found:
        yield found


def udp() -> socket.socket:
    found = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    found.settimeout(10)
    return found


def received(pod: EmulatedPod, bound: DatagramSocket) -> tuple[bytes, SocketAddress]:
    return pod.soon(bound.receive_now)


def answer(pod: EmulatedPod, bound: DatagramSocket, data: bytes, to: SocketAddress) -> None:
    pod.now(lambda: bound.send_to(data, to))


def test_one_client_of_two_pods_is_answered_by_each(world: StreamingWorld, client: socket.socket) -> None:
    pods = [EmulatedPod(world), EmulatedPod(world)]
    bound = [pod.bind(PORT) for pod in pods]
    peers = []
    for pod, there in zip(pods, bound, strict=True):
        client.sendto(b"ask", (pod.ip, PORT))
        data, peer = received(pod, there)
        assert data == b"ask"
        peers.append(peer)
    for pod, there, peer in zip(pods, bound, peers, strict=True):
        answer(pod, there, b"told", peer)
        assert client.recvfrom(100) == (b"told", (pod.ip, PORT))
    pods[0].close()
    answer(pods[1], bound[1], b"again", peers[1])
    assert client.recvfrom(100) == (b"again", (pods[1].ip, PORT))
    pods[1].close()


def test_a_declared_port_refuses_until_somebody_binds_it_and_keeps_nothing(world: StreamingWorld) -> None:
    pod = EmulatedPod(world, ports=[{"port": PORT, "protocol": "udp"}])
    with udp() as client:
        client.connect((pod.ip, PORT))
        client.send(b"too early")
        with pytest.raises(ConnectionRefusedError):
            client.recv(10)
        for _ in range(2):
            bound = pod.bind(PORT)
            client.send(b"in time")
            assert received(pod, bound)[0] == b"in time"
            pod.now(bound.release)
            client.send(b"too late")
            with pytest.raises(ConnectionRefusedError):
                client.recv(10)
    pod.close()


def test_a_host_port_answers_from_where_it_was_asked(world: StreamingWorld, client: socket.socket) -> None:
    with udp() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    pod = EmulatedPod(world, ports=[{"port": PORT, "protocol": "udp", "host_port": port, "host_ip": "127.0.0.1"}])
    bound = pod.bind(PORT)
    for way in (("127.0.0.1", port), (pod.ip, PORT), ("127.0.0.1", port)):
        client.sendto(b"ask", way)
        data, peer = received(pod, bound)
        answer(pod, bound, data, peer)
        assert client.recvfrom(100) == (b"ask", way)
    pod.close()


def test_programs_with_the_nodes_network_answer_from_each_address(world: StreamingWorld, client: socket.socket) -> None:
    network = world.runtime.daemon.processes.network
    node = EmulatedPod(world, network.node)
    with udp() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    bound = node.bind(port)
    client.sendto(b"ask", ("127.0.0.1", port))
    data, peer = received(node, bound)
    answer(node, bound, data, peer)
    assert client.recvfrom(100) == (b"ask", ("127.0.0.1", port))
    assert peer == ("127.0.0.1", client.getsockname()[1])
    node.now(bound.release)


def test_a_peer_that_was_silent_for_longest_is_forgotten_first(
    world: StreamingWorld, client: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datagrams, "PEERS_MAX", 4)
    pod = EmulatedPod(world)
    bound = pod.bind(PORT)
    client.sendto(b"first", (pod.ip, PORT))
    _, first = received(pod, bound)
    with contextlib.ExitStack() as others:
        for number in range(4):
            others.enter_context(udp()).sendto(b"%d" % number, (pod.ip, PORT))
        assert {received(pod, bound)[0] for _ in range(4)} == {b"0", b"1", b"2", b"3"}
    answer(pod, bound, b"nobody knows who that is", first)
    client.sendto(b"me", (pod.ip, PORT))
    _, again = received(pod, bound)
    answer(pod, bound, b"you", again)
    assert client.recvfrom(100)[0] == b"you"
    takers = world.runtime.daemon.processes.network._outside_takers
    assert pod.now(lambda: len(takers)) == 4
    pod.close()
    assert pod.now(lambda: len(takers)) == 0
