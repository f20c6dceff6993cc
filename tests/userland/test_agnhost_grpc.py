"""agnhost's health checking over gRPC, and its server that resets connections."""

from __future__ import annotations

import pytest

from kubesim.userland.files.fs_error import FsError
from kubesim.userland.network.address import SocketAddress
from kubesim.userland.network.namespace import NetworkNamespace
from kubesim.userland.processes.signals import SIGTERM

from .conftest import Command, World
from .health_client import CHECK, LIST, NOT_SERVING, SERVING, WATCH, Answer, HealthClient, asking

IP = "10.88.0.2"
STARTED = (
    "2026/01/01 00:00:00 Http server starting to listen on :8080\n"
    "2026/01/01 00:00:00 gRPC server starting to listen on :5000\n"
)


@pytest.fixture
def pod(world: World) -> NetworkNamespace:
    return world.table.network.add_pod(IP)


def start(world: World, pod: NetworkNamespace, *flags: str) -> Command:
    command = world.start("/agnhost", "grpc-health-checking", *flags, network=pod)
    world.advance(0)
    return command


def check(world: World, pod: NetworkNamespace, service: str = "", *, port: int = 5000, path: str = CHECK) -> Answer:
    return HealthClient(world, pod, SocketAddress(IP, port)).call(path, asking(service))


def told(world: World, pod: NetworkNamespace, path: str) -> str:
    return world.sh(f"wget -qO- http://{IP}:8080{path}", network=pod).out


def test_it_serves_until_it_is_told_otherwise(world: World, pod: NetworkNamespace) -> None:
    command = start(world, pod)
    answer = check(world, pod)
    assert (answer.messages, answer.status) == ([SERVING], (0, ""))
    world.advance(1.5)
    assert told(world, pod, "/make-not-serving") == "1.5s"
    assert check(world, pod).messages == [NOT_SERVING]
    assert told(world, pod, "/make-serving") == "1.5s"
    assert check(world, pod).messages == [SERVING]
    served = "Serving the Check request for health check, started at 2026-01-01 00:00:00 +0000 UTC m=+0.000000001\n"
    assert command.err == STARTED + (
        f"2026/01/01 00:00:00 {served}"
        "2026/01/01 00:00:01 Mark as unhealthy\n"
        f"2026/01/01 00:00:01 {served}"
        "2026/01/01 00:00:01 Mark as healthy\n"
        f"2026/01/01 00:00:01 {served}"
    )


def test_it_turns_ill_after_its_delay_whatever_it_is_told(world: World, pod: NetworkNamespace) -> None:
    start(world, pod, "--delay-unhealthy-sec=10", "--port", "5001", "--service=db")
    assert check(world, pod, "db", port=5001).messages == [SERVING]
    assert check(world, pod, port=5001).status == (5, "unknown service")
    world.advance(10)
    assert check(world, pod, "db", port=5001).messages == [NOT_SERVING]
    told(world, pod, "/make-serving")
    assert check(world, pod, "db", port=5001).messages == [NOT_SERVING]


def test_it_has_one_method_only(world: World, pod: NetworkNamespace) -> None:
    start(world, pod)
    assert [check(world, pod, path=path).status for path in (LIST, WATCH)] == [(12, "unimplemented")] * 2
    assert world.sh(f"wget -qO- http://{IP}:8080/", network=pod).code == 1


@pytest.mark.parametrize(
    ("flags", "error"),
    [
        (["--tls-cert-file=/c"], "2026/01/01 00:00:00 Both --tls-cert-file and --tls-private-key-file must be set\n"),
        (
            ["--tls-cert-file=/c", "--tls-private-key-file=/k"],
            "agnhost: grpc-health-checking --tls-cert-file is not emulated\n",
        ),
        (
            ["--delay-unhealthy-sec=soon"],
            (
                'Error: invalid argument "soon" for "--delay-unhealthy-sec" flag: strconv.ParseInt: parsing "soon": '
                "invalid syntax\n"
            ),
        ),
        (["--delay=1"], "Error: unknown flag: --delay\n"),
    ],
)
def test_flags_that_it_refuses(world: World, pod: NetworkNamespace, flags: list[str], error: str) -> None:
    command = start(world, pod, *flags)
    assert (command.err, command.code) == (error, 1)


@pytest.mark.parametrize(
    ("flags", "error"),
    [
        (
            ["--http-port=8081"],
            (
                "2026/01/01 00:00:00 Http server starting to listen on :8081\n2026/01/01 00:00:00 Error while starting "
                "the listening service listen tcp :5000: bind: address already in use\n"
            ),
        ),
        (
            ["--port=5001"],
            (
                "2026/01/01 00:00:00 Http server starting to listen on :8080\n"
                "2026/01/01 00:00:00 gRPC server starting to listen on :5001\n"
                "2026/01/01 00:00:00 listen tcp :8080: bind: address already in use\n"
            ),
        ),
    ],
)
def test_a_port_that_is_taken(world: World, pod: NetworkNamespace, flags: list[str], error: str) -> None:
    start(world, pod)
    second = start(world, pod, *flags)
    assert (second.err, second.code) == (error, 1)


def test_tcp_reset_cuts_whoever_sends_more_than_a_byte(world: World, pod: NetworkNamespace) -> None:
    command = world.start("/agnhost", "tcp-reset", "--port=9000", network=pod)
    world.advance(0)
    ends = []
    for sent in (b"ab", b"a"):
        stream = pod.inject(SocketAddress(IP, 9000), SocketAddress("192.0.2.9", 40000))
        stream.write_now(sent)
        world.advance(0)
        try:
            ends.append(stream.read_now(10))
        except FsError as error:
            ends.append(error.errno_name.encode())
    assert ends == [b"ECONNRESET", b""]
    command.process.signal(SIGTERM)
    world.advance(0)
    assert command.code == 0
    assert command.err == (
        "2026/01/01 00:00:00 Serving on port 9000.\n"
        "2026/01/01 00:00:00 TCP request from 192.0.2.9:40000\n"
        "2026/01/01 00:00:00 TCP request from 192.0.2.9:40000\n"
        "2026/01/01 00:00:00 Shutting down after receiving signal: terminated.\n"
        "2026/01/01 00:00:00 Awaiting pod deletion.\n"
    )
