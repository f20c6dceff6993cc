"""What the status manager does to a status on its way to the API: refuse, complete, merge.

Mirrors kubelet: pkg/kubelet/status/status_manager.go.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from kubesim.policy.container_status import LOST_WHEN_TERMINATED, STATUS_UNKNOWN
from kubesim.policy.feature_gates import DEFAULT_GATES, gate_enabled
from kubesim.policy.pod_conditions import (
    CONTAINERS_READY,
    DISRUPTION_TARGET,
    READY,
    owned_types,
    replaced_or_appended,
    terminal_condition,
    with_transition_times,
)
from kubesim.policy.pod_view import (
    Condition,
    ContainerSpecView,
    ContainerState,
    ContainerStatusView,
    PodPhase,
    PodStatusView,
    PodView,
    Running,
    Terminated,
    Waiting,
    status_of,
)
from kubesim.policy.restart import all_containers_could_restart, container_should_restart

TERMINATION_MESSAGES_BYTES_MAX = 12 * 1024  # all containers of a pod together

_LOST = Terminated(exit_code=137, reason=STATUS_UNKNOWN, message=LOST_WHEN_TERMINATED)


def illegal_transition(
    pod: PodView, old: PodStatusView, new: PodStatusView, gates: Mapping[str, bool] = DEFAULT_GATES
) -> str | None:
    """The kubelet's error text when a container leaves the terminated state though it may not start again.

    The kubelet then drops the whole update. Mirrors checkContainerStateTransition.
    """
    if pod.restart_policy == "Always" or all_containers_could_restart(pod):
        return None
    lists = (
        ("container", pod.containers, old.container_statuses, new.container_statuses),
        ("init container", pod.init_containers, old.init_container_statuses, new.init_container_statuses),
    )
    for kind, containers, before, after in lists:
        for container in containers:
            if _leaves_terminated(pod, container, before, after, gates):
                return f"terminated {kind} {container.name} attempted illegal transition to non-terminated state"
    return None


def merge_pod_status(
    pod: PodView,
    *,
    api: PodStatusView,
    new: PodStatusView,
    could_have_running_containers: bool,
    now_ns: int,
    gates: Mapping[str, bool] = DEFAULT_GATES,
) -> PodStatusView:
    """The status to send, from the kubelet's (`new`) and the API's (`api`).

    Conditions of others come from the API and stand first. The terminal phase, with its reason, its message and
    DisruptionTarget, is held back while containers may still run. Mirrors mergePodStatus.
    """
    becomes_terminal = _is_terminal(new) and not _is_terminal(api)
    owned = owned_types(gates)
    merged, conditions = new, [one for one in api.conditions if one.type not in owned]
    if conditions or not owned.issuperset([one.type for one in new.conditions]):
        for condition in new.conditions:
            if condition.type in owned:
                conditions.append(condition)
            elif condition.type == DISRUPTION_TARGET and becomes_terminal and not could_have_running_containers:
                # Sent later than it was made, so its transition is dated anew.
                dated = with_transition_times((condition,), old=api, now_ns=now_ns, gates=gates)
                conditions = replaced_or_appended(conditions, dated[0])
        if tuple(conditions) != new.conditions:
            merged = replace(new, conditions=tuple(conditions))
    if becomes_terminal and could_have_running_containers:
        merged = replace(merged, phase=api.phase, reason=api.reason, message=api.message)
    return _unready_when_terminal(pod, merged, now_ns=now_ns, gates=gates)


def terminated_pod_status(pod: PodView, status: PodStatusView, *, api: PodStatusView) -> PodStatusView:
    """The last status of a pod whose termination is complete: nothing waits or runs, and the phase is terminal.

    `status` is the cached status (the API's when there is none). Containers whose end nobody saw count as failed,
    except those that never started. Mirrors TerminatePod.
    """
    statuses = status.container_statuses
    if _has_pod_initialized(pod, api):
        statuses = tuple(_ended(one) for one in statuses)
    started = _count_started(status.init_container_statuses)
    init_statuses = tuple(
        _ended(one) if index < started else one for index, one in enumerate(status.init_container_statuses)
    )
    phase = status.phase
    if not pod.is_static and not _is_terminal(status):
        phase = PodPhase.FAILED
    return replace(status, phase=phase, container_statuses=statuses, init_container_statuses=init_statuses)


def with_short_messages(pod: PodView, status: PodStatusView) -> PodStatusView:
    """The status with each termination message cut to its share of 12288 bytes, one share per container of the spec.

    Mirrors normalizeStatus.
    """
    count = len(pod.containers) + len(pod.init_containers) + len(pod.ephemeral_containers)
    bytes_max = TERMINATION_MESSAGES_BYTES_MAX // max(count, 1)
    if not _has_long_message(status, bytes_max):
        return status

    def short(state: ContainerState | None) -> ContainerState | None:
        if not isinstance(state, Terminated) or len(state.message.encode()) <= bytes_max:
            return state
        return replace(state, message=_first_bytes(state.message, bytes_max))

    def shortened(statuses: tuple[ContainerStatusView, ...]) -> tuple[ContainerStatusView, ...]:
        return tuple(replace(one, state=short(one.state), last_state=short(one.last_state)) for one in statuses)

    return replace(
        status,
        container_statuses=shortened(status.container_statuses),
        init_container_statuses=shortened(status.init_container_statuses),
        ephemeral_container_statuses=shortened(status.ephemeral_container_statuses),
    )


def _has_long_message(status: PodStatusView, bytes_max: int) -> bool:
    for statuses in (status.container_statuses, status.init_container_statuses, status.ephemeral_container_statuses):
        for one in statuses:
            for state in (one.state, one.last_state):
                if isinstance(state, Terminated) and len(state.message.encode()) > bytes_max:
                    return True
    return False


def _first_bytes(text: str, bytes_max: int) -> str:
    """The first bytes of a text; each byte of a character cut in two becomes U+FFFD, as Go's JSON encoder does it."""
    cut = text.encode()[:bytes_max].decode(errors="surrogateescape")
    return "".join("\ufffd" if "\udc80" <= character <= "\udcff" else character for character in cut)


def _is_terminal(status: PodStatusView) -> bool:
    return status.phase is not None and status.phase.is_terminal


def _leaves_terminated(
    pod: PodView,
    container: ContainerSpecView,
    before: tuple[ContainerStatusView, ...],
    after: tuple[ContainerStatusView, ...],
    gates: Mapping[str, bool],
) -> bool:
    old, new = status_of(before, container.name), status_of(after, container.name)
    if container.is_sidecar or old is None or new is None or not isinstance(old.state, Terminated):
        return False
    exit_code = old.state.exit_code
    if exit_code != 0 and pod.restart_policy == "OnFailure":
        return False
    if container_should_restart(container, pod_restart_policy=pod.restart_policy, exit_code=exit_code, gates=gates):
        return False
    return not isinstance(new.state, Terminated)


def _unready_when_terminal(
    pod: PodView, status: PodStatusView, *, now_ns: int, gates: Mapping[str, bool]
) -> PodStatusView:
    """A terminal phase is never shown together with Ready: the two forms of readiness are forced to False."""
    if status.phase is None or not status.phase.is_terminal:
        return status
    types = (CONTAINERS_READY, READY)
    found = (status.condition(condition_type) for condition_type in types)
    if not any(condition is not None and condition.status == "True" for condition in found):
        return status
    generated = tuple(terminal_condition(condition_type, status.phase) for condition_type in types)
    return replace(status, conditions=_updated(pod, status, generated, now_ns=now_ns, gates=gates))


def _updated(
    pod: PodView,
    status: PodStatusView,
    generated: tuple[Condition, ...],
    *,
    now_ns: int,
    gates: Mapping[str, bool],
) -> tuple[Condition, ...]:
    """The conditions of the status with these put in, each in its place or at the end."""
    if gate_enabled(gates, "PodObservedGenerationTracking"):
        generated = tuple(replace(one, observed_generation=pod.generation) for one in generated)
    conditions = list(status.conditions)
    for condition in with_transition_times(generated, old=status, now_ns=now_ns, gates=gates):
        conditions = replaced_or_appended(conditions, condition)
    return tuple(conditions)


def _has_pod_initialized(pod: PodView, api: PodStatusView) -> bool:
    """Whether the API shows that a regular container was ever started, or was about to be."""
    if not pod.init_containers:
        return True
    for status in api.container_statuses:
        if status.last_terminated is not None or not isinstance(status.state, Waiting):
            return True
    if not api.init_container_statuses:
        return False
    last = api.init_container_statuses[-1]
    if any(one.name == last.name and one.is_sidecar for one in pod.init_containers):
        return isinstance(last.state, Running) and bool(last.started)
    ends = (last.last_state, last.state)
    return any(isinstance(end, Terminated) and end.exit_code == 0 for end in ends)


def _count_started(statuses: tuple[ContainerStatusView, ...]) -> int:
    """How many init containers, from the first, were tried at least once; never less than one if there is any."""
    for count in range(len(statuses), 0, -1):
        status = statuses[count - 1]
        if status.last_terminated is not None or not isinstance(status.state, Waiting):
            return count
    return min(len(statuses), 1)


def _ended(status: ContainerStatusView) -> ContainerStatusView:
    return status if isinstance(status.state, Terminated) else replace(status, state=_LOST)
