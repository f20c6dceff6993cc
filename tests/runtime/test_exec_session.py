"""Commands of streaming clients: streams, terminals, back-pressure, refusals. All on virtual time."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from kubesim.cri import CriError, api
from kubesim.runtime.exec_session import ExecSession, start_exec_session
from kubesim.runtime.stream_buffer import BUFFER_BYTES_MAX, StreamBuffer

from .conftest import Driver


def session(node: Driver, container: str, *cmd: str, **streams: bool) -> ExecSession:
    wanted = streams or {"stdout": True, "stderr": True}
    return start_exec_session(node.runtime.daemon, api.ExecRequest(container_id=container, cmd=cmd, **wanted))


async def everything(buffer: StreamBuffer | None) -> bytes:
    assert buffer is not None
    data = b""
    while part := await buffer.read():
        data += part
    return data


@pytest.fixture
def container(node: Driver) -> str:
    return node.start(node.run_pod(), "sleep", "100000")


def test_output_and_status(node: Driver, container: str) -> None:
    run = session(node, container, "sh", "-c", "echo out; echo err >&2; exit 3")

    assert node.do(everything(run.stdout)) == b"out\n"
    assert node.do(everything(run.stderr)) == b"err\n"
    assert node.do(run.wait()).code == 3


def test_input_ends_when_the_client_has_no_more(node: Driver, container: str) -> None:
    run = session(node, container, "wc", "-c", stdin=True, stdout=True)
    node.do(run.write_stdin(b"x" * 200_000))
    node.advance(5)
    assert run.process.status is None
    run.close_stdin()

    assert node.do(everything(run.stdout)) == b"200000\n"
    assert node.do(run.wait()).code == 0


def test_without_input_there_is_nothing_to_read(node: Driver, container: str) -> None:
    run = session(node, container, "cat", stdout=True)

    assert (node.do(everything(run.stdout)), node.do(run.wait()).code) == (b"", 0)


def test_output_that_nobody_asked_for_is_lost(node: Driver, container: str) -> None:
    run = session(node, container, "sh", "-c", "head -c 1000000 /dev/zero >&2; echo done", stdout=True)

    assert (node.do(everything(run.stdout)), run.stderr) == (b"done\n", None)


def test_a_client_that_does_not_read_makes_the_command_wait(node: Driver, container: str) -> None:
    run = session(node, container, "sh", "-c", "head -c 300000 /dev/zero; echo x >&2", stdout=True, stderr=True)
    node.advance(3600)
    assert run.stdout is not None
    assert (run.stdout.room_bytes, run.process.status) == (0, None)

    assert node.do(everything(run.stdout)) == bytes(300_000)
    assert node.do(everything(run.stderr)) == b"x\n"


def test_a_command_that_does_not_read_makes_the_client_wait(node: Driver, container: str) -> None:
    run = session(node, container, "sleep", "50", stdin=True, stdout=True)
    task = node.spawn(run.write_stdin(b"x" * 200_000))
    node.advance(40)
    assert not task.is_done
    node.advance(20)

    assert task.is_done
    assert node.do(run.wait()).code == 0


def test_a_terminal(node: Driver, container: str) -> None:
    run = session(
        node,
        container,
        "sh",
        "-c",
        'read x; echo "<$x>"; tty; stty size; echo $TERM',
        stdin=True,
        stdout=True,
        tty=True,
    )
    run.resize(columns=100, rows=30)
    run.resize(columns=0, rows=5)
    node.do(run.write_stdin(b"typed\r"))

    assert node.do(everything(run.stdout)) == b"typed\r\n<typed>\r\n/dev/pts/0\r\n30 100\r\nxterm\r\n"
    assert node.do(run.wait()).code == 0
    assert node.do(node.execing(container, "ls", "/dev/pts")).stdout == b"ptmx\n"


def test_keys_are_signals(node: Driver, container: str) -> None:
    run = session(node, container, "sleep", "1000", stdin=True, stdout=True, tty=True)
    node.advance(1)
    node.do(run.write_stdin(b"\x03"))

    assert node.do(run.wait()).code == 130


def test_typing_into_a_screen_that_nobody_reads_waits(node: Driver, container: str) -> None:
    run = session(node, container, "sleep", "1000", stdin=True, stdout=True, tty=True)
    task = node.spawn(run.write_stdin(b"a\n" * 40_000))
    node.advance(10)
    assert not task.is_done
    assert run.stdout is not None
    assert run.stdout.room_bytes <= 0
    task.cancel()
    run.process.kill_tree()


@pytest.mark.parametrize(
    ("profile", "has_tty", "code"),
    [
        ("containerd-2.3", True, None),
        ("containerd-2.3", False, None),
        ("cri-o-1.36", True, None),
        ("cri-o-1.36", False, 141),
    ],
)
def test_a_client_that_goes_away_leaves_the_command_to_its_pipes(
    new_node: Callable[..., Driver], profile: str, has_tty: bool, code: int | None
) -> None:
    node = new_node(profile)
    container = node.start(node.run_pod(), "sleep", "100000")
    script = "trap '' HUP; while sleep 1; do echo x; done"
    run = session(node, container, "sh", "-c", script, stdin=True, stdout=True, tty=has_tty)
    node.advance(2)
    run.hang_up()
    node.advance(500)

    assert (run.process.status.code if run.process.status is not None else None) == code
    run.process.kill_tree()


def test_a_command_whose_client_is_gone_waits_once_its_pipe_is_full(node: Driver, container: str) -> None:
    run = session(node, container, "sh", "-c", "while echo 0123456789; do echo x >> /count; done", stdout=True)
    node.advance(1)
    run.hang_up()
    node.advance(100)
    sizes = [node.do(node.execing(container, "wc", "-l", "/count")).stdout for _ in range(2)]
    node.advance(100)

    assert len({*sizes, node.do(node.execing(container, "wc", "-l", "/count")).stdout}) == 1
    run.process.kill_tree()


def test_the_streams_end_only_with_the_last_who_holds_them(node: Driver, container: str) -> None:
    run = session(node, container, "sh", "-c", "sleep 5 & echo first", stdout=True)
    reading = node.spawn(everything(run.stdout))
    assert node.do(run.wait()).code == 0
    node.advance(1)
    assert not reading.is_done
    node.advance(5)

    assert reading.result() == b"first\n"


@pytest.mark.parametrize(
    ("profile", "cmd", "message"),
    [
        (
            "containerd-2.3",
            ["nope"],
            'start container process: exec: "nope": executable file not found in $PATH',
        ),
        (
            "cri-o-1.36",
            ["nope"],
            'exec failed: unable to start container process: exec: "nope": executable file not found',
        ),
        ("containerd-2.3", [], "OCI runtime exec failed: exec failed: process args cannot be empty"),
        ("cri-o-1.36", [], "exec command cannot be empty"),
    ],
)
def test_what_the_error_stream_says(
    new_node: Callable[..., Driver], profile: str, cmd: list[str], message: str
) -> None:
    node = new_node(profile)
    container = node.start(node.run_pod(), "sleep", "1000")

    with pytest.raises(CriError) as refused:
        session(node, container, *cmd)
    assert message in refused.value.message


@pytest.mark.parametrize(
    ("profile", "message"),
    [
        ("containerd-2.3", "failed to exec in container: container is in CONTAINER_EXITED state"),
        ("cri-o-1.36", "rpc error: code = NotFound desc = container is not created or running: checking if PID of "),
    ],
)
def test_a_container_that_stopped_meanwhile(new_node: Callable[..., Driver], profile: str, message: str) -> None:
    node = new_node(profile)
    container = node.start(node.run_pod(), "true")
    node.advance(1)

    with pytest.raises(CriError) as refused:
        session(node, container, "true")
    assert refused.value.message.startswith(message)


def test_stopping_the_container_ends_its_commands(node: Driver, container: str) -> None:
    run = session(node, container, "sh", "-c", "echo a; sleep 1000", stdin=True, stdout=True, tty=True)
    reading = node.spawn(everything(run.stdout))
    node.advance(1)
    node.do(node.stopping(container))

    assert node.do(run.wait()).code == 137
    assert reading.result() == b"a\r\n"


def test_a_buffer_is_bounded_and_forgets_when_told() -> None:
    buffer = StreamBuffer()
    assert buffer.put(b"x" * (BUFFER_BYTES_MAX + 3)) == b"xxx"
    assert buffer.put(b"y") == b"y"
    buffer.discard()

    assert buffer.put(b"y" * 1_000_000) is None
