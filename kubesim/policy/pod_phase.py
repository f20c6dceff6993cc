"""Which phase a pod is in, from the states of its containers.

Mirrors kubelet: pkg/kubelet/kubelet_pods.go (getPhase, and the merge of phases in generateAPIPodStatus) and
pkg/kubelet/container/helpers.go (HasAnyActiveRegularContainerStarted).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never

from msgspec import Struct

from kubesim.policy.feature_gates import DEFAULT_GATES, gate_enabled
from kubesim.policy.pod_view import (
    TERMINAL_PHASES,
    ContainerSpecView,
    ContainerStatusView,
    PodPhase,
    PodStatusView,
    PodView,
    Running,
    RuntimePod,
    Terminated,
    Waiting,
    status_of,
)
from kubesim.policy.restart import container_should_restart

RESTARTING_ALL_CONTAINERS = "RestartingAllContainers"


class PhaseReason(Struct, frozen=True, kw_only=True, gc=False):
    """A phase with the pod-level reason and message that belong to it."""

    phase: PodPhase | None
    reason: str = ""
    message: str = ""


class _Counts(Struct, gc=False):
    """How many containers stand where; the names are those of 01 getPhase, one counter per question."""

    pending_init: int = 0
    pending_sidecar: int = 0
    failed_init: int = 0
    failed_init_final: int = 0
    unknown: int = 0
    running: int = 0
    waiting: int = 0
    stopped: int = 0
    stopped_final: int = 0
    succeeded: int = 0


def has_initialized(pod: PodView, runtime: RuntimePod) -> bool:
    """Whether the active sandbox holds any regular container of the spec, in any state."""
    active = runtime.active_sandbox_id
    if active is None:
        return False
    names = {one.name for one in runtime.containers if one.sandbox_id == active}
    return not names.isdisjoint([container.name for container in pod.containers])


def pod_phase(
    pod: PodView,
    statuses: tuple[ContainerStatusView, ...],
    *,
    is_terminal: bool,
    has_initialized: bool,
    gates: Mapping[str, bool] = DEFAULT_GATES,
) -> PodPhase:
    """The phase that the container statuses alone tell.

    `statuses` are the regular and the init statuses together. `is_terminal` says that the pod worker has stopped all
    containers for good. Ephemeral containers never influence the phase.
    """
    counts = _Counts()
    for container in pod.init_containers:
        status = status_of(statuses, container.name)
        if container.is_sidecar:
            _count_sidecar(counts, status)
        else:
            _count_init(counts, container, status, pod, gates)
    for container in pod.containers:
        _count_regular(counts, container, status_of(statuses, container.name), pod, gates)
    return _decide(counts, pod, is_terminal=is_terminal, has_initialized=has_initialized, gates=gates)


def settle_phase(
    *,
    generated: PodPhase,
    old: PhaseReason | PodStatusView,
    api: PhaseReason | PodStatusView,
    eviction: PhaseReason | None = None,
) -> PhaseReason:
    """The phase with its reason and message, after the kubelet looked back at what it said before.

    `old` is the status manager's cached status (the API's when there is none), `api` the API's, `eviction` what a sync
    handler demands (the active deadline). A terminal phase is never left; reason and message live as long as the phase.
    """
    phase = generated
    if phase not in TERMINAL_PHASES:
        for before in (old.phase, api.phase):
            if before in TERMINAL_PHASES:
                phase = before
                break
    if eviction is not None:
        result = eviction
    elif phase == old.phase:
        result = PhaseReason(phase=phase, reason=old.reason or api.reason, message=old.message or api.message)
    else:
        result = PhaseReason(phase=phase)
    if api.phase in TERMINAL_PHASES:
        result = PhaseReason(phase=api.phase, reason=result.reason, message=result.message)
    return result


def _decide(
    counts: _Counts, pod: PodView, *, is_terminal: bool, has_initialized: bool, gates: Mapping[str, bool]
) -> PodPhase:
    rules = gate_enabled(gates, "ContainerRestartRules")
    if counts.failed_init_final > 0 if rules else counts.failed_init > 0 and pod.restart_policy == "Never":
        return PodPhase.FAILED
    if counts.pending_init > 0 or counts.waiting > 0 or (counts.pending_sidecar > 0 and not has_initialized):
        return PodPhase.PENDING
    if counts.unknown > 0:
        return PodPhase.PENDING
    if counts.running > 0:
        return PodPhase.RUNNING
    if counts.stopped == 0:
        return PodPhase.PENDING
    return _phase_of_stopped(counts, pod, is_terminal=is_terminal, rules=rules)


def _phase_of_stopped(counts: _Counts, pod: PodView, *, is_terminal: bool, rules: bool) -> PodPhase:
    """The phase of a pod whose regular containers have all stopped."""
    final = PodPhase.SUCCEEDED if counts.stopped == counts.succeeded else PodPhase.FAILED
    if is_terminal and not pod.is_static:
        return final
    if rules:
        return final if counts.stopped == counts.stopped_final else PodPhase.RUNNING
    if pod.restart_policy == "Always" or (pod.restart_policy != "Never" and final is PodPhase.FAILED):
        return PodPhase.RUNNING
    return final


def _count_init(
    counts: _Counts,
    container: ContainerSpecView,
    status: ContainerStatusView | None,
    pod: PodView,
    gates: Mapping[str, bool],
) -> None:
    ended = _last_end(status)
    if ended is None:
        counts.pending_init += 1
    elif ended.exit_code != 0:
        counts.failed_init += 1
        counts.failed_init_final += not _is_restartable(container, ended, pod, gates)


def _count_sidecar(counts: _Counts, status: ContainerStatusView | None) -> None:
    if status is None:
        counts.unknown += 1
        return
    match status.state:
        case Running():
            counts.running += 1
            counts.pending_sidecar += not status.started
        case Terminated():
            pass  # A stopped sidecar says nothing about the phase.
        case Waiting():
            if status.last_terminated is None:
                counts.pending_sidecar += 1
                counts.waiting += 1
        case None:
            counts.pending_sidecar += 1
            counts.unknown += 1
        case _:
            assert_never(status.state)


def _count_regular(
    counts: _Counts,
    container: ContainerSpecView,
    status: ContainerStatusView | None,
    pod: PodView,
    gates: Mapping[str, bool],
) -> None:
    if status is None or status.state is None:
        counts.unknown += 1
        return
    if isinstance(status.state, Running):
        counts.running += 1
        return
    ended = _last_end(status)
    if ended is None:
        counts.waiting += 1
        return
    counts.stopped += 1
    counts.stopped_final += not _is_restartable(container, ended, pod, gates)
    # A container that waits for its next start is not counted as a success, whatever its last exit was.
    counts.succeeded += isinstance(status.state, Terminated) and ended.exit_code == 0


def _last_end(status: ContainerStatusView | None) -> Terminated | None:
    """How a container ended that is terminated now or waits after an end; None when it runs or never ran."""
    if status is None:
        return None
    if isinstance(status.state, Terminated):
        return status.state
    return status.last_terminated if isinstance(status.state, Waiting) else None


def _is_restartable(container: ContainerSpecView, ended: Terminated, pod: PodView, gates: Mapping[str, bool]) -> bool:
    if ended.reason == RESTARTING_ALL_CONTAINERS and gate_enabled(gates, "RestartAllContainersOnContainerExits"):
        return True
    return container_should_restart(
        container, pod_restart_policy=pod.restart_policy, exit_code=ended.exit_code, gates=gates
    )
