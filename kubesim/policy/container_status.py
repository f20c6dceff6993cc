"""The status entry of every container, from the runtime's answers and from what the API showed before.

Four steps, in the kubelet's order: a default for each container of the spec, containers that the runtime lost,
containers that the runtime knows, containers that failed to start.

Mirrors kubelet: pkg/kubelet/kubelet_pods.go, convertToAPIContainerStatuses.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never

from msgspec import Struct, field
from msgspec.structs import replace

from kubesim.policy.feature_gates import DEFAULT_GATES, gate_enabled
from kubesim.policy.image_volume_digest import mounts_with_digests
from kubesim.policy.kubelet_fixes import IMAGE_VOLUME_DIGEST
from kubesim.policy.pod_phase import RESTARTING_ALL_CONTAINERS
from kubesim.policy.pod_view import (
    ContainerKind,
    ContainerSpecView,
    ContainerState,
    ContainerStatusView,
    PodView,
    Running,
    RuntimeContainer,
    RuntimePod,
    RuntimeState,
    Terminated,
    VolumeMountStatus,
    Waiting,
    status_of,
)
from kubesim.policy.recursive_read_only import volume_mount_statuses
from kubesim.policy.restart import should_container_be_restarted

CONTAINER_CREATING = "ContainerCreating"
POD_INITIALIZING = "PodInitializing"
STATUS_UNKNOWN = "ContainerStatusUnknown"
LOST_WHEN_TERMINATED = "The container could not be located when the pod was terminated"

_LOST_WHEN_DELETED = "The container could not be located when the pod was deleted.  The container used to be Running"
_REMOVED_TO_RESTART = "The container is removed because RestartAllContainers in place"
_INFERRED_COMPLETION = (
    "Unable to get init container status from container runtime and pod has been initialized, "
    "treat it as exited normally"
)
_LOST_EXIT_CODE = 137
_INIT_KINDS = frozenset({ContainerKind.INIT, ContainerKind.SIDECAR})


class StatusInputs(Struct, frozen=True, kw_only=True, gc=False):
    """What the three lists of one generated status share.

    `start_errors` is the kubelet's reason cache for this pod: container name -> the waiting state of its last failed
    start. `is_restarting_all` is restart.should_all_containers_restart. `runtime_supports_rro` says whether the pod's
    runtime handler makes recursive read-only mounts.
    """

    pod: PodView
    runtime: RuntimePod
    start_errors: Mapping[str, Waiting]
    is_restarting_all: bool = False
    runtime_supports_rro: bool = False
    fixes: frozenset[str] = frozenset()
    gates: Mapping[str, bool] = field(default_factory=lambda: DEFAULT_GATES)


def container_statuses(
    inputs: StatusInputs,
    containers: tuple[ContainerSpecView, ...],
    old: tuple[ContainerStatusView, ...],
) -> tuple[ContainerStatusView, ...]:
    """The status list of one of the pod's three container lists.

    `containers` are the pod's regular, init or ephemeral containers, `old` the same list of the status manager's cached
    status (the API's when there is none). `ready` is still false, and `started` is only what was carried over: the
    prober fills both afterwards (container_readiness). Regular and ephemeral lists come sorted by name, the init list
    in spec order.
    """
    if not containers:
        return ()
    statuses = []
    for container in containers:
        previous = status_of(old, container.name)
        known = [one for one in inputs.runtime.containers if one.name == container.name]
        if known:
            status = _known_to_runtime(inputs, container, known, previous)
        else:
            status = _missing_from_runtime(inputs, _default(inputs, container, previous), previous)
        statuses.append(_after_failed_start(inputs, container, status, known[0] if known else None))
    if len(statuses) > 1 and containers[0].kind not in _INIT_KINDS:
        statuses.sort(key=lambda status: status.name)
    return tuple(statuses)


def _default(
    inputs: StatusInputs, container: ContainerSpecView, previous: ContainerStatusView | None
) -> ContainerStatusView:
    """Step 1: the entry of a container of which nothing else is known."""
    if previous is not None and isinstance(previous.state, Terminated):
        return previous
    # One init container anywhere in the pod gives every container this reason, the init containers included.
    reason = POD_INITIALIZING if inputs.pod.init_containers else CONTAINER_CREATING
    return ContainerStatusView(
        name=container.name,
        image=container.image,
        state=Waiting(reason=reason),
        restart_count=previous.restart_count if previous is not None else 0,
        last_state=previous.last_state if previous is not None else None,
        volume_mounts=_mounts_of_spec(inputs, container),
    )


def _missing_from_runtime(
    inputs: StatusInputs, status: ContainerStatusView, previous: ContainerStatusView | None
) -> ContainerStatusView:
    """Step 2: the runtime does not know the container (any more)."""
    if previous is None:
        return status
    restart_all = gate_enabled(inputs.gates, "RestartAllContainersOnContainerExits")
    if restart_all and inputs.is_restarting_all and not isinstance(previous.state, Waiting):
        return replace(
            status,
            state=Waiting(reason=RESTARTING_ALL_CONTAINERS, message=_REMOVED_TO_RESTART),
            last_state=Terminated(
                exit_code=_LOST_EXIT_CODE, reason=RESTARTING_ALL_CONTAINERS, message=_REMOVED_TO_RESTART
            ),
            restart_count=previous.restart_count + 1,
        )
    if not isinstance(previous.state, Running) or status.last_terminated is not None:
        return status
    # It ran and vanished. A made-up last state keeps the pod from falling back to Pending.
    lost = Terminated(exit_code=_LOST_EXIT_CODE, reason=STATUS_UNKNOWN, message=_LOST_WHEN_DELETED)
    added = 0 if inputs.pod.is_deletion_requested else 1
    return replace(status, last_state=lost, restart_count=status.restart_count + added)


def _known_to_runtime(
    inputs: StatusInputs,
    spec: ContainerSpecView,
    newest_first: list[RuntimeContainer],
    previous: ContainerStatusView | None,
) -> ContainerStatusView:
    """Step 3: the runtime knows the container; the one before the newest gives the last state."""
    container, gates = newest_first[0], inputs.gates
    restart_all = gate_enabled(gates, "RestartAllContainersOnContainerExits")
    state, restart_count = _converted_state(inputs, container, previous, restart_all=restart_all)
    last_state, started = None, None
    if len(newest_first) > 1:
        last_state, _ = _converted_state(inputs, newest_first[1], previous, restart_all=restart_all)
    elif previous is not None and restart_all:
        last_state = _carried_last_state(container, previous)
    if previous is not None and container.state is RuntimeState.RUNNING:
        started = None if gate_enabled(gates, "ChangeContainerStatusOnKubeletRestart") else previous.started
    return ContainerStatusView(
        name=container.name,
        state=state,
        last_state=last_state,
        started=started,
        restart_count=restart_count,
        image=container.image,
        image_id=container.image_ref,
        container_id=container.id,
        volume_mounts=_known_mounts(inputs, spec, container, previous),
        user=container.user if gate_enabled(gates, "SupplementalGroupsPolicy") else None,
        stop_signal=container.stop_signal if gate_enabled(gates, "ContainerStopSignals") else None,
    )


def _known_mounts(
    inputs: StatusInputs,
    spec: ContainerSpecView,
    container: RuntimeContainer,
    previous: ContainerStatusView | None,
) -> tuple[VolumeMountStatus, ...]:
    """CRI does not know the names of volumes, so the mounts can only be carried over, with what image volumes show."""
    mounts = previous.volume_mounts if previous is not None else ()
    if not inputs.pod.image_volumes or not gate_enabled(inputs.gates, "ImageVolumeWithDigest"):
        return mounts
    if previous is None and IMAGE_VOLUME_DIGEST in inputs.fixes:
        mounts = _mounts_of_spec(inputs, spec)
    return mounts_with_digests(mounts, inputs.pod.image_volumes, container.image_mounts, inputs.fixes)


def _mounts_of_spec(inputs: StatusInputs, spec: ContainerSpecView) -> tuple[VolumeMountStatus, ...]:
    if not gate_enabled(inputs.gates, "RecursiveReadOnlyMounts"):
        return ()
    return volume_mount_statuses(spec.volume_mounts, runtime_supports_it=inputs.runtime_supports_rro)


def _converted_state(
    inputs: StatusInputs, container: RuntimeContainer, previous: ContainerStatusView | None, *, restart_all: bool
) -> tuple[ContainerState, int]:
    """The state of one runtime container, and the restart count that goes with it.

    `restart_all` is the gate RestartAllContainersOnContainerExits.
    """
    counted = previous.restart_count if previous is not None else 0
    count = max(container.restart_count, counted) if restart_all else container.restart_count
    match container.state:
        case RuntimeState.RUNNING:
            was_terminated = previous is not None and isinstance(previous.state, Terminated)
            if restart_all and was_terminated and counted >= container.restart_count:
                count = counted + 1
            return Running(started_at_ns=container.started_at_ns), count
        case RuntimeState.EXITED:
            return terminated_state(container), count
        case RuntimeState.CREATED:
            return Waiting(), count
        case RuntimeState.UNKNOWN:
            if previous is None or not isinstance(previous.state, Running):
                return Waiting(), count
            reason = RESTARTING_ALL_CONTAINERS if restart_all and inputs.is_restarting_all else STATUS_UNKNOWN
            lost = Terminated(exit_code=_LOST_EXIT_CODE, reason=reason, message=LOST_WHEN_TERMINATED)
            return lost, counted + 1
        case _:
            assert_never(container.state)


def terminated_state(container: RuntimeContainer) -> Terminated:
    """state.terminated of an exited runtime container."""
    return Terminated(
        exit_code=container.exit_code,
        reason=container.reason,
        message=container.message,
        started_at_ns=container.started_at_ns,
        finished_at_ns=container.finished_at_ns,
        container_id=container.id,
    )


def _carried_last_state(container: RuntimeContainer, previous: ContainerStatusView) -> ContainerState | None:
    """RestartAllContainers removes the old container from the runtime, so its end must be remembered here."""
    if previous.container_id != container.id and isinstance(previous.state, Terminated):
        return previous.state
    return previous.last_terminated


def _after_failed_start(
    inputs: StatusInputs, container: ContainerSpecView, status: ContainerStatusView, newest: RuntimeContainer | None
) -> ContainerStatusView:
    """Step 4: a container that should start but could not is Waiting, with the reason of its failed start.

    Without such a reason it keeps its state: a crashed container is Terminated first, and CrashLoopBackOff only after
    the next attempt was held back.
    """
    if container.kind in _INIT_KINDS:
        if newest is not None and newest.state is RuntimeState.EXITED and newest.exit_code == 0:
            return status
        is_lost = newest is None and not container.is_sidecar and isinstance(status.state, Waiting)
        if is_lost and has_any_regular_container_created(inputs.pod, inputs.runtime):
            completed = Terminated(exit_code=0, reason="Completed", message=_INFERRED_COMPLETION)
            return replace(status, state=completed)
    error = inputs.start_errors.get(container.name)
    if error is None or not should_container_be_restarted(container, inputs.pod, inputs.runtime, inputs.gates):
        return status
    last_state = status.state if isinstance(status.state, Terminated) else status.last_state
    return replace(status, state=error, last_state=last_state)


def has_any_regular_container_created(pod: PodView, runtime: RuntimePod) -> bool:
    """Whether the runtime knows the state of any regular container: then the init containers were done once.

    Mirrors kubelet: pkg/kubelet/kuberuntime/kuberuntime_container.go, hasAnyRegularContainerCreated.
    """
    newest = (runtime.newest(container.name) for container in pod.containers)
    return any(one is not None and one.state is not RuntimeState.UNKNOWN for one in newest)
