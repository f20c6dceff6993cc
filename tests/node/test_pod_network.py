"""The way of the emulated kubelet to its pods: what it sends, and Go's words for what goes wrong."""

from collections.abc import Coroutine
from typing import Any, TypeVar

import pytest

from kubesim.kernel import Kernel
from kubesim.kubelet.http_get_client import GetFailed, follow_get
from kubesim.node.pod_network import EmulatedDial, NodePodNetwork
from kubesim.policy.http_get import HttpAnswer, HttpRequest, http_request
from kubesim.policy.probe_outcome import HealthAnswer
from kubesim.userland.network.address import SocketAddress
from kubesim.userland.network.node_network import NodeNetwork
from kubesim.userland.network.stream import Stream

POD_IP = "10.88.0.2"
SECOND = 1_000_000_000
T = TypeVar("T")


class Pod:
    """A pod whose port 80 answers each connection with the next of `answers`, and then closes it.

    None resets the connection, ... says nothing more after what was said.
    """

    def __init__(self) -> None:
        self.kernel = Kernel(seed=1)
        self.network = NodeNetwork()
        self.pod = self.network.add_pod(POD_IP)
        self.node = NodePodNetwork(EmulatedDial(self.network))
        self.received: list[str] = []

    def serve(self, *answers: Any) -> None:
        listener = self.pod.listen(SocketAddress("0.0.0.0", 80), backlog=10, uid=0, is_privileged=True)

        async def loop() -> None:
            for answer in answers:
                stream = await listener.accept()
                await self._answer(stream, answer)

        self.kernel.spawn(loop(), name="server")

    async def _answer(self, stream: Stream, answer: Any) -> None:
        while (data := stream.read_now(65536)) is None:
            await stream.wait_readable()
        self.received.append(data.decode(errors="replace"))
        if answer is None:
            stream.abort()
            return
        parts = answer if isinstance(answer, tuple) else (answer, "close")
        stream.write_now(parts[0].encode())
        if parts[1] == "close":
            stream.release()
        elif parts[1] == "reset":
            stream.abort()

    def run(self, work: Coroutine[Any, Any, T], seconds: int = 100) -> T:
        task = self.kernel.spawn(work, name="test")
        self.kernel.run_until(self.kernel.now_ns + seconds * SECOND)
        return task.result()

    def get(self, path: str = "/", *, timeout_ns: int | None = SECOND, **more: Any) -> HttpAnswer:
        made = request(path, **more)
        return self.run(follow_get(self.kernel, self.node, made, timeout_ns=timeout_ns))

    def refusal(self, path: str = "/", **more: Any) -> str:
        with pytest.raises(GetFailed) as caught:
            self.get(path, **more)
        return str(caught.value)


def request(path: str = "/", *, scheme: str = "HTTP", host: str = POD_IP, port: int = 80) -> HttpRequest:
    return http_request(
        scheme=scheme, host=host, port=port, path=path, headers=[("X-Own", "1")], agent="kube-probe/1.36"
    )


@pytest.fixture
def pod() -> Pod:
    return Pod()


def said(status: str, body: str = "", *headers: str) -> str:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", body]
    return "\r\n".join(lines)


def test_what_a_probe_sends(pod: Pod) -> None:
    pod.serve(said("200 OK", "fine"))
    answer = pod.get("/a?b")
    assert (answer.status, answer.body) == (200, b"fine")
    assert pod.received == [
        (
            "GET /a?b HTTP/1.1\r\nHost: 10.88.0.2:80\r\nUser-Agent: kube-probe/1.36\r\nAccept: */*\r\nX-Own: 1\r\n"
            "Connection: close\r\n\r\n"
        )
    ]


def test_what_a_hook_sends(pod: Pod) -> None:
    pod.serve(said("200 OK"))
    pod.run(follow_get(pod.kernel, pod.node, request(), keeps_alive=True))
    assert pod.received[0].endswith("Accept: */*\r\nX-Own: 1\r\nAccept-Encoding: gzip\r\n\r\n")


def test_redirects_are_followed_on_the_same_host(pod: Pod) -> None:
    pod.serve(said("302 Found", "", "Location: /b"), said("200 OK", "there"))
    assert pod.get("/a").body == b"there"
    assert "Referer: http://10.88.0.2:80/a\r\n" in pod.received[1]


@pytest.mark.parametrize("location", ["Location: http://elsewhere/", "X-None: 1"])
def test_a_redirect_to_another_host_is_the_answer(pod: Pod, location: str) -> None:
    pod.serve(said("301 Moved Permanently", "gone", location))
    answer = pod.get()
    assert (answer.status, answer.body) == (301, b"gone")


def test_redirects_end_after_ten(pod: Pod) -> None:
    pod.serve(*[said("302 Found", "", "Location: /again")] * 11)
    assert pod.refusal() == 'Get "/again": stopped after 10 redirects'
    assert len(pod.received) == 10


