"""One tick of a probe worker: what it does before it probes, and what a result of the probe changes.

A worker is one probe of one container. It looks at the pod's cached status, so it learns of a new container, or of
its end, only once that was published.
Mirrors kubelet: pkg/kubelet/prober/worker.go (newWorker, run, doProbe) and prober_manager.go
(kubeletRestartGracePeriod).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from kubesim.model.frozen_records import replace
from kubesim.policy.feature_gates import DEFAULT_GATES, gate_enabled
from kubesim.policy.pod_view import (
    ContainerSpecView,
    ContainerStatusView,
    PodStatusView,
    PodView,
    ProbeResult,
    Running,
    Terminated,
    status_of,
)
from kubesim.policy.restart import container_should_restart, should_all_containers_restart

RESTART_TOLERANCE_NS = 10_000_000_000
"""A container this much older than the kubelet's process ran before the kubelet did."""

_SECOND_NS = 1_000_000_000


class ProbeKind(StrEnum):
    """The three probes of a container, as events and metrics name them."""

    STARTUP = "Startup"
    READINESS = "Readiness"
    LIVENESS = "Liveness"


INITIAL_RESULTS: Mapping[ProbeKind, ProbeResult] = {
    ProbeKind.STARTUP: ProbeResult.UNKNOWN,
    ProbeKind.READINESS: ProbeResult.FAILURE,
    ProbeKind.LIVENESS: ProbeResult.SUCCESS,
}
"""What counts for a new container until a probe says otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSpec:
    """What a worker is for. It keeps the pod as it was when the worker was made."""

    kind: ProbeKind
    pod: PodView
    container: ContainerSpecView
    initial_delay_seconds: int = 0
    failure_threshold: int = 3
    success_threshold: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerState:
    """What a worker remembers: its container, and how often in a row the probe gave the same result."""

    container_id: str = ""
    last: ProbeResult = ProbeResult.SUCCESS
    run_length: int = 0
    is_on_hold: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """A result for a container's id; None takes back what was published for it."""

    container_id: str
    result: ProbeResult | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerStep:
    """What a tick comes to: the new state, results to publish in order, and whether to probe or to end."""

    state: WorkerState
    published: tuple[Publication, ...] = ()
    probes: bool = False
    ends: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSurroundings:
    """What a tick sees: the pod's cached status (None: there is none), the time, and when the kubelet started."""

    status: PodStatusView | None
    now_ns: int
    kubelet_started_at_ns: int = 0
    gates: Mapping[str, bool] = field(default_factory=lambda: DEFAULT_GATES)


def first_delay_ns(period_ns: int, *, kubelet_age_ns: int, fraction: float) -> int:
    """How long a new worker sleeps before its first tick; `fraction` is a random number in [0, 1).

    A kubelet that has just started has a worker for every pod of the node: they are spread over one period.
    """
    return int(fraction * period_ns) if period_ns > kubelet_age_ns else 0


def before_probe(spec: WorkerSpec, state: WorkerState, around: WorkerSurroundings) -> WorkerStep:
    """Everything of a tick up to the probe."""
    status = around.status
    if status is None:
        return WorkerStep(state=state)
    if status.phase is not None and status.phase.is_terminal:
        return WorkerStep(state=state, ends=True)
    container = _status_with_id(status, spec.container.name)
    if container is None:
        return WorkerStep(state=state)
    published: tuple[Publication, ...] = ()
    if container.container_id != state.container_id:
        published = _of_new_container(spec, state, container, around)
        state = replace(state, container_id=container.container_id, is_on_hold=False)
    step = WorkerStep(state=state, published=published)
    if state.is_on_hold:
        return step
    if not isinstance(container.state, Running):
        failed = Publication(container_id=state.container_id, result=ProbeResult.FAILURE)
        return replace(step, published=(*published, failed), ends=_has_ended_for_good(spec, container, around))
    if spec.pod.is_deletion_requested and spec.kind is not ProbeKind.READINESS:
        quiet = Publication(container_id=state.container_id, result=ProbeResult.SUCCESS)
        return replace(step, published=(*published, quiet), ends=True)
    if _is_too_young(spec, container.state, around.now_ns):
        return step
    # A startup worker idles once its container has started; the others wait until then.
    is_for_startup = spec.kind is ProbeKind.STARTUP
    return replace(step, probes=bool(container.started) is not is_for_startup)


