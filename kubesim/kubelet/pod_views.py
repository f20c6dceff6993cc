"""Translates between the API's structs and the views that the rules of `policy/` read.

Spec and stored status become views; a generated status becomes the struct that is published.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from msgspec.structs import replace

from kubesim.kubelet.container_hash import container_hash
from kubesim.kubelet.shown_resources import ShownResources
from kubesim.model import k8s_v1 as v1
from kubesim.model.remembered import remembered
from kubesim.model.timestamps import format_rfc3339, format_rfc3339_nano, parse_rfc3339
from kubesim.policy import static_pod
from kubesim.policy.admission import is_critical_pod
from kubesim.policy.pod_view import (
    Condition,
    ContainerKind,
    ContainerSpecView,
    ContainerState,
    ContainerStatusView,
    ContainerUser,
    LinuxUser,
    PodPhase,
    PodStatusView,
    PodView,
    RestartRule,
    Running,
    Terminated,
    VolumeMountStatus,
    VolumeMountView,
    Waiting,
)
from kubesim.policy.static_pod import SOURCE_ANNOTATION

_PHASES: Mapping[str, PodPhase | None] = {"": None, **{str(one): one for one in PodPhase}}
FIRST_SEEN_ANNOTATION = "kubernetes.io/config.seen"


def is_static(pod: v1.Pod) -> bool:
    """Whether the pod came from a file on the node and not from the API server."""
    return static_pod.is_static(pod.metadata.annotations)


def is_critical(pod: v1.Pod) -> bool:
    """Whether the node works badly without the pod. Mirrors kubelet: pkg/kubelet/types/pod_update.go, IsCriticalPod."""
    is_mirror = static_pod.is_mirror(pod.metadata.annotations)
    return is_critical_pod(is_static=is_static(pod), is_mirror=is_mirror, priority=pod.spec.priority)


def from_api(pod: v1.Pod, *, seen_ns: int, known: v1.Pod | None = None) -> v1.Pod:
    """The kubelet's copy of a pod of the API server: its own notes about the source replace what a user wrote there.

    `known` is the copy it has already, whose first sight counts. Mirrors upstream pkg/kubelet/config/config.go
    (updatePodsFunc, updateAnnotations).
    """
    return from_source("api", pod, seen_ns=seen_ns, known=known)


def from_source(source: str, pod: v1.Pod, *, seen_ns: int, known: v1.Pod | None = None) -> v1.Pod:
    """The same for any source, "api" or "file"."""
    first_seen = known.metadata.annotations.get(FIRST_SEEN_ANNOTATION) if known is not None else None
    notes = {FIRST_SEEN_ANNOTATION: first_seen or format_rfc3339_nano(seen_ns), SOURCE_ANNOTATION: source}
    annotations = {**pod.metadata.annotations, **notes}
    if known is not None and known.metadata.annotations == annotations:
        # The copies of a pod that live at a time share what none of them changes.
        annotations = known.metadata.annotations
    return replace(pod, metadata=replace(pod.metadata, annotations=annotations))


def pod_key(pod: v1.Pod) -> str:
    """namespace/name."""
    return f"{pod.metadata.namespace}/{pod.metadata.name}"


@remembered
def pod_view(pod: v1.Pod) -> PodView:
    """The part of a pod that status and actions depend on."""
    return _newest_view(pod.spec).of(pod)


class _NewestView:
    """The view of the newest version of a pod with a spec: mostly that of the version before, with another status."""

    __slots__ = ("_view",)

    def __init__(self) -> None:
        self._view: PodView | None = None

    def of(self, pod: v1.Pod) -> PodView:
        """The view of this version."""
        meta, view = pod.metadata, self._view
        if (
            view is None
            or view.uid != meta.uid
            or view.generation != meta.generation
            or view.is_deletion_requested is (meta.deletion_timestamp is None)
            or view.is_static is not is_static(pod)
            or view.name != meta.name
            or view.namespace != meta.namespace
        ):
            self._view = view = _pod_view(pod)
        return view


@remembered
def _newest_view(_spec: v1.PodSpec) -> _NewestView:
    return _NewestView()


def _pod_view(pod: v1.Pod) -> PodView:
    meta, spec, containers = pod.metadata, pod.spec, _container_views(pod.spec)
    return PodView(
        name=meta.name,
        namespace=meta.namespace,
        uid=meta.uid,
        generation=meta.generation,
        restart_policy=spec.restart_policy or "Always",
        containers=containers.regular,
        init_containers=containers.init,
        ephemeral_containers=containers.ephemeral,
        image_volumes=tuple(one.name for one in spec.volumes if one.image is not None),
        host_network=spec.host_network,
        readiness_gates=tuple(gate.condition_type for gate in spec.readiness_gates),
        is_static=is_static(pod),
        is_deletion_requested=meta.deletion_timestamp is not None,
    )


class _ContainerViews(NamedTuple):
    regular: tuple[ContainerSpecView, ...]
    init: tuple[ContainerSpecView, ...]
    ephemeral: tuple[ContainerSpecView, ...]


@remembered
def _container_views(spec: v1.PodSpec) -> _ContainerViews:
    """The containers of all versions of a pod with this spec: a new status makes another pod, with the same spec."""
    return _ContainerViews(
        regular=tuple(_container_view(one, ContainerKind.REGULAR) for one in spec.containers),
        init=tuple(
            _container_view(one, ContainerKind.SIDECAR if one.restart_policy == "Always" else ContainerKind.INIT)
            for one in spec.init_containers
        ),
        ephemeral=tuple(_container_view(one, ContainerKind.EPHEMERAL) for one in spec.ephemeral_containers),
    )


def _container_view(container: v1.Container | v1.EphemeralContainer, kind: ContainerKind) -> ContainerSpecView:
    return ContainerSpecView(
        name=container.name,
        kind=kind,
        image=container.image,
        restart_policy=container.restart_policy,
        restart_rules=tuple(
            RestartRule(
                action=rule.action,
                operator=rule.exit_codes.operator if rule.exit_codes else "In",
                exit_codes=tuple(rule.exit_codes.values) if rule.exit_codes else (),
            )
            for rule in container.restart_policy_rules
        ),
        has_startup_probe=container.startup_probe is not None,
        has_readiness_probe=container.readiness_probe is not None,
        has_liveness_probe=container.liveness_probe is not None,
        hash=container_hash(container.name, container.image),
        volume_mounts=tuple(
            VolumeMountView(
                name=mount.name,
                mount_path=mount.mount_path,
                read_only=mount.read_only,
                recursive_read_only=mount.recursive_read_only,
                propagation=mount.mount_propagation,
            )
            for mount in container.volume_mounts
        ),
    )


@remembered
def status_view(status: v1.PodStatus) -> PodStatusView:
    """A stored status as the rules read it."""
    return PodStatusView(
        phase=_PHASES[status.phase],
        reason=status.reason,
        message=status.message,
        conditions=tuple(_condition_view(one) for one in status.conditions),
        container_statuses=tuple(_container_status_view(one) for one in status.container_statuses),
        init_container_statuses=tuple(_container_status_view(one) for one in status.init_container_statuses),
        ephemeral_container_statuses=tuple(_container_status_view(one) for one in status.ephemeral_container_statuses),
    )


def phase_of(status: v1.PodStatus) -> PodPhase | None:
    """The phase, None where there is none yet."""
    return _PHASES[status.phase]


def others_view(status: v1.PodStatus, owned: frozenset[str]) -> PodStatusView:
    """What a kubelet reads in the API's status of a pod that it has a status of: the phase, and others' conditions.

    The rest is what it wrote there itself. `owned` are the types of the conditions that it alone writes.
    """
    return PodStatusView(
        phase=_PHASES[status.phase],
        reason=status.reason,
        message=status.message,
        conditions=tuple([_condition_view(one) for one in status.conditions if one.type not in owned]),
    )


def _condition_view(condition: v1.PodCondition) -> Condition:
    return Condition(
        type=condition.type,
        status=condition.status,
        reason=condition.reason,
        message=condition.message,
        observed_generation=condition.observed_generation or None,
        last_transition_ns=_nanoseconds(condition.last_transition_time),
        last_probe_ns=_nanoseconds(condition.last_probe_time),
    )


def _container_status_view(status: v1.ContainerStatus) -> ContainerStatusView:
    user = None
    if status.user is not None:
        linux = status.user.linux
        user = ContainerUser(
            linux=None
            if linux is None
            else LinuxUser(uid=linux.uid, gid=linux.gid, supplemental_groups=tuple(linux.supplemental_groups))
        )
    return ContainerStatusView(
        name=status.name,
        state=_state_view(status.state),
        last_state=_state_view(status.last_state),
        ready=status.ready,
        started=status.started,
        restart_count=status.restart_count,
        image=status.image,
        image_id=status.image_id,
        container_id=status.container_id,
        volume_mounts=tuple(
            VolumeMountStatus(
                name=mount.name,
                mount_path=mount.mount_path,
                read_only=mount.read_only,
                recursive_read_only=mount.recursive_read_only,
                image_ref=_image_ref(mount),
            )
            for mount in status.volume_mounts
        ),
        user=user,
        stop_signal=status.stop_signal,
    )


def _image_ref(mount: v1.VolumeMountStatus) -> str:
    image = mount.volume_status.image if mount.volume_status is not None else None
    return image.image_ref if image is not None else ""


def _volume_status(image_ref: str) -> v1.VolumeStatus | None:
    return v1.VolumeStatus(image=v1.ImageVolumeStatus(image_ref=image_ref)) if image_ref else None


def _state_view(state: v1.ContainerState) -> ContainerState | None:
    if state.waiting is not None:
        return Waiting(reason=state.waiting.reason, message=state.waiting.message)
    if state.running is not None:
        return Running(started_at_ns=_nanoseconds(state.running.started_at))
    if state.terminated is not None:
        end = state.terminated
        return Terminated(
            exit_code=end.exit_code,
            reason=end.reason,
            message=end.message,
            started_at_ns=_nanoseconds(end.started_at),
            finished_at_ns=_nanoseconds(end.finished_at),
            container_id=end.container_id,
        )
    return None


def condition_struct(condition: Condition) -> v1.PodCondition:
    """A condition as the API writes it."""
    return v1.PodCondition(
        type=condition.type,
        status=condition.status,
        reason=condition.reason,
        message=condition.message,
        observed_generation=condition.observed_generation or 0,
        last_transition_time=_timestamp(condition.last_transition_ns),
        last_probe_time=_timestamp(condition.last_probe_ns),
    )


def container_status_struct(status: ContainerStatusView, resources: ShownResources | None = None) -> v1.ContainerStatus:
    """A container status as the API writes it."""
    user = None
    if status.user is not None:
        linux = status.user.linux
        user = v1.ContainerUser(
            linux=None
            if linux is None
            else v1.LinuxContainerUser(
                uid=linux.uid, gid=linux.gid, supplemental_groups=list(linux.supplemental_groups)
            )
        )
    return v1.ContainerStatus(
        name=status.name,
        state=_state_struct(status.state),
        last_state=_state_struct(status.last_state),
        ready=status.ready,
        started=status.started,
        restart_count=status.restart_count,
        image=status.image,
        image_id=status.image_id,
        container_id=status.container_id,
        volume_mounts=[
            v1.VolumeMountStatus(
                name=mount.name,
                mount_path=mount.mount_path,
                read_only=mount.read_only,
                recursive_read_only=mount.recursive_read_only,
                volume_status=_volume_status(mount.image_ref),
            )
            for mount in status.volume_mounts
        ],
        user=user,
        stop_signal=status.stop_signal,
        resources=resources.resources if resources else None,
        allocated_resources=dict(resources.allocated) if resources else {},
    )


def _state_struct(state: ContainerState | None) -> v1.ContainerState:
    match state:
        case None:
            return v1.ContainerState()
        case Terminated():
            return v1.ContainerState(
                terminated=v1.ContainerStateTerminated(
                    exit_code=state.exit_code,
                    reason=state.reason,
                    message=state.message,
                    started_at=_timestamp(state.started_at_ns),
                    finished_at=_timestamp(state.finished_at_ns),
                    container_id=state.container_id,
                )
            )
        case Waiting():
            return v1.ContainerState(waiting=v1.ContainerStateWaiting(reason=state.reason, message=state.message))
        case Running():
            return v1.ContainerState(running=v1.ContainerStateRunning(started_at=_timestamp(state.started_at_ns)))


def _nanoseconds(time: str | None) -> int | None:
    return None if time is None else parse_rfc3339(time)


def _timestamp(time_ns: int | None) -> str | None:
    return None if time_ns is None else format_rfc3339(time_ns)
