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
from kubesim.kubelet.volumes import volume_plugin
from kubesim.model import k8s_v1 as v1
from kubesim.model.pod_resources import pod_limits, weighed_requests
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
        self,
        kernel: Kernel,
        client: CriClient,
        host_files: HostFiles,
        directories: PodDirectories,
        *,
        period_ns: int,
        uses_pod_level: bool,
    ) -> None:
        """`uses_pod_level`: the gate PodLevelResources is on."""
        self._kernel = kernel
        self._client = client
        self._host_files = host_files
        self._directories = directories
        self._period_ns = period_ns
        self._uses_pod_level = uses_pod_level
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

    @property
    def is_empty(self) -> bool:
        """Whether nothing was measured that would have to be forgotten."""
        return not self._volumes

    def forget_others(self, pods: Sequence[v1.Pod]) -> None:
        """Only these pods are left."""
        if self._volumes:
            left = {pod.metadata.uid for pod in pods}
            self._volumes = {uid: sample for uid, sample in self._volumes.items() if uid in left}

    def _use(self, pod: v1.Pod, stats: Mapping[str, api.ContainerStats]) -> PodUse:
        own = {name: self._used(pod, name, one) for name, one in stats.items()}
        regular = {one.name for one in pod.spec.containers}
        containers = tuple(
            _container(spec, own[spec.name], has_own_limit=spec.name in regular)
            for spec in (*pod.spec.containers, *pod.spec.init_containers)
            if spec.name in own
        )
        volumes = self._volumes_of(pod)
        level = pod.spec.resources
        requested = level.requests.get("memory") if level is not None else None
        return PodUse(
            uid=pod.metadata.uid,
            name=pod.metadata.name,
            priority=pod.spec.priority or 0,
            is_measured=bool(stats),
            memory_bytes=sum(memory_bytes for memory_bytes, _ in own.values()),
            storage_bytes=sum(storage_bytes for _, storage_bytes in own.values())
            + sum(one.used_bytes for one in volumes if one.is_on_disk),
            requests={
                name: amount.value
                for name, amount in weighed_requests(pod.spec, uses_pod_level=self._uses_pod_level).items()
            },
            pod_memory_request=parse_quantity(requested) if requested is not None else None,
            storage_limit=pod_limits(pod.spec, uses_pod_level=False).get(_STORAGE),
            containers=containers,
            volumes=volumes,
        )

    def _used(self, pod: v1.Pod, name: str, stats: api.ContainerStats) -> tuple[int, int]:
        """Bytes of memory and of storage of one container."""
        logs_bytes = self._tree_bytes(self._directories.container_logs(pod, name))
        return int(stats.memory.working_set_bytes.value), int(stats.writable_layer.used_bytes.value) + logs_bytes

    def _volumes_of(self, pod: v1.Pod) -> tuple[VolumeUse, ...]:
        uid, now_ns = pod.metadata.uid, self._kernel.now_ns
        own = {one.name: one for one in pod.spec.volumes if one.empty_dir is not None or one.config_map is not None}
        if not own:
            return ()
        sample = self._volumes.get(uid)
        if sample is None or sample.due_ns <= now_ns:
            used = {
                name: self._tree_bytes(self._directories.volume(uid, volume_plugin(volume), name))
                for name, volume in own.items()
            }
            due_ns = now_ns + self._prng.jittered(self._period_ns, VOLUME_JITTER)
            sample = self._volumes[uid] = _VolumeSample(used, due_ns)
        return tuple(
            VolumeUse(
                name=name,
                used_bytes=sample.used_bytes[name],
                size_limit=_size_limit(volume),
                is_on_disk=volume.empty_dir is None or not volume.empty_dir.medium,
            )
            for name, volume in own.items()
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


def _container(spec: v1.Container, used: tuple[int, int], *, has_own_limit: bool) -> ContainerUse:
    limit = spec.resources.limits.get(_STORAGE) if has_own_limit else None
    memory_bytes, storage_bytes = used
    return ContainerUse(
        name=spec.name,
        memory_bytes=memory_bytes,
        storage_bytes=storage_bytes,
        requests={name: parse_quantity(amount) for name, amount in spec.resources.requests.items()},
        storage_limit=parse_quantity(limit) if limit is not None else None,
    )


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
