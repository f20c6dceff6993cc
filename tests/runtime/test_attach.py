"""The streams of a container's first process: its log, its terminal, its input, and who is attached to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from kubesim.cri import CriError, api
from kubesim.runtime.attach import attach_to
from kubesim.runtime.container_streams import STALL_NS, Attachment

from .conftest import NS, Driver
from .test_exec_session import everything

LOG = "/logs/ctr.log"


def started(node: Driver, script: str, **fields: Any) -> str:
    pod_config = node.pod_config(log_directory="/logs")
    pod = node.run_pod(pod_config)
    return node.start(pod, "sh", "-c", script, pod_config=pod_config, log_path="ctr.log", **fields)


def logged(node: Driver) -> list[bytes]:
    """Stream, tag and content of each line."""
    return [line.split(b" ", 1)[1] for line in (node.files.read(LOG) or b"").split(b"\n")[:-1]]


def attached(node: Driver, container: str, **streams: bool) -> Attachment:
    wanted = streams or {"stdout": True, "stderr": True}
    return attach_to(node.runtime.daemon, api.AttachRequest(container_id=container, **wanted))


@pytest.mark.parametrize(
    ("profile", "lines"),
    [
        ("containerd-2.3", [b"stdout F a", b"stdout F b"]),
        ("cri-o-1.36", [b"stdout F a\r", b"stdout F b\r"]),
    ],
)
def test_a_container_with_a_terminal_logs_one_stream(
    new_node: Callable[..., Driver], profile: str, lines: list[bytes]
) -> None:
    node = new_node(profile)
    started(node, "echo a; echo b >&2", tty=True)
    node.advance(1)

    assert logged(node) == lines


def test_a_terminal_without_input_is_one_all_the_same(node: Driver) -> None:
    started(node, "tty; test -t 0 && echo in; test -t 2 && echo err; read x", tty=True)
    node.advance(100)

    assert logged(node) == [b"stdout F /dev/pts/0", b"stdout F in", b"stdout F err"]


@pytest.mark.parametrize(("has_stdin", "code"), [(False, 0), (True, None)])
def test_input_is_open_only_where_asked_for(node: Driver, has_stdin: bool, code: int | None) -> None:
    container = started(node, "cat; exit 0", stdin=has_stdin)
    node.advance(10)
    status = node.status(container)

    assert (status.exit_code if status.finished_at else None) == code


def test_the_end_of_a_container_ends_its_terminal_and_streams(node: Driver) -> None:
    container = started(node, "sleep 1000", tty=True, stdin=True)
    client = attached(node, container, stdin=True, stdout=True)
    typing = node.spawn(client.write_stdin(b"x\n" * 100_000))
    node.advance(1)
    streams = node.runtime.daemon.containers.find(container)[0].streams
    node.do(node.stopping(container))

    assert typing.is_done
    assert streams.terminal.is_hung_up
    assert node.do(everything(client.stdout)) != b""
    node.do(node.removing(container))
    assert {process.name for process in node.runtime.daemon.processes.processes()} <= {"pause"}


def test_attached_clients_get_what_is_written_from_then_on(node: Driver) -> None:
    container = started(node, "for i in 1 2 3 4; do echo o$i; echo e$i >&2; sleep 10; done")
    node.advance(5)
    first = attached(node, container)
    node.advance(10)
    second = attached(node, container, stdout=True)
    node.advance(100)

    assert node.do(everything(first.stdout)) == b"o2\no3\no4\n"
    assert node.do(everything(first.stderr)) == b"e2\ne3\ne4\n"
    assert (node.do(everything(second.stdout)), second.stderr) == (b"o3\no4\n", None)
    assert len(logged(node)) == 8


def test_input_with_stdin_once_ends_with_the_first_client(node: Driver) -> None:
    container = started(node, "cat; echo end", stdin=True, stdin_once=True)
    only_looks = attached(node, container)
    only_looks.hang_up()
    client = attached(node, container, stdin=True, stdout=True)
    node.do(client.write_stdin(b"hello\n"))
    client.close_stdin()

    assert node.do(everything(client.stdout)) == b"hello\nend\n"


def test_input_without_stdin_once_waits_for_the_next_client(node: Driver) -> None:
    container = started(node, "cat", stdin=True)
    for text in (b"one\n", b"two\n"):
        client = attached(node, container, stdin=True, stdout=True)
        node.do(client.write_stdin(text))
        node.advance(1)
        assert client.stdout is not None
        assert node.do(client.stdout.read()) == text
        client.hang_up()
    node.advance(10)

    assert node.status(container).state == api.CONTAINER_RUNNING


def test_input_that_the_container_does_not_take_is_ignored(node: Driver) -> None:
    container = started(node, "sleep 5")
    client = attached(node, container, stdin=True, stdout=True)
    node.do(client.write_stdin(b"x" * 1_000_000))
    client.close_stdin()

    assert node.do(everything(client.stdout)) == b""


def test_attaching_to_a_terminal(node: Driver) -> None:
    container = started(node, "read x; stty size; echo $x", tty=True, stdin=True)
    client = attached(node, container, stdin=True, stdout=True, tty=True)
    client.resize(columns=90, rows=20)
    node.do(client.write_stdin(b"hi\r"))

    assert node.do(everything(client.stdout)) == b"hi\r\n20 90\r\nhi\r\n"
    assert logged(node) == [b"stdout F hi", b"stdout F 20 90", b"stdout F hi"]


def test_a_slow_client_holds_the_container_up_but_not_for_ever(node: Driver) -> None:
    container = started(node, "sleep 0.5; head -c 200000 /dev/zero | tr '\\0' '\\n'; sleep 1000")
    slow = attached(node, container, stdout=True)
    node.advance(STALL_NS / NS - 1)
    assert 0 < len(logged(node)) < 200_000
    node.advance(2)

    assert len(logged(node)) == 200_000
    assert node.do(everything(slow.stdout)) == b""


def test_a_client_that_reads_in_time_gets_everything(node: Driver) -> None:
    container = started(node, "sleep 1; head -c 200000 /dev/zero")
    client = attached(node, container, stdout=True)
    size = 0
    assert client.stdout is not None
    while part := node.do(client.stdout.read()):
        size += len(part)
        node.advance(2)

    assert size == 200_000


@pytest.mark.parametrize(
    ("profile", "message"),
    [
        ("containerd-2.3", "container is in CONTAINER_EXITED state"),
        ("cri-o-1.36", "container is not created or running"),
    ],
)
def test_a_container_that_ended_meanwhile(new_node: Callable[..., Driver], profile: str, message: str) -> None:
    node = new_node(profile)
    container = started(node, "true")
    node.advance(1)

    with pytest.raises(CriError) as refused:
        attached(node, container)
    assert refused.value.message == message
