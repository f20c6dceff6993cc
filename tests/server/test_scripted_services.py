"""Scripted services as clients of this machine find them: Python's HTTP, grpcio and plain sockets, in real time."""

from __future__ import annotations

import http.client
import socket
import sys
from collections.abc import Iterator
from contextlib import closing

import grpc
import pytest

from .streaming_world import StreamingWorld, streaming_world
from .test_pod_sockets import AGNHOST, address_of, connected, world_sleep

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other machines have one loopback address")

FLAKY = "registry.example/flaky-web:v1"
CHECK, WATCH = "/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Watch"
SERVING, NOT_SERVING = b"\x08\x01", b"\x08\x02"
PATIENCE_SECONDS = 60


@pytest.fixture(scope="module")
def world() -> Iterator[StreamingWorld]:
    with streaming_world(has_real_pods=True) as found:
        yield found


def started(world: StreamingWorld, *command: str, image: str, port: int) -> str:
    """The address of a new pod, once a program of the image listens there."""
    pod = world.run_pod()
    world.run_container(*command, pod=pod, image=image)
    ip = address_of(world, pod)
    connected(ip, port).close()
    return ip


def client(ip: str, *, patience_seconds: float = PATIENCE_SECONDS) -> closing[http.client.HTTPConnection]:
    return closing(http.client.HTTPConnection(ip, 8080, timeout=patience_seconds))


def answer(connection: http.client.HTTPConnection, path: str, method: str = "GET") -> tuple[int, str]:
    connection.request(method, path)
    response = connection.getresponse()
    return response.status, response.read().decode()


def test_http_on_one_connection(world: StreamingWorld) -> None:
    connection = http.client.HTTPConnection(
        started(world, "/flaky-web", image=FLAKY, port=8080), 8080, PATIENCE_SECONDS
    )
    connection.connect()
    kept = connection.sock
    assert [answer(connection, "/readyz") for _ in range(4)] == [*[(503, "warming up")] * 3, (200, "ok")]
    assert answer(connection, "/") == (200, "<h1>flaky-web</h1>\n")
    assert answer(connection, "/", "HEAD") == (200, "")
    assert answer(connection, "/none") == (404, "404 page not found\n")
    assert answer(connection, "/slow") == (200, "at last")
    assert connection.sock is kept
    with pytest.raises((ConnectionResetError, http.client.RemoteDisconnected)):
        answer(connection, "/broken")


def test_a_client_that_gives_up_on_a_stuck_answer(world: StreamingWorld) -> None:
    ip = started(world, "/flaky-web", image=FLAKY, port=8080)
    with client(ip, patience_seconds=0.2) as connection, pytest.raises(TimeoutError):
        answer(connection, "/stuck")
    with client(ip) as connection:
        assert answer(connection, "/")[0] == 200


def test_tcp_opens_at_its_time(world: StreamingWorld) -> None:
    ip = started(world, "/flaky-web", image=FLAKY, port=8080)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((ip, 9000), PATIENCE_SECONDS)
    for _ in range(PATIENCE_SECONDS * 100):
        try:
            connection = socket.create_connection((ip, 9000), PATIENCE_SECONDS)
        except ConnectionRefusedError:
            world_sleep()
        else:
            break
    with connection:
        connection.sendall(b"hello")
        connection.shutdown(socket.SHUT_WR)
        assert connection.makefile("rb").read() == b"hello"


def test_grpc_health_by_grpcio(world: StreamingWorld) -> None:
    ip = started(world, "/flaky-web", image=FLAKY, port=9090)
    with grpc.insecure_channel(f"{ip}:9090") as channel:
        check = channel.unary_unary(CHECK)
        assert [check(b"", timeout=PATIENCE_SECONDS) for _ in range(20)] == [SERVING] * 20
        with pytest.raises(grpc.RpcError) as unknown:
            check(b"\x0a\x01x", timeout=PATIENCE_SECONDS)
        assert (unknown.value.code(), unknown.value.details()) == (grpc.StatusCode.NOT_FOUND, "unknown service")
        with pytest.raises(grpc.RpcError) as unimplemented:
            channel.unary_unary("/a.B/C")(b"", timeout=PATIENCE_SECONDS)
        assert unimplemented.value.code() is grpc.StatusCode.UNIMPLEMENTED
        assert unimplemented.value.details() == "unknown service a.B"
        watched = channel.unary_stream(WATCH)(b"", timeout=PATIENCE_SECONDS)
        assert next(watched) == SERVING
        watched.cancel()
        assert check(b"", timeout=PATIENCE_SECONDS) == SERVING


def test_agnhost_health_checking_by_grpcio(world: StreamingWorld) -> None:
    ip = started(world, "/agnhost", "grpc-health-checking", image=AGNHOST, port=5000)
    with grpc.insecure_channel(f"{ip}:5000") as channel, client(ip) as control:
        check = channel.unary_unary(CHECK)
        assert check(b"", timeout=PATIENCE_SECONDS) == SERVING
        assert answer(control, "/make-not-serving")[0] == 200
        assert check(b"", timeout=PATIENCE_SECONDS) == NOT_SERVING
        assert answer(control, "/make-serving")[0] == 200
        assert check(b"", timeout=PATIENCE_SECONDS) == SERVING
