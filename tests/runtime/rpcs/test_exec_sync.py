"""ExecSync."""

from __future__ import annotations

from typing import Any

import pytest

from kubesim.cri import Code, CriError, api
from kubesim.runtime.exec_sync import CappedOutput, OutputBudget
from kubesim.runtime.timings import Timings

CONTAINERD, CRIO = "containerd-2.3", "cri-o-1.36"


def test_output_and_exit_code(node: Any) -> None:
    ctr = node.start(node.run_pod(), "sleep", "1000")
    assert node.do(node.execing(ctr, "echo", "-n", "hello")) == api.ExecSyncResponse(stdout=b"hello")
    response = node.do(node.execing(ctr, "cat", "/none"))
    assert (response.stdout, response.exit_code) == (b"", 1)
    assert b"No such file or directory" in response.stderr
    assert node.do(node.execing(ctr, "false")).exit_code == 1


def test_what_it_writes_stays_in_the_container(node: Any) -> None:
    ctr = node.start(node.run_pod(), "sleep", "1000")
    node.do(node.execing(ctr, "touch", "/made"))
    assert node.do(node.execing(ctr, "ls", "/made")).stdout == b"/made\n"


@pytest.mark.parametrize(
    ("profile", "message"),
    [
        (CONTAINERD, 'failed to exec in container: failed to find container "f0" in store: not found'),
        (CRIO, 'could not find container "f0": container with ID starting with f0 not found: ID does not exist'),
    ],
)
def test_one_that_is_not_there(new_node: Any, profile: str, message: str) -> None:
    node = new_node(profile)
    error = node.refused(node.execing("f0", "true"))
    assert (error.code, error.message) == (Code.NOT_FOUND, message)


@pytest.mark.parametrize(
    ("profile", "code", "created", "exited"),
    [
        (
            CONTAINERD,
            Code.UNKNOWN,
            "failed to exec in container: container is in CONTAINER_CREATED state",
            "failed to exec in container: container is in CONTAINER_EXITED state",
        ),
        (CRIO, Code.NOT_FOUND, "container is not created or running: ", "container is not created or running: "),
    ],
)
def test_one_that_does_not_run(new_node: Any, profile: str, code: Code, created: str, exited: str) -> None:
    node = new_node(profile)
    ctr = node.create(node.run_pod(), node.container_config("true"))
    error = node.refused(node.execing(ctr, "true"))
    assert error.code is code
    assert error.message.startswith(created)
    node.do(node.starting(ctr))
    node.advance(1)
    assert node.refused(node.execing(ctr, "true")).message.startswith(exited)


def test_an_empty_command(node: Any, crio: Any) -> None:
    ctr = node.start(node.run_pod(), "sleep", "1000")
    assert node.refused(node.execing(ctr)).message.endswith("process args cannot be empty")
    ctr = crio.start(crio.run_pod(), "sleep", "1000")
    assert crio.refused(crio.execing(ctr)).message == "exec command cannot be empty"


def test_a_command_that_is_not_there(node: Any, crio: Any) -> None:
    ctr = node.start(node.run_pod(), "sleep", "1000")
    error = node.refused(node.execing(ctr, "/no/such"))
    assert error.code is Code.UNKNOWN
    assert error.message.startswith('failed to exec in container: failed to start exec "')
    assert error.message.endswith(
        'OCI runtime exec failed: exec failed: unable to start container process: exec: "/no/such": stat /no/such: no '
        "such file or directory"
    )
    ctr = crio.start(crio.run_pod(), "sleep", "1000")
    assert 'exec: "foo": executable file not found in $PATH' in crio.refused(crio.execing(ctr, "foo")).message


def processes(node: Any) -> list[str]:
    return [" ".join(process.argv) for process in node.runtime._daemon.processes.processes()]


def test_containerd_ends_a_command_that_takes_too_long(node: Any) -> None:
    ctr = node.start(node.run_pod(), "sleep", "1000")
    start_ns = node.kernel.now_ns
    error = node.refused(node.execing(ctr, "sleep", "4321", seconds=1))
    assert (error.code, error.message) == (
        Code.DEADLINE_EXCEEDED,
        "failed to exec in container: timeout 1s exceeded: context deadline exceeded",
    )
    assert node.kernel.now_ns - start_ns == 10**9
    assert "sleep 4321" not in processes(node)
    message = node.refused(node.execing(ctr, "sleep", "4321", seconds=90)).message
    assert "timeout 1m30s exceeded" in message


