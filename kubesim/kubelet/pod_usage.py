"""What pods use of the node: memory and writable layers as the runtime tells them, logs and volumes as they lie.

A real kubelet takes memory from cAdvisor and the rest from the runtime's statistics and the disk.
Mirrors kubelet: pkg/kubelet/stats/cri_stats_provider.go and pkg/kubelet/server/stats/fs_resource_analyzer.go.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kubesim.cri import api
from kubesim.cri.client import CriClient
from kubesim.kernel import Kernel
from kubesim.kubelet.outside import HostFiles
from kubesim.kubelet.pod_directories import PodDirectories
from kubesim.kubelet.volumes import EMPTY_DIR
from kubesim.model import k8s_v1 as v1
from kubesim.model.pod_resources import aggregate_limits, aggregate_requests
from kubesim.model.quantity import Amount, parse_quantity
from kubesim.policy.eviction_order import ContainerUse, PodUse, VolumeUse

_STORAGE = "ephemeral-storage"
_UID_LABEL = "io.kubernetes.pod.uid"
_NAME_LABEL = "io.kubernetes.container.name"
VOLUME_JITTER = 1.0


@dataclass(slots=True)
class _VolumeSample:
    """What the volumes of a pod held when they were walked last."""

    used_bytes: Mapping[str, int]
    due_ns: int


class PodUsages:
    """Measures pods. Their volumes are walked once in a `period_ns`, jittered, as a walk is dear."""

    def __init__(
        self, kernel: Kernel, client: CriClient, host_files: HostFiles, directories: PodDirectories, *, period_ns: int
    ) -> None:
        self._kernel = kernel
        self._client = client
        self._host_files = host_files
        self._directories = directories
        self._period_ns = period_ns
        self._prng = kernel.random.fork("volume statistics")
        self._volumes: dict[str, _VolumeSample] = {}

    async def measure(self, pods: Sequence[v1.Pod]) -> list[PodUse]:
        """What each pod uses, in the order given. Raises CriError."""
        answer = await self._client.list_container_stats(api.ListContainerStatsRequest())
        by_pod: dict[str, dict[str, api.ContainerStats]] = {}
        for one in answer.stats:
            labels = one.attributes.labels
            by_pod.setdefault(labels.get(_UID_LABEL, ""), {})[labels.get(_NAME_LABEL, "")] = one
        return [self._use(pod, by_pod.get(pod.metadata.uid, {})) for pod in pods]

    def forget_others(self, pods: Sequence[v1.Pod]) -> None:
        """Only these pods are left."""
        if self._volumes:
            left = {pod.metadata.uid for pod in pods}
            self._volumes = {uid: sample for uid, sample in self._volumes.items() if uid in left}

    def _use(self, pod: v1.Pod, stats: Mapping[str, api.ContainerStats]) -> PodUse:
        containers = tuple(
            self._container(pod, spec, stats[spec.name])
            for spec in (*pod.spec.containers, *pod.spec.init_containers)
            if spec.name in stats
        )
        volumes = self._volumes_of(pod)
        level = pod.spec.resources
        requested = level.requests.get("memory") if level is not None else None
        limit = aggregate_limits(pod.spec).get(_STORAGE)
        return PodUse(
            uid=pod.metadata.uid,
            name=pod.metadata.name,
            priority=pod.spec.priority or 0,
            is_measured=bool(stats),
            memory_bytes=sum(one.memory_bytes or 0 for one in containers),
            storage_bytes=sum(one.storage_bytes or 0 for one in containers) + sum(one.used_bytes for one in volumes),
            requests={name: amount.value for name, amount in aggregate_requests(pod.spec).items()},
            pod_memory_request=parse_quantity(requested) if requested is not None else None,
            storage_limit=limit,
            containers=containers,
            volumes=volumes,
        )

    def _container(self, pod: v1.Pod, spec: v1.Container, stats: api.ContainerStats) -> ContainerUse:
        limit = spec.resources.limits.get(_STORAGE)
        logs = self._directories.container_logs(pod, spec.name)
        return ContainerUse(
            name=spec.name,
            memory_bytes=int(stats.memory.working_set_bytes.value),
            storage_bytes=int(stats.writable_layer.used_bytes.value) + self._tree_bytes(logs),
            requests={name: parse_quantity(amount) for name, amount in spec.resources.requests.items()},
            storage_limit=parse_quantity(limit) if limit is not None else None,
        )

    def _volumes_of(self, pod: v1.Pod) -> tuple[VolumeUse, ...]:
        uid, now_ns = pod.metadata.uid, self._kernel.now_ns
        on_disk = [
            volume for volume in pod.spec.volumes if volume.empty_dir is not None and not volume.empty_dir.medium
        ]
        if not on_disk:
            return ()
        sample = self._volumes.get(uid)
        if sample is None or sample.due_ns <= now_ns:
            used = {
                volume.name: self._tree_bytes(self._directories.volume(uid, EMPTY_DIR, volume.name))
                for volume in on_disk
            }
            due_ns = now_ns + self._prng.jittered(self._period_ns, VOLUME_JITTER)
            sample = self._volumes[uid] = _VolumeSample(used, due_ns)
        return tuple(
            VolumeUse(name=volume.name, used_bytes=sample.used_bytes[volume.name], size_limit=_size_limit(volume))
            for volume in on_disk
        )

    def _tree_bytes(self, path: str) -> int:
        """The files below a directory; a file counts once."""
        match self._host_files.kind(path):
            case "directory":
                return sum(self._tree_bytes(f"{path}/{name}") for name in self._host_files.list_dir(path))
            case "file":
                return len(self._host_files.read(path) or b"")
            case _:
                return 0


def has_storage_limits(pod: v1.Pod) -> bool:
    """Whether the pod can be ended for what it stores, however much the node has left."""
    return any(
        volume.empty_dir is not None and volume.empty_dir.size_limit is not None for volume in pod.spec.volumes
    ) or any(_STORAGE in one.resources.limits for one in (*pod.spec.containers, *pod.spec.init_containers))


def _size_limit(volume: v1.Volume) -> Amount | None:
    empty_dir = volume.empty_dir
    if empty_dir is None or empty_dir.size_limit is None:
        return None
    return parse_quantity(empty_dir.size_limit)
