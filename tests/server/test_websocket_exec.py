"""Exec and Attach over WebSockets, by the client library that the Python client of Kubernetes uses."""

import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import websocket

from kubesim.server.streaming.options import StreamOptions, StreamTls

from .spdy_client import answer_of, connect, head
from .streaming_world import StreamingWorld, streaming_world

SUCCESS = {"status": "Success"}
OLD = ["channel.k8s.io", "v4.channel.k8s.io"]


@pytest.fixture(scope="module")
def world() -> Iterator[StreamingWorld]:
    with streaming_world() as found:
        yield found


@contextmanager
def opened(url: str, *protocols: str) -> Iterator[websocket.WebSocket]:
    """A WebSocket to a URL, without the proxies of the machine."""
    client = websocket.create_connection(
        url.replace("http", "ws", 1),
        subprotocols=list(protocols),
        timeout=20,
        http_no_proxy="*",
        sslopt={"cert_reqs": ssl.CERT_NONE, "check_hostname": False},
    )
    try:
        yield client
    finally:
        client.close()
        client.shutdown()


def channels(client: websocket.WebSocket) -> dict[int, bytes]:
    """What came on each channel until the server closed, and with which status it did as channel -1."""
    found: dict[int, bytes] = {}
    while True:
        opcode, payload = client.recv_data()
        if opcode == websocket.ABNF.OPCODE_CLOSE:
            found[-1] = payload
            return found
        found[payload[0]] = found.get(payload[0], b"") + payload[1:]


def test_output_and_status_come_apart(world: StreamingWorld) -> None:
    url = world.exec_url(world.run_container(), "sh", "-c", "echo out; echo err >&2; exit 3")
    with opened(url, "v4.channel.k8s.io") as client:
        got = channels(client)

    assert client.getsubprotocol() == "v4.channel.k8s.io"
    assert (got[1], got[2], got[-1]) == (b"out\n", b"err\n", b"\x03\xe8")
    assert json.loads(got[3])["details"] == {"causes": [{"reason": "ExitCode", "message": "3"}]}


@pytest.mark.parametrize("protocols", [(), ("channel.k8s.io",)])
@pytest.mark.parametrize(("code", "text"), [(0, None), (1, b"command terminated with non-zero exit code: ")])
def test_without_a_version_failures_are_texts(
    world: StreamingWorld, protocols: tuple[str, ...], code: int, text: bytes | None
) -> None:
    url = world.exec_url(world.run_container(), "sh", "-c", f"exit {code}")
    with opened(url, *protocols) as client:
        got = channels(client)

    assert got[1] == b""
    assert got.get(3, b"")[: len(text or b"")] == (text or b"")


def test_input_echoes_in_a_terminal_of_the_right_size(world: StreamingWorld) -> None:
    url = world.exec_url(world.run_container(), "sh", "-c", "read x; stty size", stdin=True, stdout=True, tty=True)
    with opened(url, "v4.channel.k8s.io") as client:
        client.send_binary(b'\4{"Width":120,"Height":40}')
        client.send_binary(b"\0go\n")
        got = channels(client)

    assert got[1] == b"go\r\n40 120\r\n"


def test_a_close_signal_ends_the_input_and_nothing_else() -> None:
    with streaming_world("ideal") as world:
        url = world.exec_url(world.run_container(), "sh", "-c", "cat; echo over", stdin=True, stdout=True)
        with opened(url, "v5.channel.k8s.io", *OLD) as client:
            client.send_binary(b"\0one ")
            client.send_binary(b"\0two ")
            client.send_binary(b"\xff\0")
            got = channels(client)

    assert client.getsubprotocol() == "v5.channel.k8s.io"
    assert got[1] == b"one two over\n"
    assert json.loads(got[3]) == SUCCESS


@pytest.mark.parametrize("profile", ["containerd-2.3", "cri-o-1.36"])
def test_the_fifth_version_is_forbidden_where_the_runtime_forbids_it(profile: str) -> None:
    with streaming_world(profile) as world:
        url = world.exec_url(world.run_container(), "true")
        headers = [
            ("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="), ("Sec-WebSocket-Protocol", "v5.channel.k8s.io"),
        ]  # fmt: skip
        with connect(url) as connection:
            connection.sendall(head(url, method="GET", headers=headers))
            assert answer_of(connection) == (403, {}, b"")
            assert connection.recv(1) == b""


def test_large_input_and_output_come_whole(world: StreamingWorld) -> None:
    url = world.exec_url(world.run_container(), "sh", "-c", "head -c 3000000", stdin=True, stdout=True)
    with opened(url, "v4.channel.k8s.io") as client:
        for _ in range(30):
            client.send_binary(bytes(100_001))
        got = channels(client)

    assert got[1] == bytes(3_000_000)


def test_a_client_that_closes_leaves_the_command_to_the_runtime(world: StreamingWorld) -> None:
    container = world.run_container()
    script = "cat; touch /closed"
    with opened(world.exec_url(container, "sh", "-c", script, stdin=True, stdout=True), "v4.channel.k8s.io") as client:
        client.send_binary(b"\0x")
    with opened(
        world.exec_url(container, "sh", "-c", "while ! test -e /closed; do sleep 0.01; done; echo closed"), *OLD
    ) as client:
        assert channels(client)[1] == b"closed\n"


def test_attach_and_ping(world: StreamingWorld) -> None:
    container = world.run_container("cat", stdin=True, stdin_once=True)
    with opened(world.attach_url(container, stdin=True, stdout=True), "v4.channel.k8s.io") as client:
        client.ping(b"there?")
        client.send_binary(b"\0hello")
        opcodes = {client.recv_data(control_frame=True)[0] for _ in range(3)}

    assert opcodes == {websocket.ABNF.OPCODE_BINARY, websocket.ABNF.OPCODE_PONG}


def test_over_tls() -> None:
    with (
        streaming_world(options=StreamOptions(tls=StreamTls())) as world,
        opened(world.exec_url(world.run_container(), "echo", "hi"), "v4.channel.k8s.io") as client,
    ):
        assert channels(client)[1] == b"hi\n"