def test_crio_answers_for_a_command_that_takes_too_long(crio: Any) -> None:
    ctr = crio.start(crio.run_pod(), "sleep", "1000")
    response = crio.do(crio.execing(ctr, "sleep", "4321", seconds=1))
    assert response == api.ExecSyncResponse(stderr=b"command timed out", exit_code=-1)
    assert "sleep 4321" not in processes(crio)


def test_a_command_whose_caller_went_away_is_killed(node: Any) -> None:
    ctr = node.start(node.run_pod(), "sleep", "1000")
    task = node.spawn(node.execing(ctr, "sleep", "4321"))
    node.advance(1)
    assert "sleep 4321" in processes(node)
    task.cancel()
    node.advance(0)
    assert "sleep 4321" not in processes(node)
    assert node.status(ctr).state == api.CONTAINER_RUNNING


def test_a_command_dies_with_its_container(node: Any) -> None:
    ctr = node.start(node.run_pod(), "sleep", "10")
    assert node.do(node.execing(ctr, "sleep", "4321")).exit_code == 137


def test_an_exec_at_the_very_end_of_the_container_is_refused(node: Any) -> None:
    ctr = node.start(node.run_pod(), "sleep", "10")
    answers: list[Any] = []

    async def ask() -> None:
        try:
            answers.append(await node.execing(ctr, "true"))
        except CriError as error:
            answers.append(error)

    end_ns = node.status(ctr).started_at + 10 * 10**9
    for offset in range(-2, 3):
        node.kernel.call_at(end_ns + offset, lambda: node.kernel.spawn(ask(), name="ask"))
    node.advance(11)
    assert len(answers) == 5


@pytest.mark.parametrize(("profile", "kept"), [(CONTAINERD, (5, 5)), (CRIO, (5, 0))])
def test_output_is_capped(new_node: Any, profile: str, kept: tuple[int, int]) -> None:
    node = new_node(profile)
    is_one = node.runtime.profile.exec_sync.output_limit == "total"
    budget = OutputBudget(5)
    stdout = CappedOutput(budget)
    stderr = CappedOutput(budget if is_one else OutputBudget(5))
    for output in (stdout, stderr):
        output.write(b"abc")
        output.write(b"defg")
        output.write(b"h")
    assert (len(stdout.content()), len(stderr.content())) == kept
    assert stdout.content() == b"abcde"


def test_a_terminal_joins_the_streams_in_crio(crio: Any) -> None:
    ctr = crio.start(crio.run_pod(), "sleep", "1000", tty=True)
    response = crio.do(crio.execing(ctr, "cat", "/none"))
    assert response.stderr == b""
    assert b"No such file" in response.stdout


def test_nul_bytes(node: Any) -> None:
    ctr = node.start(node.run_pod(), "sleep", "1000")
    error = node.refused(node.execing(ctr, "echo", "a\0b"))
    assert (error.code, error.message) == (Code.INVALID_ARGUMENT, 'cmd[1] holds a NUL byte: "a\\x00b"')


@pytest.mark.parametrize(("profile", "seconds"), [(CONTAINERD, 5), (CRIO, 0)])
def test_what_a_command_leaves_in_the_background_holds_the_answer_up(new_node: Any, profile: str, seconds: int) -> None:
    """In containerd, as long as it holds the streams."""
    node = new_node(profile)
    ctr = node.start(node.run_pod(), "sleep", "1000")
    begin_ns = node.kernel.now_ns
    answer = node.do(node.execing(ctr, "sh", "-c", "sleep 5 & echo done"))
    assert (answer.stdout, answer.exit_code) == (b"done\n", 0)
    assert node.kernel.now_ns - begin_ns == seconds * 10**9
    begin_ns = node.kernel.now_ns
    node.do(node.execing(ctr, "sh", "-c", "sleep 5 >/dev/null 2>&1 & echo done"))
    assert node.kernel.now_ns == begin_ns


def test_a_command_takes_a_while_to_begin(measured: Any) -> None:
    """So one that is asked for in the last moments of a container comes too late."""
    pod = measured.run_pod()
    ctr = measured.start(pod, "sleep", "0.01")
    assert measured.status(ctr).state == api.CONTAINER_RUNNING
    assert measured.refused(measured.execing(ctr, "true")).message.endswith("container is in CONTAINER_EXITED state")
    ctr = measured.start(pod, "sleep", "1000", name="second")
    start_ns = measured.kernel.now_ns
    assert measured.do(measured.execing(ctr, "true")) == api.ExecSyncResponse()
    assert measured.kernel.now_ns - start_ns == Timings.measured().exec_ns