def after_probe(spec: WorkerSpec, state: WorkerState, result: ProbeResult) -> WorkerStep:
    """What a result does: it counts only as often in a row as its threshold says.

    A failed liveness probe, and any result of a startup probe, ends the probing until there is a new container.
    """
    run_length = state.run_length + 1 if result is state.last else 1
    state = replace(state, last=result, run_length=run_length)
    threshold = spec.failure_threshold if result is ProbeResult.FAILURE else spec.success_threshold
    if run_length < threshold:
        return WorkerStep(state=state)
    if spec.kind is ProbeKind.STARTUP or (spec.kind is ProbeKind.LIVENESS and result is ProbeResult.FAILURE):
        state = replace(state, is_on_hold=True, run_length=0)
    return WorkerStep(state=state, published=(Publication(container_id=state.container_id, result=result),))


def _status_with_id(status: PodStatusView, name: str) -> ContainerStatusView | None:
    for statuses in (status.container_statuses, status.init_container_statuses):
        found = status_of(statuses, name)
        if found is not None and found.container_id:
            return found
    return None


def _of_new_container(
    spec: WorkerSpec, state: WorkerState, container: ContainerStatusView, around: WorkerSurroundings
) -> tuple[Publication, ...]:
    """A container that was there before the kubelet keeps what it was: nothing is published for it."""
    published = []
    if state.container_id:
        published.append(Publication(container_id=state.container_id, result=None))
    new_id, is_known = container.container_id, False
    if not gate_enabled(around.gates, "ChangeContainerStatusOnKubeletRestart"):
        if spec.container.is_sidecar and spec.kind is ProbeKind.STARTUP and container.started:
            published.append(Publication(container_id=new_id, result=ProbeResult.SUCCESS))
        is_known = _ran_before_kubelet(container, around.kubelet_started_at_ns)
    if not is_known:
        published.append(Publication(container_id=new_id, result=INITIAL_RESULTS[spec.kind]))
    return tuple(published)


def _ran_before_kubelet(container: ContainerStatusView, kubelet_started_at_ns: int) -> bool:
    started_at_ns = container.state.started_at_ns if isinstance(container.state, Running) else None
    return started_at_ns is not None and _whole_seconds(started_at_ns) < kubelet_started_at_ns - RESTART_TOLERANCE_NS


def _has_ended_for_good(spec: WorkerSpec, container: ContainerStatusView, around: WorkerSurroundings) -> bool:
    if not isinstance(container.state, Terminated):
        return False
    if not gate_enabled(around.gates, "ContainerRestartRules"):
        return spec.pod.restart_policy == "Never" and not spec.container.is_sidecar
    restarts = container_should_restart(
        spec.container,
        pod_restart_policy=spec.pod.restart_policy,
        exit_code=container.state.exit_code,
        gates=around.gates,
    )
    if restarts or around.status is None:
        return False
    return not should_all_containers_restart(spec.pod, None, around.status, around.gates)


def _is_too_young(spec: WorkerSpec, running: Running, now_ns: int) -> bool:
    """Whether initialDelaySeconds has not passed, in whole seconds. The cached status has no fractions of a second."""
    started_at_ns = _whole_seconds(running.started_at_ns or 0)
    return (now_ns - started_at_ns) // _SECOND_NS < spec.initial_delay_seconds


def _whole_seconds(time_ns: int) -> int:
    return time_ns // _SECOND_NS * _SECOND_NS
