"""TCP ports of scripted programs: who gets through, and what becomes of the connection, on virtual time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from kubesim.images.programs import program_node
from kubesim.images.tree_builder import build_tree
from kubesim.model.program_script import ScriptSpec, encoded_script
from kubesim.userland.files.filesystem import FileSystem
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.network.address import SocketAddress
from kubesim.userland.network.stream import QUEUE_BYTES_MAX, Stream

if TYPE_CHECKING:
    from conftest import Command, World

    from kubesim.userland.network.namespace import NetworkNamespace

IP, PORT = "10.88.0.2", 9000


class Service:
    """A pod whose only process has a port of the kind given."""

    def __init__(self, world: World, tcp: dict[str, Any] | None, **script: Any) -> None:
        self.world = world
        self.pod: NetworkNamespace = world.table.network.add_pod(IP)
        port = {"port": PORT} if tcp is None else {"port": PORT, "tcp": tcp}
        spec = msgspec.convert({"ports": [port], **script}, ScriptSpec)
        tree = build_tree([("/app", program_node(f"script:{encoded_script(spec)}"))])
        self.files = FileSystem(tree, clock=lambda: world.kernel.now_ns)
        self.server: Command = self.start()
        world.advance(0)

    def start(self) -> Command:
        return self.world.start("/app", files=self.files, network=self.pod)

    def connect(self) -> Stream:
        return self.pod.inject(SocketAddress(IP, PORT), SocketAddress("192.0.2.9", 40000))

    def attempt(self) -> str:
        """What connect(2) says at once: "" when it succeeds."""
        try:
            stream = self.connect()
        except FsError as error:
            return error.errno_name
        stream.release()
        self.world.advance(0)
        return ""


def received(stream: Stream) -> str:
    try:
        data = stream.read_now(1 << 20)
        end = data is not None and (data == b"" or stream.read_now(1) == b"")
    except FsError as error:
        return error.errno_name
    return "nothing" if data is None else data.decode() + ("EOF" if end else "")


@pytest.mark.parametrize(
    ("tcp", "answer"),
    [
        (None, "nothing"),
        ({"mode": "accept"}, "nothing"),
        ({"mode": "echo"}, "hello"),
        ({"mode": "send", "text": "220 ready\r\n"}, "220 ready\r\n"),
        ({"mode": "close"}, "EOF"),
        ({"mode": "reset"}, "ECONNRESET"),
        ({"mode": "hang"}, "nothing"),
    ],
)
def test_what_becomes_of_a_connection(world: World, tcp: dict[str, Any] | None, answer: str) -> None:
    service = Service(world, tcp)
    stream = service.connect()
    if answer != "EOF":  # bytes that nobody reads make a reset of a close
        stream.write_now(b"hello")
    world.advance(1)
    assert received(stream) == answer
    assert (service.server.code, service.server.err) == (None, "")


def test_an_echo_ends_when_its_client_does_and_waits_for_one_that_does_not_read(world: World) -> None:
    service = Service(world, {"mode": "echo"})
    stream = service.connect()
    sent = 0
    while (rest := stream.write_now(b"x" * 65536)) is None:
        sent += 65536
        world.advance(1)
    sent += 65536 - len(rest)
    assert sent <= 3 * QUEUE_BYTES_MAX
    stream.shut_down()
    got = 0
    while data := stream.read_now(1 << 20):
        got += len(data)
        world.advance(0)
    assert (got, data) == (sent, b"")


def test_refused_in_windows(world: World) -> None:
    schedule = [
        {"from": "0s", "mode": "refuse"},
        {"from": "10s", "mode": "echo"},
        {"from": "20s", "mode": "hang"},
        {"from": "30s", "mode": "drop"},
    ]
    service = Service(world, {"schedule": schedule, "every": "40s", "backlog": 1})
    timeline = []
    for _ in range(9):
        timeline.append([service.attempt() for _ in range(3)])
        world.advance(10)
    refused, open_, hangs, silent = (["ECONNREFUSED"] * 3, [""] * 3, ["", "", "EAGAIN"], ["EAGAIN"] * 3)
    assert timeline == [refused, open_, hangs, silent] * 2 + [refused]


def test_a_connection_stays_when_the_port_closes_and_what_waits_is_reset(world: World) -> None:
    schedule = [{"from": "0s", "mode": "echo"}, {"from": "1s", "mode": "hang"}, {"from": "2s", "mode": "refuse"}]
    service = Service(world, {"schedule": schedule})
    early = service.connect()
    world.advance(1)
    waiting = service.connect()
    world.advance(1)
    early.write_now(b"still here")
    world.advance(0)
    assert (received(early), received(waiting)) == ("still here", "ECONNRESET")
    assert service.server.code is None


def test_those_that_waited_are_served_when_somebody_accepts(world: World) -> None:
    schedule = [{"from": "0s", "mode": "hang"}, {"from": "5s", "mode": "echo"}]
    service = Service(world, {"schedule": schedule})
    stream = service.connect()
    stream.write_now(b"patience")
    world.advance(4)
    assert received(stream) == "nothing"
    world.advance(1)
    assert received(stream) == "patience"


def test_a_connect_to_a_silent_port_takes_as_long_as_linux_tries(world: World) -> None:
    service = Service(world, {"mode": "drop"})
    task = world.kernel.spawn(service.pod.connect(SocketAddress(IP, PORT), uid=0), name="client")
    task.watch(lambda _: None)
    world.advance(130)
    assert not task.is_done
    world.advance(1)
    assert isinstance(task.error, FsError)
    assert task.error.errno_name == "ETIMEDOUT"


def test_a_silent_port_lets_a_patient_client_in_later(world: World) -> None:
    service = Service(world, {"schedule": [{"from": "0s", "mode": "drop"}, {"from": "4s", "mode": "echo"}]})
    task = world.kernel.spawn(service.pod.connect(SocketAddress(IP, PORT), uid=0), name="client")
    world.advance(3.9)
    assert not task.is_done
    world.advance(0.1)
    assert task.result().peer == SocketAddress(IP, PORT)


def test_a_window_that_somebody_else_has_taken_meanwhile_ends_the_program(world: World) -> None:
    schedule = [{"from": "0s", "mode": "refuse"}, {"from": "10s", "mode": "accept"}]
    service = Service(world, {"schedule": schedule})
    second = service.start()
    world.advance(9)
    assert (service.server.code, second.code) == (None, None)
    world.advance(1)
    assert (service.server.code, second.code, second.err) == (None, 1, "app: port 9000: Address already in use\n")


def test_an_idle_schedule_costs_one_timer_and_none_after_its_last_entry(world: World) -> None:
    Service(world, {"schedule": [{"from": "0s", "mode": "refuse"}, {"from": "1m", "mode": "echo"}]})
    start_ns = world.kernel.now_ns
    assert world.kernel.next_event_ns() == start_ns + 60 * 10**9
    world.advance(61)
    assert world.kernel.next_event_ns() is None


def test_the_end_of_the_program_ends_all_of_it(world: World) -> None:
    service = Service(world, {"mode": "echo"}, exitAfter="3s", exitCode=5)
    stream = service.connect()
    world.advance(3)
    assert (received(stream), service.server.code, service.attempt()) == ("EOF", 5, "ECONNREFUSED")
