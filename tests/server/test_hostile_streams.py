"""Clients of the streaming server that mean harm, or are broken: clean answers, bounded memory, nobody else is hurt."""

import asyncio
import contextlib
import resource
import select
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from kubesim.server.streaming import front
from kubesim.server.streaming.options import StreamOptions, StreamTls

from .spdy_client import SpdyClient, answer_of, connect, head, upgrade
from .streaming_world import StreamingWorld, streaming_world


@pytest.fixture(scope="module")
def world() -> Iterator[StreamingWorld]:
    with streaming_world() as found:
        yield found


def works(world: StreamingWorld, container: str) -> bool:
    """Whether others are served."""
    client = SpdyClient(world.exec_url(container, "echo", "fine"))
    client.open_streams("error", "stdout", "stderr")
    client.read_until_end()
    return client.output("stdout") == b"fine\n"


def connections(world: StreamingWorld) -> int:
    return world.inside(lambda: world.streams.connections_count)


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", 400),
        (b"GET /exec/x\r\n\r\n", 400),
        (b"GET /exec/x HTTP/1.1\r\n\r\n", 400),
        (b"GET /exec/x HTTP/1.1\r\nHost: h\r\nbad header\r\n\r\n", 400),
        (b"POST /exec/x HTTP/1.1\r\nHost: h\r\nContent-Length: x\r\n\r\n", 400),
        (b"GET /exec/" + b"x" * 70_000, 431),
        (b"GET / HTTP/1.1\r\nHost: h\r\n" + b"X-Pad: y\r\n" * 8_000, 431),
    ],
)
def test_what_is_no_request_is_told_so_and_cut_off(world: StreamingWorld, request_bytes: bytes, status: int) -> None:
    with connect(world.streams.url) as connection:
        connection.sendall(request_bytes)
        assert answer_of(connection)[0] == status
        assert connection.recv(1) == b""
    assert works(world, world.run_container())


def test_requests_one_behind_the_other_are_answered_in_order(world: StreamingWorld) -> None:
    requests = [head(f"{world.streams.url}/{name}") for name in ("exec/a", "nothing", "attach/b")] * 100
    with connect(world.streams.url) as connection:
        connection.sendall(b"".join(requests))
        got = b""
        while got.count(b"HTTP/1.1 404") < 300 or not got.endswith(b"found\n"):
            got += connection.recv(65536)
    assert got.count(b"404: Page Not Found") == 100


