"""gRPC health servers of scripted programs, asked by h2's client on virtual time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from h2.events import ConnectionTerminated
from h2.settings import SettingCodes

from kubesim.images.programs import program_node
from kubesim.images.tree_builder import build_tree
from kubesim.model.program_script import ScriptSpec, encoded_script
from kubesim.userland.files.filesystem import FileSystem
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.network.address import SocketAddress
from kubesim.userland.network.grpc_connection import MESSAGE_BYTES_MAX
from kubesim.userland.network.grpc_server import HANDSHAKE_SECONDS

from .health_client import (
    CHECK,
    LIST,
    NOT_SERVING,
    SERVICE_UNKNOWN,
    SERVING,
    WATCH,
    Answer,
    HealthClient,
    asking,
    framed,
)

if TYPE_CHECKING:
    from conftest import Command, World

    from kubesim.userland.network.namespace import NetworkNamespace

IP, PORT = "10.88.0.2", 9090


class Service:
    """A pod whose only process serves gRPC."""

    def __init__(self, world: World, health: dict[str, Any] | None = None, **script: Any) -> None:
        self.world = world
        self.pod: NetworkNamespace = world.table.network.add_pod(IP)
        port = {"port": PORT, "grpc": {} if health is None else {"health": health}}
        spec = msgspec.convert({"ports": [port], **script}, ScriptSpec)
        tree = build_tree([("/app", program_node(f"script:{encoded_script(spec)}"))])
        files = FileSystem(tree, clock=lambda: world.kernel.now_ns)
        self.server: Command = world.start("/app", files=files, network=self.pod)
        world.advance(0)

    def client(self) -> HealthClient:
        return HealthClient(self.world, self.pod, SocketAddress(IP, PORT))


def test_a_check_as_grpc_go_answers_it(world: World) -> None:
    answer = Service(world).client().call(CHECK)
    assert answer.headers == {":status": "200", "content-type": "application/grpc"}
    assert answer.messages == [SERVING]
    assert answer.trailers == {"grpc-status": "0", "grpc-message": ""}
    assert (answer.is_over, answer.reset_code) == (True, None)


def test_statuses_by_name(world: World) -> None:
    health = {"": "NOT_SERVING", "db": "SERVING", "odd": "UNKNOWN", "gone": "SERVICE_UNKNOWN"}
    client = Service(world, health).client()
    assert [client.call(CHECK, asking(name)).messages for name in ("", "db", "odd")] == [
        [NOT_SERVING],
        [SERVING],
        [b""],
    ]
    for name in ("gone", "never"):
        answer = client.call(CHECK, asking(name))
        assert (answer.status, answer.messages) == ((5, "unknown service"), [])
        assert answer.headers[":status"] == "200"
    listed = client.call(LIST)
    entries = (
        b"\x0a\x06\x0a\x00\x12\x02\x08\x02" + b"\x0a\x08\x0a\x02db\x12\x02\x08\x01" + b"\x0a\x07\x0a\x03odd\x12\x00"
    )
    assert (listed.messages, listed.status) == ([entries], (0, ""))


def test_a_schedule_of_the_clock(world: World) -> None:
    schedule = [{"from": "0s", "status": "SERVING"}, {"from": "30s", "status": "NOT_SERVING"}]
    client = Service(world, {"": {"schedule": schedule, "every": "1m"}}).client()
    seen = []
    for _ in range(6):
        seen += client.call(CHECK).messages
        client.later(20)
    assert seen == [SERVING, SERVING, NOT_SERVING] * 2


def test_a_watch_tells_each_change_once_and_costs_one_timer(world: World) -> None:
    schedule = [
        {"from": "0s", "status": "SERVICE_UNKNOWN"},
        {"from": "10s", "status": "SERVING"},
        {"from": "20s", "status": "SERVING"},
        {"from": "30s", "status": "NOT_SERVING"},
    ]
    client = Service(world, {"db": {"schedule": schedule}}).client()
    answer = client.call(WATCH, asking("db"))
    timeline = []
    for _ in range(5):
        timeline.append(list(answer.messages))
        client.later(10)
    told = [SERVICE_UNKNOWN, SERVING, NOT_SERVING]
    assert timeline == [told[:1], told[:2], told[:2], told, told]
    assert not answer.is_over
    assert world.kernel.next_event_ns() is None


def test_a_watch_of_no_service_says_so_and_ends_with_its_client(world: World) -> None:
    service = Service(world, {})
    client = service.client()
    answer = client.call(WATCH, asking("none"))
    assert answer.messages == [SERVICE_UNKNOWN]
    (number,) = client.answers
    client.h2.reset_stream(number, 8)
    client.flush()
    assert service.client().call(WATCH).messages == [SERVICE_UNKNOWN]
    client.stream.release()
    world.advance(0)
    assert service.server.code is None


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/grpc.health.v1.Health/Chek", {}, (12, "unknown method Chek for service grpc.health.v1.Health")),
        ("/grpc.health.v2.Health/Check", {}, (12, "unknown service grpc.health.v2.Health")),
        ("/Check", {}, (12, 'malformed method name: "/Check"')),
        (CHECK, {"content_type": "text/html"}, (3, 'invalid gRPC request content-type "text/html"')),
        (CHECK, {"method": "GET"}, (13, 'Received a HEADERS frame with :method "GET" which should be POST')),
    ],
)
def test_calls_that_nobody_answers(world: World, path: str, headers: dict[str, str], status: tuple[int, str]) -> None:
    client = Service(world).client()
    answer = client.call(path, b"", end=False, **headers)
    assert answer.status == status
    assert (answer.messages, answer.is_over, answer.reset_code) == ([], True, 0)
    assert client.call(CHECK).messages == [SERVING]


def test_subtypes_of_grpc_and_deadlines_are_taken(world: World) -> None:
    client = Service(world).client()
    assert client.call(CHECK, content_type="application/grpc+proto", grpc_timeout="1S").messages == [SERVING]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", (2, "EOF")),
        (b"\0\0\0", (2, "unexpected EOF")),
        (b"\0\0\0\0\x05ab", (2, "unexpected EOF")),
        (framed(b"", 1), (13, "grpc: compressed flag set with identity or empty encoding")),
        (framed(b"", 7), (13, "grpc: received unexpected payload format 7")),
        (b"\0\xff\xff\xff\xff", (8, f"grpc: received message larger than max (4294967295 vs. {MESSAGE_BYTES_MAX})")),
        (framed(b"\x0a\xff"), (13, "grpc: error unmarshalling request: proto: cannot parse invalid wire-format data")),
        (framed(b"\x0a\x02a"), (13, "grpc: error unmarshalling request: proto: cannot parse invalid wire-format data")),
        (framed(b"\x0b"), (13, "grpc: error unmarshalling request: proto: cannot parse invalid wire-format data")),
        (framed(b"\xff" * 11), (13, "grpc: error unmarshalling request: proto: cannot parse invalid wire-format data")),
        (framed(b"\x0a\x01\xff"), (13, "grpc: error unmarshalling request: string field contains invalid UTF-8")),
    ],
)
def test_messages_that_make_no_sense(world: World, body: bytes, status: tuple[int, str]) -> None:
    client = Service(world).client()
    assert client.call(CHECK, body).status == status
    assert client.call(CHECK).messages == [SERVING]


def test_unknown_fields_are_skipped(world: World) -> None:
    client = Service(world, {"db": "SERVING"}).client()
    others = b"\x10\x96\x01" + b"\x19" + b"8" * 8 + b"\x25" + b"4" * 4 + b"\x2a\x01x"
    assert client.call(CHECK, framed(b"\x0a\x01x" + others + b"\x0a\x02db")).messages == [SERVING]


def test_a_compressed_message_has_no_decompressor(world: World) -> None:
    answer = Service(world).client().call(CHECK, framed(b"", 1), grpc_encoding="gzip")
    assert answer.status == (12, 'grpc: Decompressor is not installed for grpc-encoding "gzip"')


def test_an_answer_waits_for_the_clients_window(world: World) -> None:
    schedule = [{"from": "0s", "status": "SERVING"}, {"from": "1s", "status": "NOT_SERVING"}]
    client = Service(world, {"": {"schedule": schedule, "every": "2s"}}).client()
    client.h2.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: 3})
    client.flush()
    answer = client.call(WATCH)
    client.later(1001)
    assert bytes(answer.data) == framed(SERVING)[:3]
    (number,) = client.answers
    client.h2.increment_flow_control_window(20, number)
    client.flush()
    # What came and went meanwhile is not told: the client learns how it is now.
    assert answer.messages == [SERVING, NOT_SERVING]


def test_the_end_of_the_program_ends_its_calls(world: World) -> None:
    service = Service(world, exitAfter="5s")
    client = service.client()
    answer = client.call(WATCH)
    client.later(5)
    assert (service.server.code, answer.is_over, client.stream.is_finished) == (0, False, True)


# -- hostile clients --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"\x16\x03\x01\x02\x00",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00\x00\x06\x04\x01\x00\x00\x00\x00" + b"\x00" * 6,
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff\xff\xff\x00\x00\x00\x00\x00\x01",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"
        b"\x00\x00\x03\x01\x05\x00\x00\x00\x01\xff\xff\xff",
    ],
)
def test_what_is_no_http_2_ends_the_connection_only(world: World, sent: bytes) -> None:
    service = Service(world)
    stream = service.pod.inject(SocketAddress(IP, PORT), SocketAddress("192.0.2.9", 40000))
    stream.write_now(sent)
    world.advance(1)
    said = b""
    try:
        while data := stream.read_now(1 << 20):
            said += data
    except FsError as error:
        data = error.errno_name.encode()
    assert data in (b"", b"ECONNRESET")
    assert service.client().call(CHECK).messages == [SERVING]
    assert (service.server.code, service.server.err) == (None, "")


def test_a_client_that_says_nothing_is_forgotten_and_an_idle_one_is_not(world: World) -> None:
    service = Service(world)
    silent = service.pod.inject(SocketAddress(IP, PORT), SocketAddress("192.0.2.9", 40000))
    client = service.client()
    world.advance(HANDSHAKE_SECONDS + 1)
    while data := silent.read_now(1 << 20):
        pass
    assert data == b""
    client.later(10**6)
    assert client.call(CHECK).messages == [SERVING]


def test_pings_that_are_not_read_are_not_answered_for_ever(world: World) -> None:
    service = Service(world)
    client = service.client()
    ping = b"\x00\x00\x08\x06\x00\x00\x00\x00\x00" + b"12345678"
    taken = 0
    while client.stream.write_now(ping * 1000) is None:
        world.advance(0)
        taken += 1000 * len(ping)
        assert taken < 10 << 20
    assert client.stream.queued_bytes == 131072
    assert taken < 1 << 20
    assert service.client().call(CHECK).messages == [SERVING]


def test_calls_that_are_reset_at_once_leave_nothing(world: World) -> None:
    service = Service(world)
    client = service.client()
    for _ in range(2000):
        number = client.h2.get_next_available_stream_id()
        client.answers[number] = Answer()
        headers = [(":method", "POST"), (":scheme", "http"), (":authority", "a"), (":path", WATCH)]
        headers.append(("content-type", "application/grpc"))
        client.h2.send_headers(number, headers)
        client.h2.send_data(number, asking(""), end_stream=True)
        client.h2.reset_stream(number)
        client.flush()
    assert client.call(CHECK).messages == [SERVING]
    world.advance(1)
    assert world.kernel.next_event_ns() is None


def test_more_calls_than_were_allowed_end_the_connection(world: World) -> None:
    service = Service(world)
    client = service.client()
    client.h2.remote_settings.max_concurrent_streams = 10**6
    client.h2.remote_settings.acknowledge()
    for _ in range(101):
        client.call(WATCH)
    assert any(isinstance(event, ConnectionTerminated) for event in client.events)
    assert service.client().call(CHECK).messages == [SERVING]
