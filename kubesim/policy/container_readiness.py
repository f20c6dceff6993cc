"""`started` and `ready` of every container status, from what the prober knows.

Mirrors kubelet: pkg/kubelet/prober/prober_manager.go, UpdatePodStatus and isContainerStarted.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct
from msgspec.structs import replace

from kubesim.policy.feature_gates import DEFAULT_GATES, gate_enabled
from kubesim.policy.pod_view import (
    ContainerSpecView,
    ContainerStatusView,
    PodView,
    ProbeResult,
    ProbeState,
    Running,
    Terminated,
)

_NO_PROBES = ProbeState()
_RESTART_TOLERANCE_NS = 10_000_000_000  # a container this much older than the kubelet ran before the kubelet did


class Readiness(Struct, frozen=True, kw_only=True, gc=False):
    """The status lists with `started` and `ready` filled in.

    `readiness_to_trigger` names the containers whose readiness worker should run at once.
    """

    init_statuses: tuple[ContainerStatusView, ...]
    statuses: tuple[ContainerStatusView, ...]
    readiness_to_trigger: tuple[str, ...] = ()


class KubeletStart(Struct, frozen=True, kw_only=True, gc=False):
    """When the kubelet started, and whether the API showed the pod's Ready condition as True."""

    started_at_ns: int = 0
    was_pod_ready: bool = False


_NO_START = KubeletStart()


def with_readiness(
    pod: PodView,
    init_statuses: tuple[ContainerStatusView, ...],
    statuses: tuple[ContainerStatusView, ...],
    probes: Mapping[str, ProbeState],
    *,
    kubelet: KubeletStart = _NO_START,
    gates: Mapping[str, bool] = DEFAULT_GATES,
) -> Readiness:
    """Fills `started` and `ready` of the regular and the init statuses; ephemeral ones never get either.

    `probes` holds the prober's state by container name; a container without an entry has no probes. A regular
    container and a sidecar are ready when they started and their readiness probe passed or they have none; a plain
    init container is ready once it exited with 0.
    """
    trigger: list[str] = []

    def ready_when_started(container: ContainerSpecView, status: ContainerStatusView) -> ContainerStatusView:
        probe = probes.get(status.name, _NO_PROBES)
        started = _is_started(status, probe, gates)
        if not started:
            return _changed(status, started=False, ready=status.ready)
        if probe.readiness is ProbeResult.SUCCESS:
            return _changed(status, started=True, ready=True)
        if probe.has_readiness_worker:
            trigger.append(status.name)
        ready = not probe.has_readiness_worker
        if _ran_before_kubelet(status, kubelet, gates):
            ready = ready or probe.readiness is None
            ready = ready and (kubelet.was_pod_ready or not container.has_readiness_probe)
        return _changed(status, started=True, ready=ready)

    def init_ready(container: ContainerSpecView, status: ContainerStatusView) -> ContainerStatusView:
        if container.is_sidecar:
            return ready_when_started(container, status)
        started = _is_started(status, probes.get(status.name, _NO_PROBES), gates)
        succeeded = isinstance(status.state, Terminated) and status.state.exit_code == 0
        return _changed(status, started=started, ready=status.ready or succeeded)

    regular = {container.name: container for container in pod.containers}
    done = tuple([ready_when_started(regular[status.name], status) for status in statuses])
    init_done = init_statuses
    if init_statuses:
        init = {container.name: container for container in pod.init_containers}
        init_done = tuple([init_ready(init[status.name], status) for status in init_statuses])
    return Readiness(init_statuses=init_done, statuses=done, readiness_to_trigger=tuple(trigger))


def _changed(status: ContainerStatusView, *, started: bool, ready: bool) -> ContainerStatusView:
    """The status with both; itself when it has them, as most do."""
    if status.started is started and status.ready is ready:
        return status
    return replace(status, started=started, ready=ready)


def _is_started(status: ContainerStatusView, probe: ProbeState, gates: Mapping[str, bool]) -> bool:
    if not isinstance(status.state, Running):
        return False
    if probe.startup is not None:
        return probe.startup is ProbeResult.SUCCESS
    if status.started and not gate_enabled(gates, "ChangeContainerStatusOnKubeletRestart"):
        return True
    return not probe.has_startup_worker


def _ran_before_kubelet(status: ContainerStatusView, kubelet: KubeletStart, gates: Mapping[str, bool]) -> bool:
    """Whether the container was there before the kubelet started, and so keeps its readiness until a first result."""
    if gate_enabled(gates, "ChangeContainerStatusOnKubeletRestart") or not isinstance(status.state, Running):
        return False
    started_at_ns = status.state.started_at_ns
    return started_at_ns is not None and started_at_ns < kubelet.started_at_ns - _RESTART_TOLERANCE_NS
