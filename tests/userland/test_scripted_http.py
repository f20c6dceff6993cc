"""HTTP servers that a fixture scripts, on virtual time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from kubesim.images.programs import program_node
from kubesim.images.tree import file_node
from kubesim.images.tree_builder import build_tree
from kubesim.model.program_script import ScriptSpec, encoded_script
from kubesim.userland.applets import APPLETS
from kubesim.userland.files.filesystem import FileSystem
from kubesim.userland.image_programs.script_port import CONNECTIONS_MAX
from kubesim.userland.network.address import SocketAddress
from kubesim.userland.network.http_message import HEAD_BYTES_MAX
from kubesim.userland.network.http_server import IDLE_SECONDS, REQUEST_BODY_BYTES_MAX
from kubesim.userland.processes.process import ROOT, Credentials

if TYPE_CHECKING:
    from conftest import Command, World

    from kubesim.userland.network.namespace import NetworkNamespace
    from kubesim.userland.network.stream import Stream

ADDRESS = SocketAddress("10.88.0.2", 8080)
OUTSIDE = SocketAddress("192.0.2.9", 40000)


class Service:
    """A pod whose only process serves `http`, and connections to it from outside."""

    def __init__(self, world: World, http: dict[str, Any], *, who: Credentials = ROOT, **port: Any) -> None:
        self.world = world
        self.pod: NetworkNamespace = world.table.network.add_pod(ADDRESS.ip)
        spec = msgspec.convert({"ports": [{"port": ADDRESS.port, "http": http, **port}]}, ScriptSpec)
        tree = build_tree(
            [
                ("/app", program_node(f"script:{encoded_script(spec)}")),
                *((f"/bin/{name}", program_node(f"busybox:{name}")) for name in APPLETS),
                ("/srv/page.html", file_node(b"<h1>page</h1>\n")),
                ("/srv/secret", file_node(b"no", mode=0o600)),
            ]
        )
        self.files = FileSystem(tree, clock=lambda: world.kernel.now_ns)
        self.server: Command = world.start("/app", files=self.files, network=self.pod, who=who)
        world.advance(0)

    def connect(self) -> Stream:
        return self.pod.inject(ADDRESS, OUTSIDE)

    def exchange(self, request: bytes, *, seconds: float = 0) -> str:
        """What comes back for bytes on a new connection within the time; "EOF" or "RST" behind it when it ended."""
        stream = self.connect()
        assert stream.write_now(request) is None
        self.world.advance(seconds)
        got = received(stream)
        stream.release()
        return got

    def get(self, path: str, *, seconds: float = 0) -> str:
        """Status and body of a GET."""
        return brief(self.exchange(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode(), seconds=seconds))


def received(stream: Stream) -> str:
    got = b""
    try:
        while part := stream.read_now(1 << 20):
            got += part
    except OSError:
        return f"{got.decode('latin-1')}RST"
    return got.decode("latin-1") + ("" if part is None else "EOF")


def brief(message: str) -> str:
    """Status and body of one answer; what is no answer stays as it is."""
    head, blank, body = message.partition("\r\n\r\n")
    return f"{head.split(' ')[1]} {body}".strip() if blank else message


def test_routes_and_what_they_answer(world: World) -> None:
    service = Service(
        world,
        {
            "routes": [
                {"prefix": "/", "body": "everything else"},
                {"prefix": "/static/", "file": "/srv/page.html", "headers": {"Content-Type": "text/html"}},
                {"path": "/static/none", "file": "/srv/absent"},
                {"path": "/healthz", "body": "ok"},
                {"path": "/items", "methods": ["POST"], "status": 201, "headers": {"X-Item": "7"}},
                {"path": "/items", "methods": ["GET"], "body": "[]"},
                {"path": "/old", "redirect": "/healthz"},
                {"path": "/gone", "status": 204},
                {"path": "/a b", "status": 418},
            ]
        },
    )
    assert service.get("/healthz") == "200 ok"
    assert service.get("/healthz?verbose") == "200 ok"
    assert service.get("/healthz/deeper") == "200 everything else"
    assert service.get("/static/x/y") == "200 <h1>page</h1>"
    assert service.get("/static/none") == "404 404 page not found"
    assert service.get("/items") == "200 []"
    assert service.get("/a%20b") == "418"
    assert service.get("http://pod:8080/healthz") == "200 ok"
    assert (
        service.exchange(b"POST /items HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc")
        == "HTTP/1.1 201 Created\r\nX-Item: 7\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nContent-Length: 0\r\n\r\n"
    )
    assert service.exchange(b"GET /old HTTP/1.1\r\nHost: a\r\n\r\n") == (
        "HTTP/1.1 302 Found\r\nLocation: /healthz\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nContent-Length: 0\r\n\r\n"
    )
    assert service.exchange(b"GET /gone HTTP/1.1\r\nHost: a\r\n\r\n") == (
        "HTTP/1.1 204 No Content\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\n\r\n"
    )
    assert service.exchange(b"HEAD /items HTTP/1.1\r\nHost: a\r\n\r\n") == (
        "HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nContent-Length: 2\r\n"
        "Content-Type: text/plain; charset=utf-8\r\n\r\n"
    )
    assert service.exchange(b"PUT /items HTTP/1.1\r\nHost: a\r\n\r\n").endswith("\r\n\r\neverything else")
    assert (service.server.out, service.server.err, service.server.code) == ("", "", None)


def test_what_no_route_takes_is_answered_as_go_does(world: World) -> None:
    service = Service(world, {"routes": [{"path": "/items", "methods": ["POST", "GET"]}]})
    assert service.get("/") == "404 404 page not found"
    assert service.exchange(b"DELETE /items HTTP/1.1\r\nHost: a\r\n\r\n") == (
        "HTTP/1.1 405 Method Not Allowed\r\nAllow: GET, HEAD, POST\r\nContent-Type: text/plain; charset=utf-8\r\n"
        "X-Content-Type-Options: nosniff\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nContent-Length: 19\r\n\r\n"
        "Method Not Allowed\n"
    )


def test_a_file_that_the_program_may_not_read(world: World) -> None:
    service = Service(world, {"routes": [{"path": "/", "file": "/srv/secret"}]}, who=Credentials(uid=1000, gid=1000))
    assert service.get("/") == "403 403 Forbidden"


def test_flapping_by_time(world: World) -> None:
    schedule = [{"from": "0s", "body": "well"}, {"from": "30s", "status": 503, "body": "ill"}]
    service = Service(world, {"routes": [{"path": "/", "schedule": schedule, "every": "1m"}]})
    seen = []
    for _ in range(10):
        seen.append(service.get("/"))
        world.advance(15)
    assert seen == ["200 well", "200 well", "503 ill", "503 ill"] * 2 + ["200 well", "200 well"]


def test_times_count_from_the_start_of_the_program(world: World) -> None:
    world.advance(17)
    schedule = [{"from": "0s", "body": "early"}, {"from": "10s", "body": "late"}]
    service = Service(world, {"routes": [{"path": "/", "schedule": schedule}]}, at="4s")
    world.advance(4)
    assert service.get("/") == "200 early"
    world.advance(5.999)
    assert service.get("/") == "200 early"
    world.advance(0.001)
    assert service.get("/") == "200 late"
    world.advance(10**6)
    assert service.get("/") == "200 late"


@pytest.mark.parametrize(
    ("sequence", "statuses"),
    [
        ([{"times": 3, "status": 500}, {"status": 200}], "500 500 500 200 200 200 200"),
        ([{"status": 500}, {"status": 200, "times": 2}], "500 200 200 500 200 200 500"),
        ([{"status": 500}], "500 500 500 500 500 500 500"),
    ],
)
def test_answers_by_count(world: World, sequence: list[dict[str, Any]], statuses: str) -> None:
    service = Service(world, {"routes": [{"path": "/", "sequence": sequence}, {"path": "/other", "body": "x"}]})
    assert [service.get("/") for _ in range(7)] == statuses.split()
    assert service.get("/other") == "200 x"


def test_each_start_of_the_program_counts_anew(world: World) -> None:
    service = Service(world, {"routes": [{"path": "/", "sequence": [{"status": 500}, {"status": 200}]}]})
    assert [service.get("/"), service.get("/")] == ["500", "200"]
    service.server.process.signal(9)
    world.advance(0)
    service.server = world.start("/app", files=service.files, network=service.pod)
    world.advance(0)
    assert [service.get("/"), service.get("/")] == ["500", "200"]


def test_a_delayed_answer(world: World) -> None:
    service = Service(world, {"routes": [{"path": "/", "body": "slow", "delay": "1500ms"}]})
    assert service.get("/", seconds=1.4) == ""
    assert service.get("/", seconds=1.5) == "200 slow"
    half_closed = service.connect()
    half_closed.write_now(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    half_closed.shut_down()
    world.advance(1.5)
    assert brief(received(half_closed)) == "200 slowEOF"


def test_whoever_goes_during_a_delay_costs_nothing_more(world: World) -> None:
    service = Service(world, {"routes": [{"path": "/", "delay": "1h"}, {"path": "/hang", "fail": "hang"}]})
    for path in ("/", "/hang"):
        assert service.get(path, seconds=1) == ""
    world.advance(0)
    assert len(list(service.pod.sockets())) == 1  # the listener
    assert world.kernel.next_event_ns() is None


def test_instead_of_an_answer(world: World) -> None:
    routes = [{"path": f"/{fail}", "fail": fail, "delay": "1s"} for fail in ("close", "reset", "hang")]
    service = Service(world, {"log": True, "routes": routes})
    assert service.get("/close", seconds=1) == "EOF"
    assert service.get("/reset", seconds=1) == "RST"
    assert service.get("/hang", seconds=100) == ""
    source = OUTSIDE.text()
    assert service.server.out == f"{source} GET /close close\n{source} GET /reset reset\n{source} GET /hang hang\n"


def test_keep_alive_pipelines_and_connection_close(world: World) -> None:
    service = Service(world, {"routes": [{"path": "/a", "body": "A", "delay": "1s"}, {"path": "/b", "body": "B"}]})
    stream = service.connect()
    stream.write_now(b"GET /a HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n")
    world.advance(0.5)
    assert received(stream) == ""
    world.advance(0.5)
    answers = received(stream).split("HTTP/1.1 ")
    assert [answer[:3] + answer[-1:] for answer in answers[1:]] == ["200A", "200B"]
    stream.write_now(b"GET /b HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    world.advance(0)
    assert received(stream).endswith("BEOF")
    said_close = service.exchange(b"GET /b HTTP/1.0\r\n\r\n")
    assert said_close.endswith("BEOF")


def test_a_connection_that_says_nothing_is_forgotten(world: World) -> None:
    service = Service(world, {"routes": []})
    stream = service.connect()
    world.advance(IDLE_SECONDS - 1)
    assert received(stream) == ""
    world.advance(1)
    assert received(stream) == "EOF"


def test_the_end_of_the_program_ends_its_connections(world: World) -> None:
    service = Service(world, {"routes": [{"path": "/", "fail": "hang"}]})
    stream = service.connect()
    stream.write_now(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    world.advance(1)
    service.server.process.signal(9)
    world.advance(0)
    assert (received(stream), service.server.code) == ("EOF", 137)


def test_busybox_and_the_servers_clients_agree(world: World) -> None:
    service = Service(world, {"log": True, "routes": [{"path": "/", "body": "hello\n"}, {"path": "/x", "status": 500}]})
    script = f"wget -qO- http://{ADDRESS.text()}/; wget -qO- http://{ADDRESS.text()}/x; echo $?"
    client = world.sh(script, network=service.pod)
    assert client.out == "hello\n1\n"
    assert "500" in client.err
    logged = [line.split(" ", 1)[1] for line in service.server.out.splitlines()]
    assert logged == ["GET / 200", "GET /x 500"]


# -- hostile clients --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", "400"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505"),
        (b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 101 + b"\r\n", "431"),
        (b"GET / HTTP/1.1\r\nX: " + b"y" * HEAD_BYTES_MAX, "431"),
        (b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", "400"),
        (f"POST / HTTP/1.1\r\nContent-Length: {REQUEST_BODY_BYTES_MAX + 1}\r\n\r\n".encode(), "413"),
    ],
)
def test_requests_that_are_none_are_refused_and_hurt_nobody(world: World, sent: bytes, status: str) -> None:
    service = Service(world, {"routes": [{"path": "/", "body": "ok"}]})
    answer = service.exchange(sent, seconds=1)
    assert answer.startswith(f"HTTP/1.1 {status} ")
    assert answer.endswith(("EOF", "RST"))
    assert service.get("/") == "200 ok"
    assert (service.server.code, service.server.err) == (None, "")


def test_half_a_request_is_forgotten_in_time(world: World) -> None:
    service = Service(world, {"routes": []})
    stream = service.connect()
    for _ in range(IDLE_SECONDS // 10):
        stream.write_now(b"GET / HT")
        world.advance(10)
    assert received(stream).endswith(("EOF", "RST"))


def test_a_client_that_never_reads_holds_one_queue_at_most(world: World) -> None:
    service = Service(world, {"routes": [{"path": "/", "body": "x" * (1 << 20)}]})
    stream = service.connect()
    stream.write_now(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 100)
    world.advance(1000)
    assert stream.queued_bytes == 131072
    assert service.get("/").startswith("200 xxx")
    stream.abort()
    world.advance(0)
    assert len(list(service.pod.sockets())) == 1


def test_idle_connections_are_bounded_and_others_wait_their_turn(world: World) -> None:
    service = Service(world, {"routes": [{"path": "/", "body": "ok"}]}, tcp={"backlog": 4096})
    idle = [service.connect() for _ in range(CONNECTIONS_MAX)]
    world.advance(0)
    late = service.connect()
    late.write_now(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    world.advance(1)
    assert received(late) == ""
    idle[0].release()
    world.advance(0)
    assert brief(received(late)) == "200 ok"
