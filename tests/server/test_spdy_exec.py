"""Exec and Attach over SPDY, by a client on a socket: what each version of the protocol says and when it ends."""

import json
from collections.abc import Iterator

import pytest

from .spdy_client import PROTOCOLS, SpdyClient, answer_of, connect, head, upgrade
from .streaming_world import StreamingWorld, streaming_world

SUCCESS = {"status": "Success"}


@pytest.fixture(scope="module")
def world() -> Iterator[StreamingWorld]:
    with streaming_world() as found:
        yield found


def run(client: SpdyClient, *kinds: str) -> SpdyClient:
    client.open_streams("error", *kinds)
    client.read_until_end()
    return client


def test_output_and_status_come_apart(world: StreamingWorld) -> None:
    container = world.run_container()
    url = world.exec_url(container, "sh", "-c", "echo out; echo err >&2")
    client = run(SpdyClient(url), "stdout", "stderr")

    assert client.status == 101
    assert client.headers == {
        "connection": ["Upgrade"], "upgrade": ["SPDY/3.1"], "x-stream-protocol-version": ["v4.channel.k8s.io"],
    }  # fmt: skip
    assert client.output("stdout") == b"out\n"
    assert client.output("stderr") == b"err\n"
    assert client.result() == SUCCESS
    assert client.replies == list(client.streams.values())
    assert client.ended == {client.streams["stdout"], client.streams["stderr"]}
    assert client.resets == {client.streams["error"]: 5}
    assert client.is_going_away


@pytest.mark.parametrize(
    ("profile", "detail"),
    [
        ("containerd-2.3", "error executing command [sh -c exit 3], exit code 3"),
        ("cri-o-1.36", "exit status 3"),
    ],
)
def test_an_exit_code_is_a_cause(profile: str, detail: str) -> None:
    with streaming_world(profile) as world:
        url = world.exec_url(world.run_container(), "sh", "-c", "exit 3")
        result = run(SpdyClient(url), "stdout", "stderr").result()

    assert result == {
        "status": "Failure",
        "message": f"command terminated with non-zero exit code: {detail}",
        "reason": "NonZeroExitCode",
        "details": {"causes": [{"reason": "ExitCode", "message": "3"}]},
    }


def test_a_command_that_is_missing_is_an_internal_error(world: StreamingWorld) -> None:
    url = world.exec_url(world.run_container(), "nothing-like-that")
    result = run(SpdyClient(url), "stdout", "stderr").result()

    assert (result["reason"], result["code"]) == ("InternalError", 500)
    assert result["message"].startswith(
        "Internal error occurred: error executing command in container: failed to exec in container: failed to "
    )
    assert '"nothing-like-that": executable file not found in $PATH' in result["message"]


@pytest.mark.parametrize("profile", ["containerd-2.2", "cri-o-1.35"])
def test_before_kubernetes_1_36_the_status_is_one_of_the_api(profile: str) -> None:
    with streaming_world(profile) as world:
        container = world.run_container()
        success = run(SpdyClient(world.exec_url(container, "true")), "stdout", "stderr").output("error")
        failure = run(SpdyClient(world.exec_url(container, "nothing-like-that")), "stdout", "stderr").result()

    assert success == b'{"metadata":{},"status":"Success"}'
    assert failure["metadata"] == {}
    (cause,) = failure["details"]["causes"]
    assert failure["message"] == f"Internal error occurred: {cause['message']}"


@pytest.mark.parametrize("protocol", PROTOCOLS[2:4])
@pytest.mark.parametrize(
    ("script", "text"),
    [
        ("exit 0", b""),
        ("exit 2", b"command terminated with non-zero exit code: error executing command [sh -c exit 2], exit code 2"),
    ],
)
def test_older_versions_say_a_text_and_only_of_failures(
    world: StreamingWorld, protocol: str, script: str, text: bytes
) -> None:
    url = world.exec_url(world.run_container(), "sh", "-c", script)
    client = run(SpdyClient(url, protocols=[protocol]), "stdout", "stderr")

    assert client.headers["x-stream-protocol-version"] == [protocol]
    assert client.output("error") == text


def test_the_first_version_has_no_words_for_a_failure_and_no_input(world: StreamingWorld) -> None:
    url = world.exec_url(world.run_container(), "sh", "-c", "echo out; exit 2", stdin=True, stdout=True)
    client = run(SpdyClient(url, protocols=["channel.k8s.io"]), "stdin", "stdout")

    assert client.output("stdout") == b"out\n"
    assert client.output("error") == b""
    assert client.streams["stdin"] in client.ended
    assert client.streams["error"] in client.resets


def test_input_goes_in_and_its_end_too(world: StreamingWorld) -> None:
    url = world.exec_url(world.run_container(), "cat", stdin=True, stdout=True)
    client = SpdyClient(url)
    client.open_streams("error", "stdin", "stdout")
    client.send(client.streams["stdin"], b"one ")
    client.send(client.streams["stdin"], b"two", is_last=True)
    client.read_until_end()

    assert client.output("stdout") == b"one two"
    assert client.result() == SUCCESS


