"""Whom does a node that is short of something end first, and with which words?

Mirrors kubelet: pkg/kubelet/eviction/helpers.go (rankMemoryPressure, rankDiskPressureFunc, rankPIDPressure,
evictionMessage) and eviction_manager.go (emptyDirLimitEviction, podEphemeralStorageLimitEviction,
containerEphemeralStorageLimitEviction).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from kubesim.model.quantity import Amount, format_bytes
from kubesim.policy.eviction_thresholds import RESOURCES, Observation, Threshold, available_text
from kubesim.policy.go_quote import go_quote

EVICTED_REASON = "Evicted"
HARD_GRACE_SECONDS = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerUse:
    """What a container uses, in bytes, and what it asked for. None: it has no numbers, because it does not run.

    `storage_bytes` is its writable layer and its logs. Requests are amounts by resource, limits likewise; only a
    regular container is kept to a limit of storage of its own.
    """

    name: str
    memory_bytes: int | None = None
    storage_bytes: int | None = None
    requests: Mapping[str, Amount] = field(default_factory=dict)
    storage_limit: Amount | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeUse:
    """What a local volume holds, in bytes. `size_limit` of an emptyDir, None or 0: as much as it wants.

    `is_on_disk` False: it lies in memory, and is no storage of the pod.
    """

    name: str
    used_bytes: int
    size_limit: Amount | None = None
    is_on_disk: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class PodUse:
    """What a pod uses, and what counts for its rank. Requests are whole units of the pod's effective requests.

    `storage_bytes` is what its containers, their logs and its local volumes take. `is_measured` is whether the node
    has any numbers of it. `pod_memory_request` is a memory request of the pod itself.
    """

    uid: str
    name: str
    priority: int = 0
    is_measured: bool = True
    memory_bytes: int = 0
    storage_bytes: int = 0
    processes: int = 0
    requests: Mapping[str, int] = field(default_factory=dict)
    pod_memory_request: Amount | None = None
    storage_limit: Amount | None = None
    containers: tuple[ContainerUse, ...] = ()
    volumes: tuple[VolumeUse, ...] = ()

    def used(self, resource: str) -> int:
        """Bytes of memory or of ephemeral-storage."""
        return self.memory_bytes if resource == "memory" else self.storage_bytes


def eviction_rank(pods: Sequence[PodUse], signal: str) -> list[PodUse]:
    """The pods in the order of their eviction: those above their requests, then low priority, then the largest excess.

    A pod without numbers comes before the others. For process ids only priority and their number count.
    """
    resource = RESOURCES[signal]
    if resource == "pids":
        return sorted(pods, key=lambda one: (one.priority, one.is_measured, -one.processes))

    def rank(one: PodUse) -> tuple[bool, bool, int, int]:
        excess = one.used(resource) - one.requests.get(resource, 0)
        return one.is_measured, one.is_measured and excess <= 0, one.priority, -excess

    return sorted(pods, key=rank)


def eviction_grace_seconds(*, is_hard: bool, most_seconds: int, pod_seconds: int | None) -> int:
    """Of an eviction: a second when it is urgent, else the pod's own grace up to evictionMaxPodGracePeriod."""
    if is_hard:
        return HARD_GRACE_SECONDS
    return most_seconds if pod_seconds is None else min(most_seconds, pod_seconds)


def eviction_message(
    pod: PodUse,
    resource: str,
    met: Sequence[Threshold],
    observations: Mapping[str, Observation],
    *,
    names_pod: bool,
) -> tuple[str, dict[str, str]]:
    """The message of an eviction, which is also that of the pod's status, and the annotations of its event.

    `names_pod` is whether memory requests of the pod itself are known (gate PodLevelResources).
    """
    message = f"The node was low on resource: {resource}. "
    found = next(
        (one for one in met if RESOURCES[one.signal] == resource and one.signal in observations),
        None,
    )
    if found is not None:
        observed = observations[found.signal]
        message += f"Threshold quantity: {found.limit.text(observed.capacity)}, "
        message += f"available: {available_text(observed, resource)}. "
    if not pod.is_measured:
        return message, {}
    annotations: dict[str, str] = {}
    request = pod.pod_memory_request
    if resource == "memory" and names_pod and request is not None:
        used = format_bytes(pod.memory_bytes)
        message += f"Pod {pod.name} was using {used}, request is {request}, has larger consumption of memory. "
        annotations |= {"offending_pod": pod.name, "offending_pod_usage": used}
    names, usages = [], []
    for container in pod.containers:
        used_bytes = {"memory": container.memory_bytes, "ephemeral-storage": container.storage_bytes}.get(resource)
        asked = container.requests.get(resource, Amount(nano=0))
        if used_bytes is None or used_bytes * 10**9 <= asked.nano:
            continue
        used = format_bytes(used_bytes)
        message += f"Container {container.name} was using {used}, request is {asked}, "
        message += f"has larger consumption of {resource}. "
        names.append(container.name)
        usages.append(used)
    annotations |= {
        "offending_containers": ",".join(names),
        "offending_containers_usage": ",".join(usages),
        "starved_resource": resource,
    }
    return message, annotations


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitExceeded:
    """A limit of local storage that a pod is over: the message, and the signal that the metric counts it under."""

    message: str
    signal: str


def exceeded_storage_limit(pod: PodUse) -> LimitExceeded | None:
    """The first limit that a pod is over: of an emptyDir, of all its storage, of one container."""
    for volume in pod.volumes:
        limit = volume.size_limit
        if limit is not None and limit.nano > 0 and volume.used_bytes * 10**9 > limit.nano:
            message = f"Usage of EmptyDir volume {go_quote(volume.name)} exceeds the limit {go_quote(str(limit))}. "
            return LimitExceeded(message=message, signal="emptydirfs.limit")
    limit = pod.storage_limit
    if limit is not None and pod.storage_bytes * 10**9 > limit.nano:
        message = f"Pod ephemeral local storage usage exceeds the total limit of containers {limit}. "
        return LimitExceeded(message=message, signal="ephemeralpodfs.limit")
    for container in pod.containers:
        limit, used_bytes = container.storage_limit, container.storage_bytes
        if limit is not None and limit.nano > 0 and used_bytes is not None and used_bytes * 10**9 > limit.nano:
            message = f"Container {container.name} exceeded its local ephemeral storage limit {go_quote(str(limit))}. "
            return LimitExceeded(message=message, signal="ephemeralcontainerfs.limit")
    return None