WORDS: list[tuple[Any, str]] = [
    ("", 'Get "http://10.88.0.2:80/": EOF'),
    (None, 'Get "http://10.88.0.2:80/": read tcp 192.0.2.2:32768->10.88.0.2:80: read: connection reset by peer'),
    (
        "SSH-2.0-x\r\n\r\n",
        (
            'Get "http://10.88.0.2:80/": net/http: HTTP/1.x transport connection broken: '
            'malformed HTTP response "SSH-2.0-x"'
        ),
    ),
    (
        ("", "wait"),
        'Get "http://10.88.0.2:80/": context deadline exceeded (Client.Timeout exceeded while awaiting headers)',
    ),
    (
        said("302 Found", "", "Location: %zz"),
        'Get "http://10.88.0.2:80/": failed to parse Location header "%zz": parse "%zz": invalid URL escape "%zz"',
    ),
    (said("302 Found", "", "Location: ftp://10.88.0.2/"), 'Get "ftp://10.88.0.2/": unsupported protocol scheme "ftp"'),
]


@pytest.mark.parametrize(("answer", "text"), WORDS)
def test_the_words_of_a_failure(pod: Pod, answer: Any, text: str) -> None:
    pod.serve(answer)
    assert pod.refusal() == text


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", "unexpected EOF"),
        (
            ("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", "wait"),
            "context deadline exceeded (Client.Timeout or context cancellation while reading body)",
        ),
    ],
)
def test_a_body_that_breaks_off(pod: Pod, answer: Any, error: str) -> None:
    pod.serve(answer)
    assert pod.get().error == error


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (said("400 Bad Request"), "http: server gave HTTP response to HTTPS client"),
        ("hello there", "tls: first record does not look like a TLS handshake"),
        ("", "EOF"),
        (None, "read tcp 192.0.2.2:32768->10.88.0.2:80: read: connection reset by peer"),
    ],
)
def test_nobody_speaks_tls(pod: Pod, answer: Any, reason: str) -> None:
    pod.serve(answer)
    assert pod.refusal(scheme="HTTPS") == f'Get "https://10.88.0.2:80/": {reason}'


@pytest.mark.parametrize(
    ("host", "reason"),
    [
        (POD_IP, "dial tcp 10.88.0.2:80: connect: connection refused"),
        ("localhost", "dial tcp 127.0.0.1:80: connect: connection refused"),
        ("web.example", "dial tcp: lookup web.example: no such host"),
    ],
)
def test_no_connection(pod: Pod, host: str, reason: str) -> None:
    assert pod.refusal(host=host) == f'Get "http://{host}:80/": {reason}'
    with pytest.raises(OSError, match="dial tcp") as caught:
        pod.run(pod.node.connect(host, 80, timeout_ns=SECOND))
    assert str(caught.value) == reason


def test_without_a_limit_a_connect_takes_as_long_as_linux_tries(pod: Pod) -> None:
    made = request(host="10.88.0.99")
    with pytest.raises(GetFailed, match="connect: no route to host"):
        pod.run(follow_get(pod.kernel, pod.node, made))


def test_a_connection_that_nobody_answers_takes_the_time(pod: Pod) -> None:
    with pytest.raises(TimeoutError):
        pod.run(pod.node.connect("10.88.0.99", 80, timeout_ns=SECOND))


def test_no_byte_is_left_behind(pod: Pod) -> None:
    pod.serve(said("200 OK", "fine"))
    pod.get()
    assert [socket for socket in pod.network.node.sockets() if isinstance(socket, Stream)] == []


def check(pod: Pod, *, seconds: int = 3) -> HealthAnswer:
    return pod.run(pod.node.check_health(POD_IP, 80, "x", agent="kube-probe/1.36", timeout_ns=seconds * SECOND))


@pytest.mark.parametrize("answer", ["", None, "HTTP/1.1 400 Bad Request\r\n\r\n", ("", "wait")])
def test_no_http2_is_no_connection(pod: Pod, answer: Any) -> None:
    pod.serve(*[answer] * 3)
    assert check(pod) == HealthAnswer(is_connected=False, code=4)


def test_a_refused_connection_is_tried_again(pod: Pod) -> None:
    def later() -> None:
        pod.serve("", "")

    pod.kernel.call_later(SECOND // 2, later)
    assert check(pod, seconds=5).is_connected is False
    assert len(pod.received) == 2


SETTINGS = "\0\0\0\4\0\0\0\0\0"


def test_a_server_that_says_nothing_of_the_call_is_connected(pod: Pod) -> None:
    pod.serve((SETTINGS, "wait"))
    assert check(pod) == HealthAnswer(is_connected=True, code=4)


@pytest.mark.parametrize(("how", "words"), [("close", "error reading from server: EOF")])
def test_a_connection_that_is_lost_is_unavailable(pod: Pod, how: str, words: str) -> None:
    pod.serve((SETTINGS, how))
    answer = check(pod)
    assert (answer.code, answer.code_name, answer.message) == (14, "Unavailable", words)
