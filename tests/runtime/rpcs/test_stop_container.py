"""StopContainer: signals, times, exit codes, and races."""

from __future__ import annotations

from typing import Any

import pytest

from kubesim.cri import Code, api
from kubesim.images.oci import ImageConfig
from kubesim.runtime.timings import Timings

BUSYBOX = "registry.example/busybox:1"
UNKNOWN_IDS = ["0" * 64, "5b6d0fc7-5a5e-4b59-8f6c-0f5b0f6e7a11"]


def own_pids() -> api.LinuxContainerConfig:
    options = api.NamespaceOption(pid=api.CONTAINER)
    return api.LinuxContainerConfig(security_context=api.LinuxContainerSecurityContext(namespace_options=options))


@pytest.mark.parametrize("profile", ["containerd-2.3", "cri-o-1.36"])
@pytest.mark.parametrize("unknown", UNKNOWN_IDS)
def test_what_is_not_there_is_fine(new_node: Any, profile: str, unknown: str) -> None:
    node = new_node(profile)
    node.run_pod()
    before = node.pods()

    assert node.do(node.stopping(unknown)) == api.StopContainerResponse()
    assert node.pods() == before, "what is there is not touched"


@pytest.mark.parametrize(
    ("profile", "code", "message"),
    [
        ("containerd-2.3", Code.UNKNOWN, 'an error occurred when try to find container "": prefix can\'t be empty'),
        ("cri-o-1.36", Code.NOT_FOUND, 'could not find container "": container ID should not be empty'),
    ],
)
def test_an_empty_id_is_refused(new_node: Any, profile: str, code: Code, message: str) -> None:
    node = new_node(profile)
    error = node.refused(node.stopping(""))
    assert (error.code, error.message) == (code, message)


def test_one_that_does_not_run_is_left_alone(node: Any) -> None:
    pod = node.run_pod()
    created = node.create(pod, node.container_config("true", name="created"))
    node.do(node.stopping(created, 30))
    assert node.status(created).state == api.CONTAINER_CREATED
    exited = node.start(pod, "true", name="exited")
    node.advance(1)
    before = node.status(exited)
    node.do(node.stopping(exited, 30))
    assert node.status(exited) == before


@pytest.mark.parametrize(
    ("seconds", "linux", "took_seconds", "code"),
    [
        (0, None, 0, 137),
        (-5, None, 0, 137),
        (30, None, 0, 143),
        (30, own_pids(), 30, 137),
        (0, own_pids(), 0, 137),
    ],
    ids=["kill", "negative", "shared pids: TERM ends it", "pid 1 ignores TERM", "kill pid 1"],
)
def test_how_it_ends(node: Any, seconds: int, linux: Any, took_seconds: int, code: int) -> None:
    ctr = node.start(node.run_pod(), "sleep", "1000", linux=linux)
    start_ns = node.kernel.now_ns
    node.do(node.stopping(ctr, seconds))
    status = node.status(ctr)
    assert (status.state, status.exit_code, status.reason) == (api.CONTAINER_EXITED, code, "Error")
    assert node.kernel.now_ns - start_ns == took_seconds * 10**9


def test_crio_finishes_one_that_never_started(crio: Any) -> None:
    ctr = crio.create(crio.run_pod(), crio.container_config("sleep", "1000"))
    crio.do(crio.stopping(ctr, 30))
    status = crio.status(ctr)
    assert (status.state, status.exit_code, status.reason) == (api.CONTAINER_EXITED, 137, "Error")
    assert status.finished_at >= status.created_at
    message = f"container {ctr} is not in created state: stopped"
    assert crio.refused(crio.starting(ctr)).message == message


def test_crio_sends_the_signal_even_without_a_grace(crio: Any) -> None:
    """It ends what does not handle it before SIGKILL comes."""
    ctr = crio.start(crio.run_pod(), "sleep", "1000")
    crio.do(crio.stopping(ctr, 0))
    assert crio.status(ctr).exit_code == 143


def test_containerd_fails_at_the_deadline_and_kills_no_more(node: Any) -> None:
    ctr = node.start(node.run_pod(), "sleep", "1000", linux=own_pids())
    task = node.spawn_with_deadline(node.stopping(ctr, 30), seconds=5)
    node.advance(5)
    assert (task.error.code, task.error.message) == (Code.DEADLINE_EXCEEDED, "context deadline exceeded")
    node.advance(60)
    assert node.status(ctr).state == api.CONTAINER_RUNNING
    node.do(node.stopping(ctr, 1))
    assert node.status(ctr).exit_code == 137


def test_containerd_fails_when_the_end_is_not_seen_by_the_deadline(new_node: Any) -> None:
    node = new_node(timings=Timings(report_exit_ns=10**10))
    ctr = node.start(node.run_pod(), "sleep", "1000")
    task = node.spawn_with_deadline(node.stopping(ctr, 0), seconds=5)
    node.advance(6)
    message = (
        f'an error occurs during waiting for container "{ctr}" to be killed: wait container "{ctr}": context deadline '
        "exceeded"
    )
    assert (task.error.code, task.error.message) == (Code.DEADLINE_EXCEEDED, message)
    node.advance(10)
    assert node.status(ctr).exit_code == 137


def test_crio_is_content_at_the_deadline_and_kills_later(crio: Any) -> None:
    ctr = crio.start(crio.run_pod(), "sleep", "1000", linux=own_pids())
    task = crio.spawn_with_deadline(crio.stopping(ctr, 30), seconds=5)
    crio.advance(5)
    assert task.is_done
    assert task.error is None
    assert crio.status(ctr).state == api.CONTAINER_RUNNING
    crio.advance(25)
    assert crio.status(ctr).exit_code == 137


