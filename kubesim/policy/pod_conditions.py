"""The conditions that the kubelet writes into a pod's status.

Mirrors kubelet: pkg/kubelet/status/generate.go (the text of each), pkg/kubelet/kubelet_pods.go
(generateAPIPodStatus, the order), pkg/kubelet/types/pod_status.go (who owns a type) and
pkg/kubelet/status/status_manager.go (updateLastTransitionTime).
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from kubesim.policy.feature_gates import DEFAULT_GATES, gate_enabled
from kubesim.policy.pod_view import (
    Condition,
    ContainerSpecView,
    ContainerStatusView,
    PodPhase,
    PodStatusView,
    PodView,
    Running,
    RuntimePod,
    Terminated,
    status_of,
)
from kubesim.policy.restart import (
    all_containers_could_restart,
    all_containers_restart_cleaned_up,
    should_all_containers_restart,
)
from kubesim.policy.sandbox_change import sandbox_change

POD_SCHEDULED = "PodScheduled"
READY = "Ready"
INITIALIZED = "Initialized"
CONTAINERS_READY = "ContainersReady"
READY_TO_START_CONTAINERS = "PodReadyToStartContainers"
ALL_CONTAINERS_RESTARTING = "AllContainersRestarting"
RESIZE_PENDING = "PodResizePending"
RESIZE_IN_PROGRESS = "PodResizeInProgress"
DISRUPTION_TARGET = "DisruptionTarget"

_ALWAYS_OWNED = frozenset({POD_SCHEDULED, READY, INITIALIZED, CONTAINERS_READY, RESIZE_IN_PROGRESS, RESIZE_PENDING})
_RESIZE_TYPES = frozenset({RESIZE_PENDING, RESIZE_IN_PROGRESS})
_OWNED = {
    (has_ready_to_start, has_restarting): _ALWAYS_OWNED
    | ({READY_TO_START_CONTAINERS} if has_ready_to_start else frozenset())
    | ({ALL_CONTAINERS_RESTARTING} if has_restarting else frozenset())
    for has_ready_to_start in (False, True)
    for has_restarting in (False, True)
}
"""The types by two gates: PodReadyToStartContainersCondition and RestartAllContainersOnContainerExits."""
_SCHEDULED = Condition(type=POD_SCHEDULED, status="True")


def owned_types(gates: Mapping[str, bool] = DEFAULT_GATES) -> frozenset[str]:
    """The condition types that the kubelet alone writes. DisruptionTarget is shared, so it is not owned."""
    return _OWNED[
        gate_enabled(gates, "PodReadyToStartContainersCondition"),
        gate_enabled(gates, "RestartAllContainersOnContainerExits"),
    ]


def pod_conditions(
    pod: PodView,
    *,
    phase: PodPhase,
    init_statuses: tuple[ContainerStatusView, ...] | None,
    statuses: tuple[ContainerStatusView, ...] | None,
    runtime: RuntimePod,
    old: PodStatusView,
    api: PodStatusView,
    resize: tuple[Condition, ...] = (),
    gates: Mapping[str, bool] = DEFAULT_GATES,
) -> tuple[Condition, ...]:
    """All conditions of a generated status, in the kubelet's order, still without transition times of its own.

    `old` is the status manager's cached status (the API's when there is none), `api` the API's. `resize` are the
    PodResizePending and PodResizeInProgress conditions that hold now, complete as they are.
    """
    owned = owned_types(gates)
    conditions = [one for one in api.conditions if one.type not in owned]
    if resize and gate_enabled(gates, "InPlacePodVerticalScaling"):
        conditions += resize
    before = _by_type(old)
    disruption = before.get(DISRUPTION_TARGET)
    if disruption is not None:
        conditions = replaced_or_appended(conditions, disruption)
    merged = _merged(init_statuses, statuses)
    generated = [initialized_condition(pod, merged, phase, old=old, gates=gates)]
    if gate_enabled(gates, "PodReadyToStartContainersCondition"):
        generated.insert(0, ready_to_start_containers_condition(pod, runtime))
    containers_ready = containers_ready_condition(pod, merged, phase)
    generated += (_ready(pod, containers_ready, conditions=(*conditions, *generated)), containers_ready, _SCHEDULED)
    if gate_enabled(gates, "PodObservedGenerationTracking"):
        generated = _observed(generated, pod.generation, before)
    if gate_enabled(gates, "RestartAllContainersOnContainerExits") and all_containers_could_restart(pod):
        generated.append(all_containers_restarting_condition(pod, runtime, phase, old=old, gates=gates))
    return (*conditions, *generated)


def _observed(generated: list[Condition], generation: int, before: Mapping[str, Condition]) -> list[Condition]:
    """The conditions with the generation that they are about: the ones of `before` where those say nothing else."""
    observed = []
    for one in generated:
        known = before.get(one.type)
        if (
            known is None
            or known.status != one.status
            or known.reason != one.reason
            or known.message != one.message
            or known.observed_generation != generation
            or known.last_probe_ns != one.last_probe_ns
        ):
            known = replace(one, observed_generation=generation)
        observed.append(known)
    return observed


def with_transition_times(
    conditions: tuple[Condition, ...],
    *,
    old: PodStatusView,
    now_ns: int,
    gates: Mapping[str, bool] = DEFAULT_GATES,
) -> tuple[Condition, ...]:
    """The conditions with lastTransitionTime: the old condition's while `status` is the same, else now.

    A change of only the reason or the message does not move the time. Conditions of others and the resize conditions
    keep the time they came with.
    """
    owned = owned_types(gates)
    return tuple([one if one in old.conditions else _dated(one, owned, old, now_ns) for one in conditions])


def _dated(condition: Condition, owned: frozenset[str], old: PodStatusView, now_ns: int) -> Condition:
    kind = condition.type
    if (kind not in owned or kind in _RESIZE_TYPES) and kind != DISRUPTION_TARGET:
        return condition
    before = old.condition(kind)
    same = before is not None and before.status == condition.status
    return replace(condition, last_transition_ns=before.last_transition_ns if before is not None and same else now_ns)


def containers_ready_condition(
    pod: PodView, statuses: tuple[ContainerStatusView, ...] | None, phase: PodPhase
) -> Condition:
    """ContainersReady, from the merged init and regular statuses (None: there is no status list at all)."""
    if statuses is None:
        return Condition(type=CONTAINERS_READY, status="False", reason="UnknownContainerStatuses")
    unknown, unready = [], []
    for container in _sidecars_then_regular(pod):
        status = status_of(statuses, container.name)
        if status is None:
            unknown.append(container.name)
        elif not status.ready:
            unready.append(container.name)
    if phase is PodPhase.FAILED or (phase is PodPhase.SUCCEEDED and not unknown):
        return terminal_condition(CONTAINERS_READY, phase)
    if unknown or unready:
        message = _joined(("unknown", unknown), ("unready", unready))
        return Condition(type=CONTAINERS_READY, status="False", reason="ContainersNotReady", message=message)
    return Condition(type=CONTAINERS_READY, status="True")


def ready_condition(
    pod: PodView,
    statuses: tuple[ContainerStatusView, ...] | None,
    phase: PodPhase,
    *,
    conditions: tuple[Condition, ...] = (),
) -> Condition:
    """Ready: ContainersReady and every readiness gate of the spec. `conditions` are those known so far."""
    return _ready(pod, containers_ready_condition(pod, statuses, phase), conditions=conditions)


def _ready(pod: PodView, containers_ready: Condition, *, conditions: tuple[Condition, ...]) -> Condition:
    if containers_ready.status != "True":
        return replace(containers_ready, type=READY)
    messages = []
    for gate in pod.readiness_gates:
        found = next((condition for condition in conditions if condition.type == gate), None)
        if found is None:
            messages.append(f'corresponding condition of pod readiness gate "{gate}" does not exist.')
        elif found.status != "True":
            messages.append(f'the status of pod readiness gate "{gate}" is not "True", but {found.status}')
    if messages:
        return Condition(type=READY, status="False", reason="ReadinessGatesNotReady", message=", ".join(messages))
    return Condition(type=READY, status="True")


def needs_readiness_sync(pod: PodView, api: PodStatusView) -> bool:
    """Whether the API's Ready is not what the rest of the API's status makes of the readiness gates.

    Somebody wrote the condition of a gate: the kubelet then syncs the pod at once. Only the regular containers are
    looked at, so that a pod with sidecars is synced after every write. Mirrors kubelet:
    pkg/kubelet/status/status_manager.go, NeedToReconcilePodReadiness.
    """
    ready = api.condition(READY)
    if not pod.readiness_gates or ready is None:
        return False
    phase = api.phase or PodPhase.PENDING
    wanted = ready_condition(pod, api.container_statuses or None, phase, conditions=api.conditions)
    return (ready.status, ready.message) != (wanted.status, wanted.message)


def initialized_condition(
    pod: PodView,
    statuses: tuple[ContainerStatusView, ...] | None,
    phase: PodPhase,
    *,
    old: PodStatusView,
    gates: Mapping[str, bool] = DEFAULT_GATES,
) -> Condition:
    """Initialized, from the merged init and regular statuses (None: there is no status list at all)."""
    if statuses is None and pod.init_containers:
        return Condition(type=INITIALIZED, status="False", reason="UnknownContainerStatuses")
    known = statuses or ()
    unknown, incomplete = [], []
    for container in pod.init_containers:
        status = status_of(known, container.name)
        if status is None:
            unknown.append(container.name)
        elif not (status.started if container.is_sidecar else status.ready):
            incomplete.append(container.name)
    if phase is PodPhase.SUCCEEDED and not unknown:
        return Condition(type=INITIALIZED, status="True", reason="PodCompleted")
    if not (unknown or incomplete) or _has_regular_container_started(pod, known) or _stays_initialized(old, gates):
        return Condition(type=INITIALIZED, status="True")
    message = _joined(("unknown", unknown), ("incomplete", incomplete))
    return Condition(type=INITIALIZED, status="False", reason="ContainersNotInitialized", message=message)


def ready_to_start_containers_condition(pod: PodView, runtime: RuntimePod) -> Condition:
    """PodReadyToStartContainers: the pod has a sandbox that serves, with its network. Never a reason or a message."""
    needed = sandbox_change(pod, runtime).is_needed
    return Condition(type=READY_TO_START_CONTAINERS, status="False" if needed else "True")


def all_containers_restarting_condition(
    pod: PodView,
    runtime: RuntimePod,
    phase: PodPhase,
    *,
    old: PodStatusView,
    gates: Mapping[str, bool] = DEFAULT_GATES,
) -> Condition:
    """AllContainersRestarting: True from the exit that asked for it until the runtime has no container left."""
    if phase.is_terminal:
        return terminal_condition(ALL_CONTAINERS_RESTARTING, phase)
    restarting = should_all_containers_restart(pod, runtime, old, gates)
    if not restarting or all_containers_restart_cleaned_up(pod, runtime):
        return Condition(type=ALL_CONTAINERS_RESTARTING, status="False")
    return Condition(
        type=ALL_CONTAINERS_RESTARTING,
        status="True",
        reason="RestartAllContainersStarted",
        message="container exited with restart policy rule",
    )


def terminal_condition(condition_type: str, phase: PodPhase) -> Condition:
    """The False form that a condition takes once the phase is Succeeded or Failed."""
    reason = "PodFailed" if phase is PodPhase.FAILED else "PodCompleted"
    return Condition(type=condition_type, status="False", reason=reason)


def disruption_target(message: str, *, generation: int, gates: Mapping[str, bool] = DEFAULT_GATES) -> Condition:
    """The DisruptionTarget condition of a pod that the kubelet itself ends (shutdown, eviction, preemption).

    Mirrors kubelet: pkg/kubelet/nodeshutdown/nodeshutdown_manager.go (killPods) and pkg/kubelet/eviction.
    """
    observed = generation if gate_enabled(gates, "PodObservedGenerationTracking") else None
    return Condition(
        type=DISRUPTION_TARGET,
        status="True",
        reason="TerminationByKubelet",
        message=message,
        observed_generation=observed,
    )


def replaced_or_appended(conditions: list[Condition], condition: Condition) -> list[Condition]:
    """The list with this condition in the place of the one of its type, or at the end."""
    if any(one.type == condition.type for one in conditions):
        return [condition if one.type == condition.type else one for one in conditions]
    return [*conditions, condition]


def _by_type(status: PodStatusView) -> dict[str, Condition]:
    """The conditions of a status; of two of a type, the first."""
    return {one.type: one for one in reversed(status.conditions)}


def _merged(
    init_statuses: tuple[ContainerStatusView, ...] | None, statuses: tuple[ContainerStatusView, ...] | None
) -> tuple[ContainerStatusView, ...] | None:
    if init_statuses is None and statuses is None:
        return None
    return (init_statuses or ()) + (statuses or ())


def _sidecars_then_regular(pod: PodView) -> tuple[ContainerSpecView, ...]:
    if not pod.init_containers:
        return pod.containers
    return tuple(one for one in pod.init_containers if one.is_sidecar) + pod.containers


def _joined(*groups: tuple[str, list[str]]) -> str:
    """`containers with unready status: [a b]` for each group that is not empty."""
    found = [f"containers with {word} status: [{' '.join(names)}]" for word, names in groups if names]
    return ", ".join(found)


def _has_regular_container_started(pod: PodView, statuses: tuple[ContainerStatusView, ...]) -> bool:
    found = (status_of(statuses, container.name) for container in pod.containers)
    return any(isinstance(status.state, Running | Terminated) for status in found if status is not None)


def _stays_initialized(old: PodStatusView, gates: Mapping[str, bool]) -> bool:
    """Restarting all containers in place takes init containers back to waiting; the pod stays initialised."""
    before = old.condition(INITIALIZED)
    restart_all = gate_enabled(gates, "RestartAllContainersOnContainerExits")
    return restart_all and before is not None and before.status == "True"
