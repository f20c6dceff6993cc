"""What one sync has to do about init containers and sidecars.

Mirrors kubelet: pkg/kubelet/kuberuntime/kuberuntime_container.go, computeInitContainerActions.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from msgspec import Struct

from kubesim.policy.feature_gates import gate_enabled
from kubesim.policy.pod_view import ContainerSpecView, ProbeResult, RuntimeContainer, RuntimeState
from kubesim.policy.sync_plan import ActionInputs, ContainerToKill, KillReason, resize_kill, unknown_state_kill


class InitActions(Struct, frozen=True, kw_only=True, gc=False):
    """The init part of a plan. `has_initialized`: the regular containers may be looked at in this sync."""

    has_initialized: bool
    kill_pod: bool = False
    to_start: tuple[str, ...] = ()
    to_kill: tuple[ContainerToKill, ...] = ()
    to_resize: tuple[str, ...] = ()
    restarts_to_resize: bool = False


@dataclass(slots=True, kw_only=True)
class _Scan:
    """The state of the scan over the init containers, which goes from the last to the first.

    `later_seen` says that a later init container, or a regular one, was already found in the runtime: then this one
    was initialised before, and matters only if it is a sidecar.
    """

    has_initialized: bool
    later_seen: bool
    to_start: list[int] = field(default_factory=list)
    to_kill: list[ContainerToKill] = field(default_factory=list)
    to_resize: list[str] = field(default_factory=list)
    restarts_to_resize: bool = False
    kill_pod: bool = False


_NO_INIT = InitActions(has_initialized=True)
"""Of a pod without init containers."""


def init_container_actions(inputs: ActionInputs) -> InitActions:
    """Which init containers and sidecars to start or kill now.

    The scan runs backwards because only the newest init container need be known: completed ones may already be gone
    from the runtime.
    """
    containers = inputs.pod.init_containers
    if not containers:
        return _NO_INIT
    initialized = _is_any_regular_container_alive(inputs)
    scan = _Scan(has_initialized=initialized, later_seen=initialized)
    for index in reversed(range(len(containers))):
        container = containers[index]
        newest = inputs.runtime.newest(container.name)
        if newest is None:
            if scan.later_seen and container.is_sidecar:
                scan.to_start.append(index)
            continue
        if not scan.later_seen or container.is_sidecar:
            _visit(inputs, scan, index, newest)
            if scan.kill_pod:
                return InitActions(has_initialized=False, kill_pod=True, to_kill=tuple(scan.to_kill))
        scan.later_seen = True
    if not scan.later_seen:
        scan.to_start.append(0)
    return InitActions(
        has_initialized=scan.has_initialized,
        to_start=tuple(containers[index].name for index in reversed(scan.to_start)),
        to_kill=tuple(scan.to_kill),
        to_resize=tuple(scan.to_resize),
        restarts_to_resize=scan.restarts_to_resize,
    )


def _is_any_regular_container_alive(inputs: ActionInputs) -> bool:
    """Exited ones do not count: after a reboot they would make a fresh sandbox look initialised."""
    newest = (inputs.runtime.newest(container.name) for container in inputs.pod.containers)
    alive = {RuntimeState.CREATED, RuntimeState.RUNNING}
    return any(one is not None and one.state in alive for one in newest)


def _visit(inputs: ActionInputs, scan: _Scan, index: int, newest: RuntimeContainer) -> None:
    container = inputs.pod.init_containers[index]
    match newest.state:
        case RuntimeState.CREATED:
            # Creating and starting are one step, so this one failed to start and would stay like that.
            scan.to_start.append(index)
        case RuntimeState.RUNNING:
            if container.is_sidecar:
                _visit_running_sidecar(inputs, scan, index, newest)
            else:
                _resize(inputs, scan, index, newest)
        case RuntimeState.EXITED:
            _visit_exited(inputs, scan, index, newest)
        case _:
            if not container.is_sidecar and not inputs.restarts_after_kill(container):
                scan.kill_pod = True
                return
            scan.to_kill.append(unknown_state_kill("Init container", newest))
            scan.to_start.append(index)


def _visit_running_sidecar(inputs: ActionInputs, scan: _Scan, index: int, newest: RuntimeContainer) -> None:
    container = inputs.pod.init_containers[index]
    probe = inputs.probe(container.name)
    if container.has_startup_probe and probe.startup is not ProbeResult.SUCCESS:
        if probe.startup is ProbeResult.FAILURE:
            _restart(scan, index, newest, "failed startup probe", KillReason.STARTUP_PROBE)
        return
    _initialized(inputs, scan, index, starts_next=not scan.later_seen)
    if container.hash != newest.hash:
        _restart(scan, index, newest, "definition changed", KillReason.OTHER)
    elif container.has_liveness_probe and probe.liveness is ProbeResult.FAILURE:
        _restart(scan, index, newest, "failed liveness probe", KillReason.LIVENESS_PROBE)
    elif not container.has_liveness_probe or probe.liveness is not None:
        # A sidecar whose liveness is not known yet is left alone.
        _resize(inputs, scan, index, newest)


def _resize(inputs: ActionInputs, scan: _Scan, index: int, newest: RuntimeContainer) -> None:
    resize = inputs.resizes.get(newest.name)
    if resize is None:
        return
    if not resize.restarts:
        scan.to_resize.append(newest.name)
        return
    scan.restarts_to_resize = True
    scan.to_kill.append(resize_kill(newest))
    scan.to_start.append(index)


def _visit_exited(inputs: ActionInputs, scan: _Scan, index: int, newest: RuntimeContainer) -> None:
    container = inputs.pod.init_containers[index]
    if container.is_sidecar:
        scan.to_start.append(index)
    elif newest.exit_code == 0 and newest.reason != "OOMKilled":
        _initialized(inputs, scan, index, starts_next=True)
    elif _restarts_after_failure(inputs, container):
        scan.to_start.append(index)
    else:
        scan.kill_pod = True


def _restarts_after_failure(inputs: ActionInputs, container: ContainerSpecView) -> bool:
    if gate_enabled(inputs.gates, "ContainerRestartRules"):
        return inputs.is_restarted(container)
    return inputs.pod.restart_policy != "Never"


def _initialized(inputs: ActionInputs, scan: _Scan, index: int, *, starts_next: bool) -> None:
    if index == len(inputs.pod.init_containers) - 1:
        scan.has_initialized = True
    elif starts_next:
        scan.to_start.append(index + 1)


def _restart(scan: _Scan, index: int, newest: RuntimeContainer, why: str, reason: KillReason) -> None:
    message = f"Init container {newest.name} {why}"
    scan.to_kill.append(ContainerToKill(name=newest.name, container_id=newest.id, message=message, reason=reason))
    scan.to_start.append(index)
