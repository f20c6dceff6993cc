"""Ends pods when the node is short of memory or disk, and pods that store more than they may.

    every 10 s    look at memory and disk; node conditions at once, evictions after the grace period of a threshold
    disk short    first all dead containers of ended pods and all unused images go
    still short   one pod is ended; the next pass follows once it is gone, or after 30 s

Mirrors kubelet: pkg/kubelet/eviction/eviction_manager.go.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from kubesim.cri.errors import CriError
from kubesim.errors import KubesimError
from kubesim.kernel import Beat, Idle, Kernel, Looks, sleep
from kubesim.kubelet.event_recorder import EventRecorder, node_reference
from kubesim.kubelet.event_reference import pod_reference
from kubesim.kubelet.klog import Klog
from kubesim.kubelet.metrics import EVICTIONS, Metrics
from kubesim.kubelet.node_shutdown_groups import KillPod
from kubesim.kubelet.outside import Disk, Memory
from kubesim.kubelet.pod_usage import PodUsages, has_storage_limits
from kubesim.kubelet.pod_views import is_critical, pod_key
from kubesim.kubelet.status_generation import ended_by_kubelet
from kubesim.model import k8s_v1 as v1
from kubesim.policy.eviction_order import (
    EVICTED_REASON,
    HARD_GRACE_SECONDS,
    PodUse,
    eviction_grace_seconds,
    eviction_message,
    eviction_rank,
    exceeded_storage_limit,
)
from kubesim.policy.eviction_thresholds import (
    ALLOCATABLE_MEMORY,
    CONTAINER_FS,
    IMAGE_FS,
    MEMORY,
    NODE_FS,
    RESOURCES,
    EvictionSettings,
    Observation,
    PressureMemory,
    Threshold,
    eviction_thresholds,
    first_to_reclaim,
    observe,
    thresholds_met,
)
from kubesim.policy.feature_gates import gate_enabled

MONITORING_NS = 10 * 10**9
CLEAN_UP_POLL_NS = 10**9
CLEAN_UP_POLLS_MAX = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeResources:
    """What the manager watches. `allocatable_memory_bytes` is what the cgroup of all pods may have; None: no limit."""

    disk: Disk
    memory: Memory
    memory_capacity_bytes: int
    allocatable_memory_bytes: int | None
    root_directory: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EvictionCollaborators:
    """The kubelet around the eviction manager. `make_room` are what may free disk space before a pod must go."""

    active_pods: Callable[[], Sequence[v1.Pod]]
    kill_pod: KillPod
    has_ended: Callable[[str], bool]
    make_room: Sequence[Callable[[], Awaitable[object]]]


_CALM = PressureMemory()


def _passes_in_vain(_: Looks) -> None:
    """Passes that find what the last one found, because nothing has happened since: they leave no trace."""


class EvictionManager:
    """The eviction manager of one kubelet process."""

    def __init__(
        self,
        kernel: Kernel,
        resources: NodeResources,
        settings: EvictionSettings,
        around: EvictionCollaborators,
        usages: PodUsages,
        *,
        node_name: str,
        gates: Mapping[str, bool],
        recorder: EventRecorder,
        metrics: Metrics,
        klog: Klog,
        limits_storage: bool = True,
        has_node: Callable[[], bool] = lambda: True,
    ) -> None:
        """`limits_storage`: pods may store no more than their limits (localStorageCapacityIsolation).

        `has_node`: the Node is registered; without it there are no statistics of it.
        """
        self._kernel = kernel
        self._resources = resources
        self._settings = settings
        self._thresholds = eviction_thresholds(settings)
        self._around = around
        self._usages = usages
        self._node = node_reference(node_name)
        self._gates = gates
        self._recorder = recorder
        self._metrics = metrics
        self._klog = klog
        self._memory = PressureMemory()
        self._limits_storage = limits_storage
        self._has_node = has_node

    @property
    def pressures(self) -> tuple[str, ...]:
        """The node conditions of type ...Pressure that are True."""
        return self._memory.conditions

    async def run(self) -> None:
        """Pass after pass, until the process ends."""
        self._klog.info("Eviction manager: starting control loop")
        beat, idle = Beat(self._kernel), Idle(note=_passes_in_vain, still_holds=self._would_stay_calm)
        while True:
            try:
                evicted = await self._pass()
            except CriError as error:
                self._klog.error("Eviction manager: failed to get summary stats", err=error.go_text)
                evicted = []
            if evicted:
                text = "Eviction manager: pods evicted, waiting for pod to be cleaned up"
                self._klog.info(text, pods=[pod_key(pod) for pod in evicted])
                await self._wait_ended(evicted)
            else:
                await beat.wait(MONITORING_NS, idle if self._has_node() and self._is_calm() else None)

    def _is_calm(self) -> bool:
        """Whether nothing is or was short, no pod has to be measured, and nothing that was is still to be forgotten."""
        return self._memory == _CALM and self._usages.is_empty and not self._limited(self._around.active_pods())

    def _would_stay_calm(self) -> bool:
        """Whether a pass would find nothing short now, nothing that has to be measured and nothing to forget."""
        if not (self._has_node() and self._is_calm()):
            return False
        return not thresholds_met(self._thresholds, self._observations())

    def _limited(self, pods: Iterable[v1.Pod]) -> list[v1.Pod]:
        """Those that can be ended for what they store, however much the node has left."""
        return [pod for pod in pods if has_storage_limits(pod)] if self._limits_storage else []

    async def _pass(self) -> list[v1.Pod]:
        """One pass; the pods that were ended. Raises CriError."""
        if not self._has_node():
            err = f'failed to get node info: node "{self._node.name}" not found'
            self._klog.error("Eviction manager: failed to get summary stats", err=err)
            return []
        observations = self._observations()
        self._memory = observe(
            self._memory,
            self._thresholds,
            observations,
            now_ns=self._kernel.now_ns,
            transition_ns=self._settings.transition_ns,
        )
        pods = self._around.active_pods()
        self._usages.forget_others(pods)
        evicted = await self._evict_for_limits(self._limited(pods))
        if evicted:
            return evicted
        threshold = first_to_reclaim(self._memory.met)
        if threshold is None:
            return []
        resource = RESOURCES[threshold.signal]
        self._klog.info("Eviction manager: attempting to reclaim", resourceName=resource)
        message = f"Attempting to reclaim {resource}"
        self._recorder.event(self._node, "Warning", "EvictionThresholdMet", message)
        if await self._reclaim(threshold, resource):
            return []
        return await self._evict_for(threshold, resource, pods, observations)

    def _observations(self) -> dict[str, Observation]:
        """What there is of memory and of the disk, which nodefs, imagefs and containerfs share."""
        resources = self._resources
        available, containers = resources.memory.usage()
        found = {MEMORY: Observation(available=available, capacity=resources.memory_capacity_bytes)}
        if resources.allocatable_memory_bytes is not None:
            left = resources.allocatable_memory_bytes - containers
            found[ALLOCATABLE_MEMORY] = Observation(available=left, capacity=resources.allocatable_memory_bytes)
        capacity, free = resources.disk.usage(resources.root_directory)
        disk = Observation(available=free, capacity=capacity)
        return {**found, NODE_FS: disk, IMAGE_FS: disk, CONTAINER_FS: disk}

    async def _evict_for_limits(self, pods: Sequence[v1.Pod]) -> list[v1.Pod]:
        """End every pod that stores more than it may."""
        evicted: list[v1.Pod] = []
        if not pods:
            return evicted
        for pod, use in zip(pods, await self._usages.measure(pods), strict=True):
            exceeded = exceeded_storage_limit(use) if use.is_measured else None
            if exceeded is not None and await self._evict(pod, HARD_GRACE_SECONDS, exceeded.message):
                self._metrics.increase(EVICTIONS, eviction_signal=exceeded.signal)
                evicted.append(pod)
        return evicted

    async def _reclaim(self, threshold: Threshold, resource: str) -> bool:
        """Free what no pod needs; whether that was enough. Of memory there is nothing to free."""
        if threshold.condition != "DiskPressure":
            return False
        for make_room in self._around.make_room:
            try:
                await make_room()
            except KubesimError as error:
                text = "Eviction manager: unexpected error when attempting to reduce resource pressure"
                self._klog.info(text, resourceName=resource, err=str(error))
        if thresholds_met(self._thresholds, self._observations(), with_reclaim=True):
            return False
        text = "Eviction manager: able to reduce resource pressure without evicting pods."
        self._klog.info(text, resourceName=resource)
        return True

    async def _evict_for(
        self,
        threshold: Threshold,
        resource: str,
        pods: Sequence[v1.Pod],
        observations: Mapping[str, Observation],
    ) -> list[v1.Pod]:
        """End the first pod of the rank that may be ended."""
        self._klog.info("Eviction manager: must evict pod(s) to reclaim", resourceName=resource)
        if not pods:
            text = "Eviction manager: eviction thresholds have been met, but no pods are active to evict"
            self._klog.error(text)
            return []
        by_uid = {pod.metadata.uid: pod for pod in pods}
        ranked: list[PodUse] = eviction_rank(await self._usages.measure(pods), threshold.signal)
        names = [pod_key(by_uid[one.uid]) for one in ranked]
        self._klog.info("Eviction manager: pods ranked for eviction", pods=names)
        for use in ranked:
            pod = by_uid[use.uid]
            names_pod = gate_enabled(self._gates, "PodLevelResources")
            message, annotations = eviction_message(use, resource, self._memory.met, observations, names_pod=names_pod)
            grace_seconds = eviction_grace_seconds(
                is_hard=threshold.is_hard,
                most_seconds=self._settings.max_pod_grace_seconds,
                pod_seconds=pod.spec.termination_grace_period_seconds,
            )
            if await self._evict(pod, grace_seconds, message, annotations=annotations, is_disruption=True):
                self._metrics.increase(EVICTIONS, eviction_signal=threshold.signal)
                return [pod]
        self._klog.info("Eviction manager: unable to evict any pods from the node")
        return []

    async def _evict(
        self,
        pod: v1.Pod,
        grace_seconds: int,
        message: str,
        *,
        annotations: Mapping[str, str] | None = None,
        is_disruption: bool = False,
    ) -> bool:
        """End a pod and wait for it; False for one that is never evicted."""
        key = pod_key(pod)
        if is_critical(pod):
            self._klog.error("Eviction manager: cannot evict a critical pod", pod=key)
            return False
        reference = pod_reference(pod)
        self._recorder.event(reference, "Warning", EVICTED_REASON, message, annotations=annotations)
        change = ended_by_kubelet(
            reason=EVICTED_REASON, message=message, condition_message=message if is_disruption else None
        )
        has_ended = await self._around.kill_pod(
            pod.metadata.uid, grace_seconds=grace_seconds, status_func=change, is_evicted=True
        )
        if has_ended:
            self._klog.info("Eviction manager: pod is evicted successfully", pod=key)
        else:
            self._klog.error("Eviction manager: pod failed to evict", pod=key, err="timeout waiting to kill pod")
        return True

    async def _wait_ended(self, pods: Sequence[v1.Pod]) -> None:
        """Wait until the pods are gone from the node, half a minute at most."""
        names = [pod_key(pod) for pod in pods]
        for _ in range(CLEAN_UP_POLLS_MAX):
            await sleep(CLEAN_UP_POLL_NS)
            if all(self._around.has_ended(pod.metadata.uid) for pod in pods):
                self._klog.info("Eviction manager: pods successfully cleaned up", pods=names)
                return
        self._klog.info("Eviction manager: timed out waiting for pods to be cleaned up", pods=names)
