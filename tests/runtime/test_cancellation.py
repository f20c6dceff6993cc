"""A call that is cancelled leaves nothing half made: names, addresses, processes, files."""

from __future__ import annotations

from typing import Any

import pytest

from kubesim.cri import Code, api
from kubesim.kernel import Cancelled
from kubesim.runtime.timings import Timings

RUN_NS, CREATE_NS, START_NS = 111_000_000, 7_100_000, 50_000_000


def cancelled(node: Any, coroutine: Any, after_ns: int) -> None:
    task = node.spawn(coroutine)
    node.advance(after_ns / 10**9)
    assert not task.is_done
    task.cancel()
    node.advance(0)
    assert isinstance(task.error, Cancelled)


@pytest.mark.parametrize("after_ns", [0, 1, RUN_NS // 2, RUN_NS - 1])
def test_run_pod_sandbox(measured: Any, after_ns: int) -> None:
    request = api.RunPodSandboxRequest(config=measured.pod_config())
    cancelled(measured, measured.cri.run_pod_sandbox(request), after_ns)
    daemon = measured.runtime._daemon
    assert measured.pods() == []
    assert len(daemon.sandbox_names) == 0
    assert daemon.network.used == set()
    assert daemon.processes.processes() == []
    assert daemon.own_files.list_dir("/sandboxes") == []
    assert measured.events() == []
    assert measured.run_pod()


@pytest.mark.parametrize("after_ns", [0, CREATE_NS // 2, CREATE_NS - 1])
def test_create_container(measured: Any, after_ns: int) -> None:
    pod = measured.run_pod()
    cancelled(measured, measured.creating(pod, measured.container_config("true")), after_ns)
    assert measured.containers() == []
    assert len(measured.runtime._daemon.container_names) == 0
    assert measured.create(pod, measured.container_config("true"))


def test_create_container_in_a_sandbox_that_is_removed_meanwhile(measured: Any) -> None:
    measured.runtime._daemon.timings = Timings(create_container_ns=10**9)
    pod = measured.run_pod()
    task = measured.spawn(measured.creating(pod, measured.container_config("true")))
    measured.advance(0.5)
    measured.remove_pod(pod)
    measured.advance(1)
    assert str(task.error) == f'failed to find sandbox id "{pod}": not found'
    assert len(measured.runtime._daemon.container_names) == 0


def test_start_container(measured: Any) -> None:
    ctr = measured.create(measured.run_pod(), measured.container_config("sleep", "100"))
    cancelled(measured, measured.starting(ctr), START_NS // 2)
    status = measured.status(ctr)
    assert (status.state, status.reason, status.exit_code) == (api.CONTAINER_EXITED, "StartError", 128)
    assert status.message == "failed to create containerd task: context canceled"
    assert [process.argv for process in measured.runtime._daemon.processes.processes()] == [["/pause"]]


def test_stop_container(node: Any) -> None:
    options = api.NamespaceOption(pid=api.CONTAINER)
    security = api.LinuxContainerSecurityContext(namespace_options=options)
    ctr = node.start(node.run_pod(), "sleep", "1000", linux=api.LinuxContainerConfig(security_context=security))
    cancelled(node, node.stopping(ctr, 30), 10**9)
    node.advance(60)
    assert node.status(ctr).state == api.CONTAINER_RUNNING, "nobody is left to send SIGKILL"
    node.do(node.stopping(ctr, 0))
    assert node.status(ctr).exit_code == 137


def test_remove_container(measured: Any) -> None:
    pod = measured.run_pod()
    ctr = measured.create(pod, measured.container_config("true"))
    cancelled(measured, measured.removing(ctr), 1_000_000)
    assert measured.status(ctr).state == api.CONTAINER_CREATED
    measured.do(measured.removing(ctr))
    assert measured.containers() == []


def test_stop_pod_sandbox(measured: Any) -> None:
    pod = measured.run_pod()
    request = api.StopPodSandboxRequest(pod_sandbox_id=pod)
    cancelled(measured, measured.cri.stop_pod_sandbox(request), 10_000_000)
    assert measured.pod_status(pod).state == api.SANDBOX_READY
    measured.stop_pod(pod)
    assert measured.pod_status(pod).state == api.SANDBOX_NOTREADY


@pytest.fixture
def slow_crio(new_node: Any) -> Any:
    return new_node("cri-o-1.36", timings=Timings.measured())


def test_crio_makes_a_sandbox_without_its_client_and_the_retry_gets_it(slow_crio: Any) -> None:
    request = api.RunPodSandboxRequest(config=slow_crio.pod_config())
    cancelled(slow_crio, slow_crio.cri.run_pod_sandbox(request), 10_000_000)
    slow_crio.advance(5)
    assert slow_crio.pods() == [], "it is not listed before somebody asks for it"
    (held,) = slow_crio.runtime._daemon.sandbox_names._by_name.values()
    before_ns = slow_crio.kernel.now_ns
    assert slow_crio.run_pod() == held.id
    assert slow_crio.kernel.now_ns == before_ns
    assert [row.id for row in slow_crio.pods()] == [held.id]
    slow_crio.advance(300)
    assert slow_crio.pod_status(held.id).state == api.SANDBOX_READY


def test_crio_takes_away_what_nobody_asks_for(slow_crio: Any) -> None:
    request = api.RunPodSandboxRequest(config=slow_crio.pod_config())
    cancelled(slow_crio, slow_crio.cri.run_pod_sandbox(request), 10_000_000)
    daemon = slow_crio.runtime._daemon
    slow_crio.advance(59)
    assert len(daemon.sandbox_names) == len(daemon.network.used) == 1
    slow_crio.advance(62)
    assert len(daemon.sandbox_names) == len(daemon.network.used) == 0
    assert daemon.processes.processes() == []


def test_crio_forgets_what_fails_without_its_client(slow_crio: Any) -> None:
    request = api.RunPodSandboxRequest(config=slow_crio.pod_config(), runtime_handler="none")
    task = slow_crio.spawn(slow_crio.cri.run_pod_sandbox(request))
    task.cancel()
    slow_crio.advance(1)
    assert len(slow_crio.runtime._daemon.sandbox_names) == 0
    assert slow_crio.run_pod()


def test_crio_makes_a_container_without_its_client(slow_crio: Any) -> None:
    pod = slow_crio.run_pod()
    config = slow_crio.container_config("true")
    cancelled(slow_crio, slow_crio.creating(pod, config), 1_000_000)
    slow_crio.advance(1)
    assert slow_crio.containers() == []
    ctr = slow_crio.create(pod, config)
    assert [row.id for row in slow_crio.containers()] == [ctr]


def test_a_container_that_waits_for_its_retry_goes_with_its_sandbox(slow_crio: Any) -> None:
    config = slow_crio.container_config("true")
    pod = slow_crio.run_pod()
    cancelled(slow_crio, slow_crio.creating(pod, config), 1_000_000)
    slow_crio.advance(1)
    slow_crio.remove_pod(pod)
    second = slow_crio.run_pod()
    ctr = slow_crio.create(second, config)
    assert [row.pod_sandbox_id for row in slow_crio.containers()] == [second]
    assert slow_crio.status(ctr).state == api.CONTAINER_CREATED


def test_a_restart_ends_what_goes_on_without_a_client(slow_crio: Any) -> None:
    request = api.RunPodSandboxRequest(config=slow_crio.pod_config())
    cancelled(slow_crio, slow_crio.cri.run_pod_sandbox(request), 10_000_000)
    slow_crio.runtime.restart()
    slow_crio.advance(1)
    assert len(slow_crio.runtime._daemon.sandbox_names) == 0


def test_crio_past_the_deadline(slow_crio: Any) -> None:
    request = api.RunPodSandboxRequest(config=slow_crio.pod_config())
    task = slow_crio.spawn_with_deadline(slow_crio.cri.run_pod_sandbox(request), seconds=0.02)
    slow_crio.advance(1)
    assert (task.error.code, task.error.message) == (Code.DEADLINE_EXCEEDED, "context deadline exceeded")
    assert slow_crio.pods() == []
    assert slow_crio.run_pod()
    assert len(slow_crio.pods()) == 1


RETRYING = "kubelet may be retrying requests that are timing out in CRI-O due to system load. Currently at stage "
READY = "the requested sandbox {name} is now ready and will be provided to the kubelet on next retry"


@pytest.mark.parametrize(
    ("seconds", "is_first_cancelled", "answered_after", "code", "reason"),
    [
        (None, True, 240.111, Code.UNKNOWN, READY),
        (5, True, 5, Code.UNKNOWN, READY),
        (0.02, False, 0.02, Code.DEADLINE_EXCEEDED, "context deadline exceeded"),
        (None, False, 240, Code.UNKNOWN, "waited too long for request to timeout or sandbox {name} to be created"),
    ],
)
def test_a_retry_waits_for_its_elder_to_the_end_of_its_own_time(
    slow_crio: Any, seconds: float | None, is_first_cancelled: bool, answered_after: float, code: Code, reason: str
) -> None:
    request = api.RunPodSandboxRequest(config=slow_crio.pod_config())
    first = slow_crio.spawn(slow_crio.cri.run_pod_sandbox(request))
    slow_crio.advance(0)
    if is_first_cancelled:
        first.cancel()
    second = slow_crio.spawn_with_deadline(slow_crio.cri.run_pod_sandbox(request), seconds=seconds)
    slow_crio.advance(answered_after - 0.002)
    assert not second.is_done
    slow_crio.advance(0.004)
    assert second.error.code is code
    name = "k8s_pod_ns_uid-pod_0"
    begin, end = f"{RETRYING}sandbox container runtime creation: {reason.format(name=name)}", ": name is reserved"
    assert second.error.message.startswith(f"{begin}: error reserving pod name {name} for id ")
    assert second.error.message.endswith(end)
