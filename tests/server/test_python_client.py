"""The WebSocket client of the Python `kubernetes` package, which is not ours, on the streams of a served node."""

import json
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from kubernetes.client import Configuration
from kubernetes.stream.ws_client import ERROR_CHANNEL, RESIZE_CHANNEL, PortForward, WSClient, create_websocket
from websocket import WebSocketBadStatusException

from .streamed_node import NGINX, StreamedNode, streamed_node

PROFILES = {"containerd-2.3": "v4.channel.k8s.io", "cri-o-1.36": "v4.channel.k8s.io", "ideal": "v5.channel.k8s.io"}
"""What is agreed on by a client that prefers v5: no released runtime knows it."""

SECONDS_MAX = 20


@pytest.fixture(scope="module", params=PROFILES)
def profile(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def node(profile: str) -> Iterator[StreamedNode]:
    with tempfile.TemporaryDirectory(prefix="ks-") as name, streamed_node(Path(name), profile) as node:
        yield node


@pytest.fixture(scope="module")
def container(node: StreamedNode) -> str:
    return node.start("sleep", "1h")


@contextmanager
def connected(url: str, *, binary: bool = False) -> Iterator[WSClient]:
    client = WSClient(Configuration(), url.replace("http://", "ws://"), None, capture_all=True, binary=binary)
    try:
        yield client
    finally:
        client.close()
        client.sock.shutdown()  # which the library forgets when it was the server that said good-bye


def test_outputs_are_apart_and_the_exit_code_comes(node: StreamedNode, container: str, profile: str) -> None:
    script = "echo out; echo err >&2; exit 3"
    with connected(node.exec_url(container, ["sh", "-c", script], stdout=True, stderr=True)) as client:
        client.run_forever(timeout=SECONDS_MAX)

        assert client.subprotocol == PROFILES[profile]
        assert (client.read_stdout(), client.read_stderr()) == ("out\n", "err\n")
        assert client.returncode == 3


def test_success_is_zero(node: StreamedNode, container: str) -> None:
    with connected(node.exec_url(container, ["true"], stdout=True)) as client:
        client.run_forever(timeout=SECONDS_MAX)
        assert (client.read_stdout(), client.returncode) == ("", 0)


def test_a_command_that_is_not_there_is_named(node: StreamedNode, container: str) -> None:
    with connected(node.exec_url(container, ["nothing"], stdout=True, stderr=True)) as client:
        client.run_forever(timeout=SECONDS_MAX)
        status = json.loads(client.read_channel(ERROR_CHANNEL))
        assert status["status"] == "Failure"
        assert "nothing" in status["message"]
        assert status["reason"] == "InternalError"


def test_a_megabyte_goes_in_and_comes_out(node: StreamedNode, container: str) -> None:
    size = 1 << 20
    with connected(
        node.exec_url(container, ["head", "-c", str(size)], stdin=True, stdout=True, stderr=True), binary=True
    ) as client:
        data = bytes(range(256)) * (size // 256)
        for start in range(0, size, 65536):
            client.write_stdin(data[start : start + 65536])
        client.run_forever(timeout=SECONDS_MAX)
        assert client.read_stdout() == data
        assert client.returncode == 0


def test_closing_a_channel_ends_stdin(node: StreamedNode, container: str, profile: str) -> None:
    if not PROFILES[profile].startswith("v5"):
        pytest.skip("a channel can be closed since v5")
    with connected(node.exec_url(container, ["wc", "-c"], stdin=True, stdout=True)) as client:
        client.write_stdin("four")
        client.close_channel(0)
        client.run_forever(timeout=SECONDS_MAX)
        assert (client.read_stdout(), client.returncode) == ("4\n", 0)


def test_a_terminal_has_the_size_of_the_window(node: StreamedNode, container: str) -> None:
    with connected(node.exec_url(container, ["sh"], stdin=True, stdout=True, tty=True)) as client:
        client.write_channel(RESIZE_CHANNEL, json.dumps({"Width": 101, "Height": 37}))
        client.write_stdin("stty size\n")
        seen = ""
        while "37 101" not in seen and client.is_open():
            client.update(timeout=SECONDS_MAX)
            seen += client.read_stdout()
        client.write_stdin("exit 7\n")
        client.run_forever(timeout=SECONDS_MAX)
        assert "stty size\r\n" in seen
        assert "37 101\r\n" in seen
        assert client.returncode == 7


def test_attached_it_gets_what_the_process_says_from_then_on(node: StreamedNode) -> None:
    container = node.start("sh", "-c", "echo before; cat", stdin=True, stdin_once=False)
    with connected(node.attach_url(container, stdin=True, stdout=True, stderr=True)) as client:
        client.write_stdin("after\n")
        assert client.readline_stdout(timeout=SECONDS_MAX) == "after"


def test_an_attach_ends_with_the_process(node: StreamedNode) -> None:
    container = node.start("sh", "-c", "read line; echo got $line; exit 5", stdin=True, stdin_once=True)
    with connected(node.attach_url(container, stdin=True, stdout=True, stderr=True)) as client:
        client.write_stdin("it\n")
        client.run_forever(timeout=SECONDS_MAX)
        assert (client.read_stdout(), client.returncode) == ("got it\n", 0)


def test_a_url_is_good_once(node: StreamedNode, container: str) -> None:
    url = node.exec_url(container, ["true"], stdout=True)
    with connected(url) as client:
        client.run_forever(timeout=SECONDS_MAX)
    with pytest.raises(WebSocketBadStatusException, match="404"), connected(url):
        pass


def answer_of(node: StreamedNode, port: int, question: bytes) -> tuple[bytes, str]:
    """What a port of the pod answers until the connection ends, and what its error channel says."""
    url = node.forward_url(port).replace("http://", "ws://")
    header = {"sec-websocket-protocol": "v4.channel.k8s.io"}
    socket = create_websocket(Configuration(), url, header)
    before = set(threading.enumerate())
    forward = PortForward(socket, [port])
    (copying,) = set(threading.enumerate()) - before or {None}
    with closing(forward.socket(port)) as channel:
        channel.settimeout(SECONDS_MAX)
        if question:
            channel.sendall(question)
        answer = b""
        while data := channel.recv(65536):
            answer += data
    if copying is not None:
        copying.join(SECONDS_MAX)
    socket.shutdown()  # which the library forgets when it was the server that said good-bye
    return answer, forward.error(port) or ""


def test_a_port_is_forwarded(node: StreamedNode) -> None:
    node.start(image=NGINX)
    answer, error = answer_of(node, 80, b"GET / HTTP/1.0\r\nHost: a\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"Welcome to nginx!" in answer
    assert error == ""


def test_a_port_that_nobody_listens_on_is_an_error(node: StreamedNode) -> None:
    answer, error = answer_of(node, 81, b"")
    assert answer == b""
    assert "connection refused" in error.lower()
