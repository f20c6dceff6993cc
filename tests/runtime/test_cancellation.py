"""A call that is cancelled leaves nothing half made: names, addresses, processes, files."""

from __future__ import annotations

from typing import Any

import pytest

from kubesim.cri import api
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
    assert daemon.network._used == set()
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


def test_crio_waiters_of_a_cancelled_creation_go_on(new_node: Any) -> None:
    node = new_node("cri-o-1.36", timings=Timings.measured())
    request = api.RunPodSandboxRequest(config=node.pod_config())
    first = node.spawn(node.cri.run_pod_sandbox(request))
    node.advance(0.01)
    second = node.spawn(node.cri.run_pod_sandbox(request))
    node.advance(0.01)
    first.cancel()
    node.advance(0)
    assert "kubelet may be retrying requests" in str(second.error)
    assert node.run_pod()
