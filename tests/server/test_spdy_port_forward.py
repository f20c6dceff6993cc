"""PortForward over SPDY, by a client on a socket, to programs of emulated pods."""

import threading
from collections.abc import Iterator

import pytest

from kubesim.cri import api
from kubesim.userland.network.address import SocketAddress

from .spdy_client import SpdyClient, answer_of, connect, upgrade
from .streaming_world import StreamingWorld, streaming_world

FORWARD = ("portforward.k8s.io",)
NGINX = "docker.io/library/nginx:latest"
GET = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


@pytest.fixture(scope="module")
def world() -> Iterator[StreamingWorld]:
    with streaming_world() as found:
        yield found


class Forward(SpdyClient):
    """A client that forwards ports, as client-go does it."""

    def __init__(self, world: StreamingWorld, pod: str) -> None:
        super().__init__(world.forward_url(pod), protocols=FORWARD)
        self._requests = 0

    def dial(self, port: int) -> tuple[int, int]:
        """Open a connection: its error stream, which the client ends, and its data stream."""
        named = {"port": str(port), "requestID": str(self._requests)}
        self._requests += 1
        error = self.open({"streamType": "error", **named}, is_last=True)
        return error, self.open({"streamType": "data", **named})

    def wait_end(self, *streams: int) -> None:
        """Read until streams are ended or reset."""
        while not all(stream in self.ended or stream in self.resets for stream in streams):
            assert self.read_frame()


def wait_listening(world: StreamingWorld, pod: str, port: int) -> None:
    """Until a program of the pod takes connections to a port of its localhost."""

    def listens() -> bool:
        network = world.runtime.daemon.sandboxes.get(pod).network or world.runtime.daemon.processes.network.node
        return network.listener_at(SocketAddress("127.0.0.1", port)) is not None

    for _ in range(2000):
        if world.inside(listens):
            return
        threading.Event().wait(0.01)
    raise AssertionError(f"nobody listens on port {port}")


def shell_pod(world: StreamingWorld, script: str, **fields: object) -> str:
    pod = world.run_pod(**fields)
    world.run_container("sh", "-c", script, pod=pod)
    return pod


def nginx_pod(world: StreamingWorld) -> str:
    pod = world.run_pod()
    world.run_container("nginx", "-g", "daemon off;", pod=pod, image=NGINX)
    wait_listening(world, pod, 80)
    return pod


def test_a_web_server(world: StreamingWorld) -> None:
    client = Forward(world, nginx_pod(world))
    assert client.status == 101
    assert client.headers["x-stream-protocol-version"] == ["portforward.k8s.io"]
    for _ in range(2):  # the connection of the client is for more than one of the pod's
        error, data = client.dial(80)
        client.send(data, GET)
        client.wait_end(error, data)
        assert client.data[data].startswith(b"HTTP/1.1 200 OK\r\n")
        assert b"Welcome to nginx!" in client.data[data]
        assert client.data[error] == b""
        client.send(data, is_last=True)
    client.close()


def test_nobody_listens(world: StreamingWorld) -> None:
    pod = world.run_pod()
    client = Forward(world, pod)
    error, data = client.dial(81)
    client.wait_end(error, data)
    assert client.data[error].startswith(f"error forwarding port 81 to pod {pod}, uid : failed to execute ".encode())
    assert (data in client.ended, client.resets) == (True, {error: 5})
    client.close()


def test_a_wrong_port_is_not_answered(world: StreamingWorld) -> None:
    client = Forward(world, world.run_pod())
    stream = client.open({"streamType": "error", "port": "x", "requestID": "0"})
    client.wait_end(stream)
    assert (client.replies, client.resets) == ([], {stream: 5})
    client.close()


def test_megabytes_each_way(world: StreamingWorld) -> None:
    size = 8 << 20
    # An nc that has nothing to send ends its half, and a second later all ends: so one reads a pipe without an end.
    script = (
        f"head -c {size} /dev/zero | nc -l -p 80; mkfifo /tmp/open; nc -l -p 81 <> /tmp/open | wc -c > /tmp/n; "
        "nc -l -p 82 < /tmp/n"
    )
    pod = shell_pod(world, script)
    client = Forward(world, pod)
    wait_listening(world, pod, 80)
    error, data = client.dial(80)
    client.wait_end(error, data)
    assert len(client.data[data]) == size
    wait_listening(world, pod, 81)
    error, data = client.dial(81)
    for _ in range(size >> 16):
        client.send(data, bytes(1 << 16))
    client.send(data, is_last=True)
    client.wait_end(error, data)
    wait_listening(world, pod, 82)
    error, data = client.dial(82)
    client.wait_end(error, data)
    assert client.data[data] == b"%d\n" % size
    client.close()


def test_many_connections_at_once(world: StreamingWorld) -> None:
    client = Forward(world, nginx_pod(world))
    pairs = [client.dial(80) for _ in range(50)]
    for _, data in reversed(pairs):
        client.send(data, GET)
    client.wait_end(*(stream for pair in pairs for stream in pair))
    assert [b"Welcome to nginx!" in client.data[data] for _, data in pairs] == [True] * 50
    client.close()


def test_a_pod_in_the_nodes_network(world: StreamingWorld) -> None:
    security = api.LinuxSandboxSecurityContext(namespace_options=api.NamespaceOption(network=api.NODE))
    pod = shell_pod(world, "echo hello | nc -l -p 8123", linux=api.LinuxPodSandboxConfig(security_context=security))
    client = Forward(world, pod)
    wait_listening(world, pod, 8123)
    error, data = client.dial(8123)
    client.wait_end(error, data)
    assert (client.data[data], client.data[error]) == (b"hello\n", b"")
    client.close()


def test_a_client_that_offers_another_protocol(world: StreamingWorld) -> None:
    connection = connect(world.forward_url(world.run_pod()))
    connection.sendall(upgrade(world.forward_url(world.run_pod()), ["v4.channel.k8s.io"]))
    status, headers, body = answer_of(connection)
    assert (status, headers["x-accepted-stream-protocol-versions"]) == (403, ["portforward.k8s.io"])
    assert b"server accepts [portforward.k8s.io]" in body
    connection.close()


def test_a_token_of_a_forward_opens_nothing_else(world: StreamingWorld) -> None:
    url = world.forward_url(world.run_pod())
    for path in ("exec", "portforward"):  # the second time it is used up
        wrong = url.replace("/portforward/", f"/{path}/")
        connection = connect(wrong)
        connection.sendall(upgrade(wrong, FORWARD))
        assert answer_of(connection)[0] == 404
        connection.close()