def test_callers_of_crio_wait_together_for_the_earliest_kill(crio: Any) -> None:
    ctr = crio.start(crio.run_pod(), "sleep", "1000", linux=own_pids())
    begin_ns = crio.kernel.now_ns
    first = crio.spawn(crio.stopping(ctr, 30))
    crio.advance(2)
    later = crio.spawn(crio.stopping(ctr, 100))
    nearer = crio.spawn(crio.stopping(ctr, 5))
    first.cancel()
    crio.advance(10)
    assert (later.error, nearer.error) == (None, None)
    assert crio.status(ctr).finished_at - begin_ns == 7 * 10**9
    assert crio.kernel.pending_count == 0


def test_a_program_with_a_handler_ends_in_its_own_way(node: Any) -> None:
    ctr = node.start(node.run_pod(), "top", linux=own_pids())
    node.advance(1)
    node.do(node.stopping(ctr, 10))
    assert node.status(ctr).state == api.CONTAINER_EXITED


def test_the_answer_takes_its_time_after_the_end(measured: Any) -> None:
    ctr = measured.start(measured.run_pod(), "sleep", "1000")
    start_ns = measured.kernel.now_ns + Timings.measured().send_signal_ns
    measured.do(measured.stopping(ctr, 30))
    assert measured.status(ctr).finished_at == start_ns
    assert measured.kernel.now_ns - start_ns == 25_000_000


def test_a_process_that_has_just_started_has_set_its_traps_when_the_signal_comes(measured: Any) -> None:
    ctr = measured.start(
        measured.run_pod(), "sh", "-c", "trap 'exit 0' TERM; while true; do sleep 1; done", linux=own_pids()
    )
    measured.do(measured.stopping(ctr, 30))
    assert measured.status(ctr).exit_code == 0


def test_one_that_ends_before_the_signal_comes_ends_in_its_own_way(measured: Any) -> None:
    ctr = measured.start(measured.run_pod(), "sh", "-c", "sleep 0.005; exit 7", linux=own_pids())
    measured.do(measured.stopping(ctr, 30))
    assert measured.status(ctr).exit_code == 7


def test_the_signal_is_sent_once_and_a_shorter_stop_wins(node: Any) -> None:
    ctr = node.start(node.run_pod(), "sleep", "1000", linux=own_pids())
    long_stop = node.spawn(node.stopping(ctr, 100))
    node.advance(1)
    start_ns = node.kernel.now_ns
    node.do(node.stopping(ctr, 5))
    assert node.kernel.now_ns - start_ns == 5 * 10**9
    assert node.status(ctr).exit_code == 137
    node.advance(0)
    assert long_stop.is_done


@pytest.mark.parametrize(
    ("profile", "requested", "image", "code", "reported"),
    [
        ("containerd-2.3", api.SIGNAL_RUNTIME_DEFAULT, "", 143, api.SIGNAL_SIGTERM),
        ("containerd-2.3", api.SIGNAL_RUNTIME_DEFAULT, "SIGQUIT", 131, api.SIGNAL_SIGQUIT),
        ("containerd-2.3", api.SIGNAL_RUNTIME_DEFAULT, "2", 130, api.SIGNAL_RUNTIME_DEFAULT),
        ("containerd-2.3", api.SIGNAL_RUNTIME_DEFAULT, "SIGRTMIN+3", 165, api.SIGNAL_SIGRTMINPLUS3),
        ("containerd-2.3", api.SIGNAL_SIGUSR1, "SIGQUIT", 138, api.SIGNAL_SIGUSR1),
        ("containerd-2.3", api.SIGNAL_SIGRTMAXMINUS1, "", 191, api.SIGNAL_SIGRTMAXMINUS1),
        ("containerd-2.2", api.SIGNAL_SIGUSR1, "SIGQUIT", 131, api.SIGNAL_RUNTIME_DEFAULT),
        ("cri-o-1.36", api.SIGNAL_SIGUSR1, "SIGINT", 130, api.SIGNAL_RUNTIME_DEFAULT),
    ],
)
def test_the_stop_signal(
    new_node: Any, new_image: Any, profile: str, requested: int, image: str, code: int, reported: int
) -> None:
    config = ImageConfig(env=(("PATH", "/bin"),), stop_signal=image)
    node = new_node(profile, images=(new_image(BUSYBOX, config=config),))
    ctr = node.start(node.run_pod(), "sleep", "1000", stop_signal=requested)
    assert node.status(ctr).stop_signal == reported
    node.do(node.stopping(ctr, 30))
    assert node.status(ctr).exit_code == code


def test_a_stop_signal_of_the_image_that_does_not_exist(new_node: Any, new_image: Any) -> None:
    node = new_node(images=(new_image(BUSYBOX, config=ImageConfig(env=(("PATH", "/bin"),), stop_signal="SIGNOPE")),))
    ctr = node.start(node.run_pod(), "sleep", "1000")
    error = node.refused(node.stopping(ctr, 30))
    assert error.message == 'failed to parse stop signal "SIGNOPE": Invalid signal: SIGNOPE'
    node.do(node.stopping(ctr, 0))
    assert node.status(ctr).exit_code == 137


def test_a_signal_that_halts_is_followed_by_a_kill(new_node: Any, new_image: Any) -> None:
    node = new_node(images=(new_image(BUSYBOX, config=ImageConfig(env=(("PATH", "/bin"),), stop_signal="SIGSTOP")),))
    ctr = node.start(node.run_pod(), "sleep", "1000")
    start_ns = node.kernel.now_ns
    node.do(node.stopping(ctr, 30))
    assert (node.status(ctr).exit_code, node.kernel.now_ns - start_ns) == (137, 30 * 10**9)