def test_many_half_open_connections_cost_little_and_keep_nobody_out(
    world: StreamingWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(front, "HEADS_MAX", 400)
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    count = min(1000, soft // 3)
    before = connections(world)
    open_ones = [connect(world.streams.url) for _ in range(count)]
    try:
        for connection in open_ones:
            try:
                connection.sendall(b"POST /exec/")
            except OSError:
                continue  # it was cut off already
        assert works(world, world.run_container())
        assert connections(world) <= before + 401
    finally:
        for connection in open_ones:
            connection.close()


def test_the_bytes_of_half_requests_have_a_common_bound(world: StreamingWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(front, "HEADS_BYTES_MAX", 100_000)
    open_ones = [connect(world.streams.url) for _ in range(10)]
    for connection in open_ones:
        connection.sendall(b"GET /exec/" + b"x" * 30_000)
    closed = 0
    for connection in open_ones[:6]:
        try:
            closed += connection.recv(1) == b""
        except ConnectionError:
            closed += 1
    assert closed == 6
    for connection in open_ones:
        connection.close()
    assert works(world, world.run_container())


def test_output_that_nobody_reads_waits_in_the_command(world: StreamingWorld) -> None:
    container = world.run_container()
    client = SpdyClient(world.exec_url(container, "sh", "-c", "while echo x; do echo y >>/count; done", stdout=True))
    client.open_streams("error", "stdout")
    url = world.exec_url(
        container, "sh", "-c", "while test $(wc -c </count) != $n; do n=$(wc -c </count); sleep 0.1; done"
    )
    other = SpdyClient(url)  # ends when the count stands still
    other.open_streams("error", "stdout", "stderr")
    other.read_until_end()

    assert other.result()["status"] == "Success"
    client.close()


class Stuck:
    """A socket whose client takes nothing more."""

    def __init__(self) -> None:
        self.aborted = asyncio.Event()

    def is_closing(self) -> bool:
        return False

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        """It waits behind the rest."""

    def set_write_buffer_limits(self, *, high: int) -> None:
        assert high == 0

    def get_write_buffer_size(self) -> int:
        return 1

    def abort(self) -> None:
        self.aborted.set()


def test_a_client_that_does_not_read_the_end_is_cut_after_a_while(
    world: StreamingWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(front, "GOODBYE_SECONDS_MAX", 0.01)

    async def leave() -> None:
        stuck = Stuck()
        connection = front.Connection(world.streams._server)  # type: ignore[arg-type]  # which is not asked
        connection._transport = stuck  # type: ignore[assignment]  # as much of a transport as is asked
        connection._say_goodbye()
        await asyncio.wait_for(stuck.aborted.wait(), 20)

    asyncio.run(leave())


def test_input_that_nobody_takes_makes_its_client_wait(world: StreamingWorld) -> None:
    container = world.run_container()
    client = SpdyClient(world.exec_url(container, "sleep", "1000", stdin=True, stdout=True))
    client.open_streams("error", "stdin", "stdout")
    client.socket.settimeout(0.3)
    with pytest.raises(TimeoutError):
        for _ in range(10_000):
            client.send(client.streams["stdin"], bytes(65536))

    assert works(world, container)
    client.close()


def test_input_that_nobody_took_does_not_cost_the_output_its_end(world: StreamingWorld) -> None:
    """A socket that is closed with bytes unread resets the connection, and what was under way is lost."""
    container = world.run_container()
    script = "head -c 3000000 /dev/zero; exit 3"
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        url = world.exec_url(container, "sh", "-c", script, stdin=True, stdout=True)
        address = urlsplit(url)
        connection.connect((address.hostname or "", address.port or 0))
        client = SpdyClient(url, sock=connection)
        client.open_streams("error", "stdin", "stdout")
        connection.settimeout(0.3)
        with contextlib.suppress(TimeoutError):
            for _ in range(500):
                client.send(client.streams["stdin"], bytes(65536))
        connection.settimeout(20)
        client.read_until_end()

    assert len(client.output("stdout")) == 3_000_000
    assert client.result()["details"]["causes"] == [{"reason": "ExitCode", "message": "3"}]


def test_a_silent_stream_is_cut() -> None:
    with streaming_world(options=StreamOptions(idle_ns=50_000_000)) as world:
        client = SpdyClient(world.exec_url(world.run_container(), "sleep", "1000", stdin=True, stdout=True))
        client.open_streams("error", "stdin", "stdout")
        client.read_until_end()

        assert client.is_going_away
        assert client.output("error") == b""


def test_a_spdy_client_that_only_pings_is_not_silent() -> None:
    with streaming_world(options=StreamOptions(idle_ns=1_000_000_000)) as world:
        container = world.run_container()
        client = SpdyClient(world.exec_url(container, "cat", stdin=True, stdout=True))
        client.open_streams("error", "stdin", "stdout")
        for number in range(20):
            client.ping(2 * number + 1)
            assert works(world, container)
            select.select([], [], [], 0.1)
        client.send(client.streams["stdin"], b"still here", is_last=True)
        client.read_until_end()

        assert client.output("stdout") == b"still here"


def test_bytes_that_are_no_spdy_end_that_stream_alone(world: StreamingWorld) -> None:
    container = world.run_container()
    url = world.exec_url(container, "cat", stdin=True, stdout=True)
    with connect(url) as connection:
        connection.sendall(upgrade(url) + b"\x80\x03\x00\x63" + bytes(60))
        assert answer_of(connection)[0] == 101
        rest = b"x"
        while rest:
            rest = connection.recv(65536)
    assert works(world, container)


def test_connections_that_vanish_anywhere_are_forgotten(world: StreamingWorld) -> None:
    container = world.run_container()
    before = connections(world)
    url = world.exec_url(container, "cat", stdin=True, stdout=True)
    whole = upgrade(url)
    for size in range(0, len(whole), 7):
        with connect(url) as connection:
            connection.sendall(whole[:size])
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    assert works(world, container)
    for _ in range(100):
        if connections(world) <= before:
            break
        threading.Event().wait(0.05)
    assert connections(world) <= before


# -- TLS ----------------------------------------------------------------------------------------------------


def test_streams_over_tls_with_a_certificate_that_is_made() -> None:
    with streaming_world(options=StreamOptions(tls=StreamTls())) as world:
        url = world.exec_url(world.run_container(), "cat", stdin=True, stdout=True)
        assert url.startswith("https://127.0.0.1:")
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        with connect(url) as plain, context.wrap_socket(plain, server_hostname="127.0.0.1") as sock:
            client = SpdyClient(url, sock=sock)
            client.open_streams("error", "stdin", "stdout")
            for _ in range(50):
                client.send(client.streams["stdin"], bytes(10_000))
            client.send(client.streams["stdin"], is_last=True)
            client.read_until_end()

        assert client.output("stdout") == bytes(500_000)
        assert client.result()["status"] == "Success"


def test_plain_bytes_to_a_tls_port_hurt_nobody() -> None:
    with streaming_world(options=StreamOptions(tls=StreamTls())) as world:
        url = world.exec_url(world.run_container(), "true")
        with connect(url) as connection:
            connection.sendall(head(url))
            with contextlib.suppress(ConnectionError):
                assert connection.recv(65536)[:1] in (b"", b"\x15")
        assert connections(world) == 0


def test_over_ipv6() -> None:
    if not socket.has_ipv6 or not Path("/proc/net/if_inet6").exists():
        pytest.skip("this machine has no IPv6 loopback address")
    from kubesim.server.address import TcpAddress

    with streaming_world(options=StreamOptions(address=TcpAddress("::1", 0))) as world:
        assert world.streams.url.startswith("http://[::1]:")
        assert works(world, world.run_container())