def test_input_before_the_last_stream_waits_for_the_command(world: StreamingWorld) -> None:
    url = world.exec_url(world.run_container(), "cat", stdin=True, stdout=True)
    client = SpdyClient(url)
    client.open_streams("error", "stdin")
    client.send(client.streams["stdin"], b"early", is_last=True)
    client.open_streams("stdout")
    client.read_until_end()

    assert client.output("stdout") == b"early"


def test_a_command_that_ends_ends_the_stream_although_input_is_open(world: StreamingWorld) -> None:
    url = world.exec_url(world.run_container(), "true", stdin=True, stdout=True)
    client = run(SpdyClient(url), "stdin", "stdout")

    assert client.result() == SUCCESS
    assert client.resets == {client.streams["stdin"]: 5, client.streams["error"]: 5}


def test_a_terminal_follows_the_sizes_of_its_client(world: StreamingWorld) -> None:
    script = "while :; do stty size; sleep 0.005; done"
    url = world.exec_url(world.run_container(), "sh", "-c", script, stdin=True, stdout=True, tty=True)
    client = SpdyClient(url)
    client.open_streams("error", "stdin", "stdout")
    resize = client.open({"streamType": "resize"})
    client.send(resize, b'{"Width":80,"Height":24}')
    while b"24 80\r\n" not in client.output("stdout"):
        assert client.read_frame()
    client.send(resize, b'{"Width":0,"Height":9}{"Width":100,')
    client.send(resize, b'"Height":50}')
    while b"50 100\r\n" not in client.output("stdout"):
        assert client.read_frame()
    client.close()


def test_large_output_and_input_come_whole(world: StreamingWorld) -> None:
    url = world.exec_url(
        world.run_container(), "sh", "-c", "head -c 5000000 /dev/zero; wc -c >&2", stdin=True, stdout=True, stderr=True
    )
    client = SpdyClient(url)
    client.open_streams("error", "stdin", "stdout", "stderr")
    while len(client.output("stdout")) < 5_000_000:
        assert client.read_frame()
    for _ in range(100):
        client.send(client.streams["stdin"], bytes(30_000))
    client.send(client.streams["stdin"], is_last=True)
    client.read_until_end()

    assert client.output("stdout") == bytes(5_000_000)
    assert client.output("stderr") == b"3000000\n"


def test_a_client_that_hangs_up_leaves_the_command_to_the_runtime(world: StreamingWorld) -> None:
    container = world.run_container()
    client = SpdyClient(world.exec_url(container, "sh", "-c", "cat; sleep 0.01; touch /over", stdin=True, stdout=True))
    client.open_streams("error", "stdin", "stdout")
    client.send(client.streams["stdin"], b"x")
    while client.output("stdout") != b"x":
        assert client.read_frame()
    client.close()

    url = world.exec_url(container, "sh", "-c", "while ! test -e /over; do sleep 0.01; done; echo over")
    assert run(SpdyClient(url), "stdout", "stderr").output("stdout") == b"over\n"


def test_an_attached_client_gets_what_comes_from_now_on(world: StreamingWorld) -> None:
    container = world.run_container("sh", "-c", "echo early; cat; echo end >&2", stdin=True, stdin_once=True)
    clients = [
        SpdyClient(world.attach_url(container, stdin=stdin, stdout=True, stderr=True)) for stdin in (False, True)
    ]
    clients[0].open_streams("error", "stdout", "stderr")
    clients[1].open_streams("error", "stdin", "stdout", "stderr")
    clients[1].send(clients[1].streams["stdin"], b"late\n", is_last=True)
    for client in clients:
        client.read_until_end()

    assert [client.output("stdout") for client in clients] == [b"late\n"] * 2
    assert [client.output("stderr") for client in clients] == [b"end\n"] * 2
    assert [client.result() for client in clients] == [SUCCESS] * 2


@pytest.mark.parametrize(
    ("profile", "tty", "outcome"),
    [
        ("containerd-2.3", False, b""),
        ("containerd-2.3", True, b""),
        ("cri-o-1.36", False, b""),
        ("cri-o-1.36", True, b"still here\r\n"),
    ],
)
def test_the_end_of_an_input_that_stays_open_is_the_end_for_its_client_or_not(
    profile: str, tty: bool, outcome: bytes
) -> None:
    with streaming_world(profile) as world:
        script = "stty -echo 2>/dev/null; echo ready; read x; sleep 0.5; echo still here"
        container = world.run_container("sh", "-c", script, stdin=True, tty=tty)
        client = SpdyClient(world.attach_url(container, stdin=True, stdout=True, tty=tty))
        client.open_streams("error", "stdin", "stdout", *(["resize"] if tty else []))
        client.send(client.streams["stdin"], b"x\n", is_last=True)
        client.read_until_end()

    assert client.output("stdout").rpartition(b"x\r\n")[2].removeprefix(b"ready\r\n") == outcome
    assert client.result() == SUCCESS


