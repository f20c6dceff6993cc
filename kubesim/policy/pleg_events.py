"""What changed in a pod between two looks at the runtime, as events. Pure.

Mirrors kubelet: pkg/kubelet/pleg/generic.go (convertState, generateEvents, computeEvents, getContainersFromPods,
reconcilePodRecord) and pkg/kubelet/pleg/evented.go (processCRIEvent).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum

from msgspec import Struct

from kubesim.policy.pod_view import RuntimeState

NON_EXISTENT = "non-existent"
CHANNEL_CAPACITY = 1000
"""Events that may wait for the sync loop; what comes on top is discarded."""


class PlegEventKind(StrEnum):
    """What happened to a container or sandbox; POD_SYNC is about the pod as a whole."""

    STARTED = "ContainerStarted"
    DIED = "ContainerDied"
    REMOVED = "ContainerRemoved"
    CHANGED = "ContainerChanged"
    POD_SYNC = "PodSync"

    @property
    def asks_for_sync(self) -> bool:
        """Whether the pod is synced for it: a removal is the kubelet's own doing. Mirrors isSyncPodWorthy."""
        return self is not PlegEventKind.REMOVED


class ContainerEventKind(StrEnum):
    """What a runtime says of a container or sandbox in its stream of events."""

    CREATED = "CONTAINER_CREATED_EVENT"
    STARTED = "CONTAINER_STARTED_EVENT"
    STOPPED = "CONTAINER_STOPPED_EVENT"
    DELETED = "CONTAINER_DELETED_EVENT"


class PlegEvent(Struct, frozen=True, kw_only=True, gc=False):
    """One change of one container or sandbox of a pod; no container id for POD_SYNC."""

    uid: str
    kind: PlegEventKind
    container_id: str = ""


_STATES = {RuntimeState.RUNNING: "running", RuntimeState.EXITED: "exited"}


def pleg_state(state: RuntimeState) -> str:
    """A container's state as the PLEG compares it; one that was only created is not known yet."""
    return _STATES.get(state, "unknown")


def container_changes(old: str, new: str) -> tuple[PlegEventKind, ...]:
    """What happened to one container or sandbox whose state was `old` and is `new`."""
    if old == new:
        return ()
    if new == "running":
        return (PlegEventKind.STARTED,)
    if new == "exited":
        return (PlegEventKind.DIED,)
    if new == "unknown":
        return (PlegEventKind.CHANGED,)
    if old == "exited":
        return (PlegEventKind.REMOVED,)
    return (PlegEventKind.DIED, PlegEventKind.REMOVED)


def pod_changes(uid: str, old: Mapping[str, str], new: Mapping[str, str]) -> tuple[PlegEvent, ...]:
    """All changes of a pod. Both sides are states by container or sandbox id; known ones come before new ones."""
    changes = []
    for one in {**old, **new}:
        before, after = old.get(one, NON_EXISTENT), new.get(one, NON_EXISTENT)
        if before != after:
            changes += [PlegEvent(uid=uid, kind=kind, container_id=one) for kind in container_changes(before, after)]
    return tuple(changes)


def told_events(uid: str, changes: Sequence[PlegEvent]) -> tuple[PlegEvent, ...]:
    """What is told of a pod once the cache shows it: a pod that was only inspected once more is synced as well.

    Changes to an unknown state are not reliable, and nobody is told of them.
    """
    if not changes:
        return (PlegEvent(uid=uid, kind=PlegEventKind.POD_SYNC),)
    return tuple(one for one in changes if one.kind is not PlegEventKind.CHANGED)


def streamed_events(uid: str, kind: ContainerEventKind, container_id: str) -> tuple[PlegEvent, ...]:
    """What is told of an event that the runtime sent by itself."""
    kinds: dict[ContainerEventKind, tuple[PlegEventKind, ...]] = {
        ContainerEventKind.CREATED: (),
        ContainerEventKind.STARTED: (PlegEventKind.STARTED,),
        ContainerEventKind.STOPPED: (PlegEventKind.DIED,),
        ContainerEventKind.DELETED: (PlegEventKind.DIED, PlegEventKind.REMOVED),
    }
    return tuple(PlegEvent(uid=uid, kind=one, container_id=container_id) for one in kinds[kind])
