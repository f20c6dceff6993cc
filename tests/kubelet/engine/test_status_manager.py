"""What the status manager sends, and what it does not."""

import msgspec
import pytest

from kubesim.kernel import Kernel
from kubesim.kubelet.klog import Klog
from kubesim.kubelet.mirror_pods import MirrorPods
from kubesim.kubelet.pod_views import status_view
from kubesim.kubelet.status_manager import StatusManager
from kubesim.kubelet.told_status import Surroundings
from kubesim.model import k8s_v1 as v1
from kubesim.model.frozen_records import replace
from kubesim.policy.feature_gates import DEFAULT_GATES
from kubesim.policy.pod_view import Condition, ContainerStatusView, PodPhase, PodStatusView, Running, Terminated

UID = "u-1"


class Api:
    """An API server with one pod; keeps every status that was written."""

    def __init__(self, pod: v1.Pod) -> None:
        self.pod = pod
        self.written: list[v1.PodStatus] = []
        self.deleted: list[str] = []

    def patch_pod_status(self, uid: str, status: v1.PodStatus) -> v1.Pod | None:
        self.written.append(status)
        self.pod = msgspec.structs.replace(self.pod, status=status)
        return self.pod

    def delete_pod_now(self, uid: str) -> None:
        self.deleted.append(uid)


class Bench:
    """A status manager for one pod with the container `a`."""

    def __init__(self, *, restart_policy: str = "Never", deleting: bool = False, running: bool = False) -> None:
        meta = v1.ObjectMeta(name="web", namespace="default", uid=UID, generation=3)
        if deleting:
            meta = msgspec.structs.replace(meta, deletion_timestamp="2026-01-01T00:00:30Z")
        spec = v1.PodSpec(containers=[v1.Container(name="a")], restart_policy=restart_policy)
        self.pod = v1.Pod(metadata=meta, spec=spec, status=v1.PodStatus(phase="Pending"))
        self.kernel = Kernel()
        self.api = Api(self.pod)
        self.running = running
        self.manager = StatusManager(
            self.kernel,
            self.api,  # type: ignore[arg-type]  # the manager uses two methods of it
            MirrorPods(self.api, node_name="node-1", klog=Klog(self.kernel)),  # type: ignore[arg-type]  # likewise
            gates=DEFAULT_GATES,
            could_have_running_containers=lambda _: self.running,
        )

    def set(self, status: PodStatusView, after_seconds: int = 1) -> None:
        self.kernel.run_until(self.kernel.now_ns + after_seconds * 10**9)
        self.manager.set(self.pod, status)
        self.kernel.run_until(self.kernel.now_ns)


def status(state: Running | Terminated, phase: PodPhase = PodPhase.RUNNING, ready: str = "True") -> PodStatusView:
    return PodStatusView(
        phase=phase,
        conditions=(Condition(type="Ready", status=ready, observed_generation=3),),
        container_statuses=(ContainerStatusView(name="a", state=state),),
    )


RUNNING = status(Running(started_at_ns=0))
ENDED = status(Terminated(exit_code=0, reason="Completed"))


def test_a_status_is_sent_with_its_times_and_generation() -> None:
    bench = Bench()
    bench.set(RUNNING)
    (sent,) = bench.api.written
    assert (sent.phase, sent.observed_generation) == ("Running", 3)
    assert sent.start_time == sent.conditions[0].last_transition_time == "2026-01-01T00:00:01Z"


def test_an_equal_status_is_not_sent_again() -> None:
    bench = Bench()
    bench.set(RUNNING)
    bench.set(replace(RUNNING, conditions=(Condition(type="Ready", status="True", observed_generation=4),)))
    assert len(bench.api.written) == 1


def test_a_condition_of_somebody_else_makes_no_difference() -> None:
    bench = Bench()
    bench.set(RUNNING)
    bench.set(replace(RUNNING, conditions=(*RUNNING.conditions, Condition(type="example.com/x", status="True"))))
    assert len(bench.api.written) == 1


def test_the_transition_time_moves_with_the_status_only() -> None:
    bench = Bench()
    bench.set(RUNNING)
    bench.set(replace(RUNNING, conditions=(Condition(type="Ready", status="True", reason="Why"),)))
    bench.set(status(Running(started_at_ns=0), ready="False"))
    times = [one.conditions[0].last_transition_time for one in bench.api.written]
    assert times == ["2026-01-01T00:00:01Z", "2026-01-01T00:00:01Z", "2026-01-01T00:00:03Z"]


def test_an_illegal_transition_drops_the_whole_update(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench(restart_policy="Never")
    bench.set(ENDED)
    bench.set(replace(RUNNING, phase=PodPhase.FAILED))
    assert len(bench.api.written) == 1
    assert bench.manager.get(UID) is not None
    assert status_view(bench.api.pod.status).phase is PodPhase.RUNNING
    assert "terminated container a attempted illegal transition to non-terminated state" in caplog.text


def test_the_same_transition_is_legal_with_always() -> None:
    bench = Bench(restart_policy="Always")
    bench.set(ENDED)
    bench.set(RUNNING)
    assert len(bench.api.written) == 2


def test_the_terminal_phase_waits_for_the_containers() -> None:
    bench = Bench(running=True)
    bench.set(RUNNING)
    bench.set(replace(ENDED, phase=PodPhase.SUCCEEDED))
    assert bench.api.written[-1].phase == "Running"
    bench.running = False
    bench.manager.sync(UID)
    assert bench.api.written[-1].phase == "Succeeded"


def test_a_deleted_pod_is_removed_when_its_end_is_published() -> None:
    bench = Bench(deleting=True)
    bench.set(ENDED)
    assert bench.api.deleted == []
    bench.manager.terminate(bench.pod)
    bench.kernel.run_until_idle()
    assert bench.api.written[-1].phase == "Failed"
    assert bench.api.deleted == [UID]


def test_a_pod_that_nobody_deleted_stays() -> None:
    bench = Bench()
    bench.set(replace(ENDED, phase=PodPhase.SUCCEEDED))
    bench.manager.terminate(bench.pod)
    bench.kernel.run_until_idle()
    assert bench.api.deleted == []


def test_a_forgotten_pod_is_not_written() -> None:
    bench = Bench()
    bench.manager.set(bench.pod, RUNNING)
    bench.manager.forget(UID)
    bench.kernel.run_until_idle()
    assert bench.api.written == []


def test_what_is_around_a_status_is_written_anew_when_it_changes() -> None:
    bench = Bench()
    here = Surroundings(pod_ips=("10.0.0.1",), host_ips=("10.1.0.1",), qos_class="Burstable")
    bench.manager.set(bench.pod, RUNNING, here)
    bench.kernel.run_until(bench.kernel.now_ns)
    bench.manager.set(bench.pod, status(Running(started_at_ns=0), ready="False"), replace(here, qos_class="Burstable"))
    bench.kernel.run_until(bench.kernel.now_ns)
    bench.manager.set(bench.pod, RUNNING, replace(here, pod_ips=("10.0.0.2", "fd00::2")))
    bench.kernel.run_until(bench.kernel.now_ns)

    first, second, third = bench.api.written
    assert [(one.pod_ip, one.host_ip, one.qos_class) for one in (first, second)] == [
        ("10.0.0.1", "10.1.0.1", "Burstable")
    ] * 2
    assert second.pod_ips is first.pod_ips
    assert [one.ip for one in third.pod_ips] == ["10.0.0.2", "fd00::2"]
    assert third.start_time == first.start_time