@pytest.mark.parametrize(("profile", "outcome"), [("containerd-2.3", b"seen\n"), ("cri-o-1.36", b"")])
def test_who_only_looks_at_a_container_that_waits_for_input_is_sent_away_by_crio(profile: str, outcome: bytes) -> None:
    with streaming_world(profile) as world:
        script = "while ! test -e /go; do sleep 0.01; done; echo seen"
        container = world.run_container("sh", "-c", script, stdin=True)
        client = SpdyClient(world.attach_url(container))
        client.open_streams("error", "stdout", "stderr")
        while len(client.replies) < 3:
            assert client.read_frame()
        run(SpdyClient(world.exec_url(container, "touch", "/go")), "stdout", "stderr")
        client.read_until_end()

    assert (client.output("stdout"), client.result()) == (outcome, SUCCESS)


# -- requests -----------------------------------------------------------------------------------------------


def ask(url: str, request: bytes) -> tuple[int, dict[str, list[str]], bytes]:
    with connect(url) as connection:
        connection.sendall(request)
        status, headers, body = answer_of(connection)
    del headers["date"]
    del headers["content-length"]
    return status, headers, body


PLAIN = {"content-type": ["text/plain; charset=utf-8"], "x-content-type-options": ["nosniff"]}


def test_a_token_is_good_once(world: StreamingWorld) -> None:
    url = world.exec_url(world.run_container(), "true")
    assert run(SpdyClient(url), "stdout", "stderr").status == 101

    assert ask(url, upgrade(url)) == (404, PLAIN, b"404 page not found\n")


def test_a_token_of_another_kind_is_used_up_and_not_found(world: StreamingWorld) -> None:
    url = world.exec_url(world.run_container(), "true")
    other = url.replace("/exec/", "/attach/")

    assert ask(other, upgrade(other))[0] == 404
    assert ask(url, upgrade(url))[0] == 404


def test_what_is_no_upgrade_is_told_what_is_missing(world: StreamingWorld) -> None:
    container = world.run_container()
    url = world.exec_url(container, "true")
    assert ask(url, head(url, headers=[("Accept", "*/*")])) == (
        400, PLAIN, b"unable to upgrade: header X-Stream-Protocol-Version does not exist in request with 1 headers\n",
    )  # fmt: skip

    with streaming_world("containerd-2.2") as older:
        url = older.exec_url(older.run_container(), "true")
        assert ask(url, head(url)) == (200, {}, b"")

    url = world.exec_url(container, "true")
    headers = [("x-stream-protocol-version", "v4.channel.k8s.io"), ("Accept", 'a"b')]
    status, answered, body = ask(url, head(url, method="GET", headers=headers))
    assert status == 400
    assert answered["x-stream-protocol-version"] == ["v4.channel.k8s.io"]
    assert body == (
        b'unable to upgrade: missing upgrade headers in request: http.Header{"Accept":[]string{"a\\"b"}, '
        b'"X-Stream-Protocol-Version":[]string{"v4.channel.k8s.io"}}\n'
    )


def test_a_version_that_nobody_knows_is_forbidden(world: StreamingWorld) -> None:
    url = world.exec_url(world.run_container(), "true")
    status, headers, body = ask(url, upgrade(url, ["v5.channel.k8s.io", "v9"]))

    assert status == 403
    assert headers["x-accepted-stream-protocol-versions"] == list(PROTOCOLS[1:])
    assert body == (
        b"unable to upgrade: unable to negotiate protocol: client supports [v5.channel.k8s.io v9], server accepts "
        b"[v4.channel.k8s.io v3.channel.k8s.io v2.channel.k8s.io channel.k8s.io]\n"
    )


@pytest.mark.parametrize(
    ("method", "path", "status", "body"),
    [
        ("GET", "/", 404, b"404: Page Not Found"),
        ("POST", "/exec/a/b", 404, b"404: Page Not Found"),
        ("PUT", "/exec/token", 405, b"405: Method Not Allowed"),
        ("GET", "/exec/token", 404, b"404 page not found\n"),
    ],
)
def test_other_requests_are_refused_one_after_another(
    world: StreamingWorld, method: str, path: str, status: int, body: bytes
) -> None:
    url = world.streams.url + path
    with connect(url) as connection:
        for _ in range(3):
            connection.sendall(head(url, method=method))
            answered, _, answer = answer_of(connection)
            assert (answered, answer) == (status, body)


def test_an_answer_to_head_has_no_body(world: StreamingWorld) -> None:
    with connect(world.streams.url) as connection:
        connection.sendall(head(f"{world.streams.url}/exec/token", method="HEAD"))
        connection.sendall(head(f"{world.streams.url}/exec/token"))
        got = b""
        while not got.endswith(b"404 page not found\n"):
            got += connection.recv(65536)

    first, second = got.split(b"\r\n\r\n", 1)
    assert first.startswith(b"HTTP/1.1 405 Method Not Allowed\r\n")
    assert second.startswith(b"HTTP/1.1 404 Not Found\r\n")


def test_ideal_takes_the_fifth_version() -> None:
    with streaming_world("ideal") as world:
        url = world.exec_url(world.run_container(), "echo", "hi")
        client = run(SpdyClient(url), "stdout", "stderr")

    assert client.headers["x-stream-protocol-version"] == ["v5.channel.k8s.io"]
    assert json.loads(client.output("error")) == SUCCESS
