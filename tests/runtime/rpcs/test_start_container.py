"""StartContainer, and how the first process ends."""

from __future__ import annotations

from typing import Any

import pytest

from kubesim.cri import Code, api

CONTAINERD, CRIO = "containerd-2.3", "cri-o-1.36"


def test_a_started_container_runs(measured: Any) -> None:
    pod = measured.run_pod()
    ctr = measured.create(pod, measured.container_config("sleep", "100"))
    start_ns = measured.kernel.now_ns
    measured.do(measured.starting(ctr[:12]))
    status = measured.status(ctr)
    assert (status.state, status.started_at) == (api.CONTAINER_RUNNING, start_ns + 50_000_000)
    assert measured.kernel.now_ns == start_ns + 50_000_000


@pytest.mark.parametrize(("command", "code", "reason"), [(("true",), 0, "Completed"), (("false",), 1, "Error")])
def test_the_end_of_the_first_process(node: Any, command: tuple[str, ...], code: int, reason: str) -> None:
    ctr = node.start(node.run_pod(), *command)
    node.advance(1)
    status = node.status(ctr)
    assert (status.state, status.exit_code, status.reason) == (api.CONTAINER_EXITED, code, reason)
    assert status.created_at <= status.started_at <= status.finished_at


def test_a_container_that_sleeps_ends_when_it_wakes(node: Any) -> None:
    ctr = node.start(node.run_pod(), "sleep", "30")
    started = node.status(ctr).started_at
    node.advance(29)
    assert node.status(ctr).state == api.CONTAINER_RUNNING
    node.advance(2)
    assert node.status(ctr).finished_at - started == pytest.approx(30 * 10**9, abs=10)


@pytest.mark.parametrize(
    ("profile", "message"),
    [
        (CONTAINERD, 'an error occurred when try to find container "f0": not found'),
        (CRIO, 'could not find container "f0": container with ID starting with f0 not found: ID does not exist'),
    ],
)
def test_one_that_is_not_there(new_node: Any, profile: str, message: str) -> None:
    node = new_node(profile)
    error = node.refused(node.starting("f0"))
    assert (error.code, error.message) == (Code.NOT_FOUND, message)


@pytest.mark.parametrize(
    ("profile", "running", "exited"),
    [
        (
            CONTAINERD,
            'failed to set starting state for container "{id}": container is in CONTAINER_RUNNING state',
            'failed to set starting state for container "{id}": container is in CONTAINER_EXITED state',
        ),
        (CRIO, "container {id} is not in created state: running", "container {id} is not in created state: stopped"),
    ],
)
def test_only_a_created_one_can_start(new_node: Any, profile: str, running: str, exited: str) -> None:
    node = new_node(profile)
    ctr = node.start(node.run_pod(), "sleep", "100")
    error = node.refused(node.starting(ctr))
    assert (error.code, error.message) == (Code.UNKNOWN, running.format(id=ctr))
    node.do(node.stopping(ctr))
    assert node.refused(node.starting(ctr)).message == exited.format(id=ctr)


def test_a_start_under_way_is_a_claim(measured: Any) -> None:
    ctr = measured.create(measured.run_pod(), measured.container_config("sleep", "100"))
    first = measured.spawn(measured.starting(ctr))
    measured.advance(0.01)
    prefix = f'failed to set starting state for container "{ctr}": '
    assert measured.refused(measured.starting(ctr)).message == prefix + "container is already in starting state"
    message = measured.refused(measured.removing(ctr)).message
    assert message.endswith("container is in starting state, can't be removed")
    assert measured.status(ctr).state == api.CONTAINER_CREATED
    measured.advance(1)
    assert first.error is None


def test_a_missing_program(node: Any) -> None:
    ctr = node.create(node.run_pod(), node.container_config("no-such-cmd"))
    node.advance(3)
    error = node.refused(node.starting(ctr))
    expected = (
        "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: "
        'unable to start container process: error during container init: exec: "no-such-cmd": executable file not '
        "found in $PATH"
    )
    assert (error.code, error.message) == (Code.UNKNOWN, expected)
    status = node.status(ctr)
    assert (status.state, status.exit_code, status.reason) == (api.CONTAINER_EXITED, 128, "StartError")
    assert (status.message, status.started_at, status.finished_at) == (expected, 0, node.kernel.now_ns)


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("/no/such", 'exec: "/no/such": stat /no/such: no such file or directory'),
        ("/etc/passwd", 'exec: "/etc/passwd": permission denied'),
        ("/etc", 'exec: "/etc": is a directory'),
    ],
)
def test_programs_that_cannot_run(node: Any, program: str, reason: str) -> None:
    ctr = node.create(node.run_pod(), node.container_config(program))
    assert node.refused(node.starting(ctr)).message.endswith(f"error during container init: {reason}")


