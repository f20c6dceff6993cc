"""Pods that can be reached from this machine: real sockets in place of emulated listeners."""

import select
import socket
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from kubesim.cri import CriError, api, methods
from kubesim.server.pod_sockets.subnet import take_subnet

from .streaming_world import StreamingWorld, streaming_world

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other machines have one loopback address")


@pytest.fixture(scope="module")
def world() -> Iterator[StreamingWorld]:
    with streaming_world(has_real_pods=True) as found:
        yield found


AGNHOST = "registry.k8s.io/e2e-test-images/agnhost:2.45"


def address_of(world: StreamingWorld, pod: str) -> str:
    status = world.call(methods.POD_SANDBOX_STATUS, api.PodSandboxStatusRequest(pod_sandbox_id=pod)).status
    return str(status.network.ip)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def listening(world: StreamingWorld, script: str, **pod: Any) -> tuple[str, str]:
    """A container that runs a script in a pod; the pod's id and its address."""
    pod_id = world.run_pod(**pod)
    world.run_container("sh", "-c", script, pod=pod_id)
    return pod_id, address_of(world, pod_id)


def connected(ip: str, port: int) -> socket.socket:
    """A connection, as soon as somebody listens."""
    for _ in range(200):
        try:
            return socket.create_connection((ip, port), 10)
        except ConnectionRefusedError:
            world_sleep()
    raise AssertionError(f"nobody listens at {ip}:{port}")


def world_sleep() -> None:
    """A moment for the other thread."""
    select.select([], [], [], 0.01)


def test_each_pod_is_reached_at_its_own_address(world: StreamingWorld) -> None:
    pods = {name: listening(world, f"while :; do echo {name} | nc -l -p 8080; done")[1] for name in ("a", "b", "c")}

    assert len(set(pods.values())) == 3
    for name, ip in pods.items():
        with connected(ip, 8080) as connection:
            assert connection.makefile("rb").read() == f"{name}\n".encode()


def test_a_port_that_nobody_listens_at_is_refused(world: StreamingWorld) -> None:
    ports = [api.PortMapping(container_port=8081)]
    _, ip = listening(world, "sleep 1000", port_mappings=ports)
    for port in (8081, 8082):
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((ip, port), 10)


def test_both_ends_close_by_halves(world: StreamingWorld) -> None:
    _, ip = listening(world, "nc -l -p 8080 -e sh -c 'wc -c; echo over'")
    with connected(ip, 8080) as connection:
        for _ in range(40):
            connection.sendall(bytes(50_000))
        connection.shutdown(socket.SHUT_WR)
        assert connection.makefile("rb").read() == b"2000000\nover\n"


def test_a_pod_that_does_not_read_lets_its_peer_wait(world: StreamingWorld) -> None:
    _, ip = listening(world, "nc -l -p 8080 -e sleep 1000")
    with connected(ip, 8080) as connection:
        connection.settimeout(0.3)
        with pytest.raises(TimeoutError):
            for _ in range(1000):
                connection.sendall(bytes(1 << 20))


def test_a_peer_that_does_not_read_lets_the_pod_wait(world: StreamingWorld) -> None:
    _, ip = listening(world, "nc -l -p 8080 -e sh -c 'head -c 30000000 /dev/zero'")
    with connected(ip, 8080) as connection:
        world_sleep()
        assert len(connection.makefile("rb").read()) == 30_000_000


def test_a_host_port_leads_to_the_pod_and_is_free_after_it(world: StreamingWorld) -> None:
    port = free_port()
    mapping = api.PortMapping(container_port=8080, host_port=port, host_ip="127.0.0.1")
    pod, _ = listening(world, "while :; do echo hi | nc -l -p 8080; done", port_mappings=[mapping])
    for _ in range(200):
        with socket.create_connection(("127.0.0.1", port), 10) as connection:
            try:
                if connection.recv(10) == b"hi\n":
                    break
            except ConnectionResetError:  # nobody listens in the pod yet
                world_sleep()
    else:
        raise AssertionError("the host port leads nowhere")
    world.call(methods.STOP_POD_SANDBOX, api.StopPodSandboxRequest(pod_sandbox_id=pod))
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), 10)


@pytest.mark.parametrize(
    ("profile", "text"),
    [
        (
            "containerd-2.3",
            (
                'plugin type="portmap" failed (add): cannot open hostport {port}: listen tcp 127.0.0.1:{port}: bind: '
                "address already in use"
            ),
        ),
        (
            "cri-o-1.36",
            (
                "cannot open hostport {port} for pod k8s_p1_n_u_0_: listen tcp4 127.0.0.1:{port}: bind: "
                "address already in use"
            ),
        ),
    ],
)
def test_a_host_port_that_is_taken_fails_the_pod_and_keeps_nothing(profile: str, text: str) -> None:
    other = free_port()
    with streaming_world(profile, has_real_pods=True) as world, socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        mappings = [
            api.PortMapping(container_port=8080, host_port=other, host_ip="127.0.0.1"),
            api.PortMapping(container_port=8081, host_port=port, host_ip="127.0.0.1"),
        ]
        with pytest.raises(CriError) as refused:
            world.run_pod(port_mappings=mappings)
        assert text.format(port=port) in refused.value.message
        assert not world.call(methods.LIST_POD_SANDBOX, api.ListPodSandboxRequest()).items
        socket.create_server(("127.0.0.1", other)).close()


@pytest.mark.parametrize(
    ("host_ip", "reason"),
    [
        ("localhost", "listen tcp localhost:{port}: bind: invalid argument"),  # a name would be looked up, and all wait
        ("203.0.113.9", "listen tcp 203.0.113.9:{port}: bind: cannot assign requested address"),
    ],
)
def test_a_host_ip_that_is_not_the_machines_fails_the_pod(world: StreamingWorld, host_ip: str, reason: str) -> None:
    port = free_port()
    with pytest.raises(CriError) as refused:
        world.run_pod(port_mappings=[api.PortMapping(container_port=8080, host_port=port, host_ip=host_ip)])
    assert reason.format(port=port) in refused.value.message


def test_udp_goes_both_ways(world: StreamingWorld) -> None:
    port = free_port()
    mapping = api.PortMapping(container_port=9000, host_port=port, host_ip="127.0.0.1", protocol=api.UDP)
    pod = world.run_pod(port_mappings=[mapping])
    world.run_container("/agnhost", "netexec", "--udp-port", "9000", pod=pod, image=AGNHOST)
    ip = address_of(world, pod)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.settimeout(0.2)
        for _ in range(50):
            peer.sendto(b"echo ping", (ip, 9000))
            try:
                data, sender = peer.recvfrom(100)
            except TimeoutError:
                continue
            break
        assert (data, sender) == (b"ping", (ip, 9000))
        peer.sendto(b"echo pong", ("127.0.0.1", port))
        while data == b"ping":
            data, sender = peer.recvfrom(100)
        assert (data, sender) == (b"pong", ("127.0.0.1", port))


def test_subnets_of_nodes_are_disjoint_and_stay_with_their_pods() -> None:
    first = take_subnet("a")
    second = take_subnet("a")
    assert first.cidr != second.cidr
    number = first.cidr.split(".")[1]
    first.release()
    again = take_subnet("b", ["10.88.0.2", f"127.{number}.0.9"])
    assert again.cidr == f"127.{number}.0.0/16"
    again.release()
    second.release()
