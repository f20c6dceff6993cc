"""StopPodSandbox."""

from __future__ import annotations

from typing import Any

import pytest

from kubesim.cri import Code, api
from kubesim.runtime.timings import Timings


def stopping(node: Any, pod: str) -> Any:
    return node.cri.stop_pod_sandbox(api.StopPodSandboxRequest(pod_sandbox_id=pod))


@pytest.mark.parametrize("profile", ["containerd-2.3", "cri-o-1.36"])
@pytest.mark.parametrize("unknown", ["0" * 64, "5b6d0fc7-5a5e-4b59-8f6c-0f5b0f6e7a11"])
def test_what_is_not_there_is_fine(new_node: Any, profile: str, unknown: str) -> None:
    node = new_node(profile)
    node.run_pod()
    before = node.pods()

    assert node.do(stopping(node, unknown)) == api.StopPodSandboxResponse()
    assert node.pods() == before, "what is there is not touched"


@pytest.mark.parametrize(
    ("profile", "message"),
    [
        ("containerd-2.3", 'an error occurred when try to find sandbox "": prefix can\'t be empty'),
        ("cri-o-1.36", "PodSandboxId should not be empty"),
    ],
)
def test_an_empty_id_is_refused(new_node: Any, profile: str, message: str) -> None:
    node = new_node(profile)
    error = node.refused(stopping(node, ""))
    assert (error.code, error.message) == (Code.UNKNOWN, message)


def test_a_stopped_sandbox_has_no_address_and_stays(node: Any) -> None:
    pod = node.run_pod()
    node.stop_pod(pod[:12])
    node.stop_pod(pod)
    status = node.pod_status(pod)
    assert (status.state, status.network.ip) == (api.SANDBOX_NOTREADY, "")
    node.remove_pod(pod)
    node.remove_pod(pod)
    assert node.pods() == []
    assert node.run_pod(node.pod_config("other"))


def test_its_address_is_free_afterwards(node: Any) -> None:
    node.stop_pod(node.run_pod())
    assert node.runtime._daemon.network.used == set()


def test_containerd_kills_the_containers_at_once(measured: Any) -> None:
    pod = measured.run_pod()
    ctr = measured.start(pod, "sleep", "1000")
    start_ns = measured.kernel.now_ns + Timings.measured().send_signal_ns
    measured.stop_pod(pod)
    status = measured.status(ctr)
    assert (status.state, status.exit_code, status.reason) == (api.CONTAINER_EXITED, 137, "Error")
    assert status.finished_at == start_ns
    assert measured.kernel.now_ns - start_ns == 160_000_000


def test_crio_asks_the_containers_first(crio: Any) -> None:
    pod = crio.run_pod()
    ctr = crio.start(pod, "sleep", "1000")
    crio.stop_pod(pod)
    assert crio.status(ctr).exit_code == 143


@pytest.mark.parametrize(("deadline_seconds", "grace_seconds"), [(120, 119), (2, 1), (1.5, 0), (0.5, 0)])
def test_the_grace_in_crio_is_the_deadline_less_a_second(
    crio: Any, deadline_seconds: float, grace_seconds: int
) -> None:
    pod = crio.run_pod()
    ctr = crio.start(pod, "sleep", "1000", linux=_own_pids())
    crio.advance(1)
    start_ns = crio.kernel.now_ns
    task = crio.spawn_with_deadline(stopping(crio, pod), seconds=deadline_seconds)
    crio.advance(200)
    assert task.error is None
    assert crio.status(ctr).finished_at - start_ns == grace_seconds * 10**9


def test_crio_finishes_a_container_that_never_started(crio: Any) -> None:
    pod = crio.run_pod()
    ctr = crio.create(pod, crio.container_config("true"))
    crio.stop_pod(pod)
    assert crio.status(ctr).state == api.CONTAINER_EXITED


def test_crio_stops_the_containers_side_by_side(crio: Any) -> None:
    own = {"linux": _own_pids()}
    pod = crio.run_pod()
    containers = [crio.start(pod, "sleep", "1000", name=f"c{index}", **own) for index in range(3)]
    start_ns = crio.kernel.now_ns
    crio.stop_pod(pod)
    # As pid 1 without a handler `sleep` ignores SIGTERM: each needs its whole grace, and they need it together.
    # Without a deadline there are 10 s, of which one is left for the sandbox itself.
    assert crio.kernel.now_ns - start_ns == 9_000_000_000
    assert [crio.status(ctr).exit_code for ctr in containers] == [137, 137, 137]


def _own_pids() -> api.LinuxContainerConfig:
    options = api.NamespaceOption(pid=api.CONTAINER)
    security = api.LinuxContainerSecurityContext(namespace_options=options)
    return api.LinuxContainerConfig(security_context=security)


def test_a_pod_with_a_dead_pause_process_is_not_ready(node: Any) -> None:
    pod = node.run_pod()
    node.runtime._daemon.sandboxes.get(pod).pause.kill_tree()
    node.advance(0)
    status = node.pod_status(pod)
    assert status.state == api.SANDBOX_NOTREADY
    assert status.network.ip == "10.88.0.2", "the network is torn down by StopPodSandbox"


def test_containers_die_with_a_shared_pid_namespace(node: Any) -> None:
    pod = node.run_pod()
    ctr = node.start(pod, "sleep", "1000")
    node.runtime._daemon.sandboxes.get(pod).pause.kill_tree()
    node.advance(0)
    assert node.status(ctr).exit_code == 137


def test_a_container_that_starts_during_the_stop_is_killed_too(measured: Any) -> None:
    pod = measured.run_pod()
    ctr = measured.create(pod, measured.container_config("sleep", "1000", linux=_own_pids()))
    stop = measured.spawn(stopping(measured, pod))
    measured.advance(0.05)
    measured.do(measured.starting(ctr))
    assert measured.status(ctr).state == api.CONTAINER_RUNNING
    measured.advance(1)
    assert stop.error is None
    assert measured.status(ctr).exit_code == 137