@pytest.mark.parametrize(("profile", "reason", "code"), [(CONTAINERD, "StartError", 128), (CRIO, "Error", 137)])
def test_a_sandbox_that_stopped_meanwhile(new_node: Any, profile: str, reason: str, code: int) -> None:
    node = new_node(profile)
    pod = node.run_pod()
    ctr = node.create(pod, node.container_config("true"))
    node.stop_pod(pod)
    assert node.refused(node.starting(ctr)).code is Code.UNKNOWN
    status = node.status(ctr)
    assert (status.state, status.reason, status.exit_code) == (api.CONTAINER_EXITED, reason, code)


def test_the_log_is_there_from_the_start(node: Any) -> None:
    pod_config = node.pod_config(log_directory="/var/log/pods/x")
    pod = node.run_pod(pod_config)
    ctr = node.create(pod, node.container_config("echo", "hello World", log_path="ctr/0.log"), pod_config)
    assert node.files.kind("/var/log/pods/x/ctr/0.log") is None
    node.do(node.starting(ctr))
    node.advance(1)
    log = node.files.read("/var/log/pods/x/ctr/0.log")
    assert log == b"2026-01-01T00:00:00Z stdout F hello World\n"


def test_the_log_of_crio(crio: Any) -> None:
    pod = crio.run_pod()
    ctr = crio.start(pod, "echo", "-n", "hello")
    crio.advance(1)
    log = crio.files.read(f"/var/log/crio/pods/{pod}/{ctr}.log")
    assert log == b"2026-01-01T00:00:00.000000000+00:00 stdout P hello\n"


def test_standard_error_has_its_own_mark_and_a_terminal_has_none(node: Any) -> None:
    pod_config = node.pod_config(log_directory="/logs")
    pod = node.run_pod(pod_config)
    node.start(pod, "cat", "/none", name="a", log_path="a.log", pod_config=pod_config)
    node.start(pod, "cat", "/none", name="b", log_path="b.log", tty=True, pod_config=pod_config)
    node.advance(1)
    assert b" stderr F cat: " in node.files.read("/logs/a.log")
    assert b" stdout F cat: " in node.files.read("/logs/b.log")


def test_a_log_that_cannot_be_made(node: Any) -> None:
    node.files.write("/file", b"")
    pod_config = node.pod_config(log_directory="/file")
    ctr = node.create(node.run_pod(pod_config), node.container_config("true", log_path="0.log"), pod_config)
    message = node.refused(node.starting(ctr)).message
    assert message.startswith("failed to create containerd task: failed to create container loggers: ")
    assert node.status(ctr).reason == "StartError"


def test_memory_beyond_the_limit(node: Any) -> None:
    resources = api.LinuxContainerResources(memory_limit_in_bytes=64 * 1024)
    linux = api.LinuxContainerConfig(resources=resources)
    ctr = node.start(node.run_pod(), "sleep", "100", linux=linux)
    node.advance(1)
    status = node.status(ctr)
    if status.state == api.CONTAINER_RUNNING:
        # The emulated program took less than the limit; the killer's part is the same.
        node.runtime.exit_container(ctr, is_oom_killed=True)
        node.advance(0)
        status = node.status(ctr)
    assert (status.reason, status.exit_code) == ("OOMKilled", 137)


@pytest.mark.parametrize(
    ("profile", "end"), [("containerd-1.6", ": unknown"), ("containerd-1.7", ": unknown"), ("containerd-2.0", "")]
)
def test_an_error_of_a_shim_ends_with_its_code_until_2_0(new_node: Any, profile: str, end: str) -> None:
    node = new_node(profile)
    pod = node.run_pod()
    reason = f'exec: "nosuch": executable file not found in $PATH{end}'
    assert node.refused(node.starting(node.create(pod, node.container_config("nosuch")))).message.endswith(reason)
    ctr = node.start(pod, "sleep", "100", name="other")
    assert node.refused(node.execing(ctr, "nosuch")).message.endswith(reason)
