"""Gives running containers, and the control group of their pod, the resources that were allocated to them.

Mirrors kubelet: pkg/kubelet/kuberuntime/kuberuntime_manager.go (doPodResizeAction, validateMemoryResizeAction,
updatePodContainerResources) and kuberuntime_container.go (updateContainerResources, updatePodSandboxResources).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import msgspec

from kubesim.cri import api
from kubesim.cri.client import CriClient
from kubesim.cri.errors import Code, CriError
from kubesim.errors import KubesimError
from kubesim.kernel import Kernel
from kubesim.kubelet.container_resources import linux_resources, milli, overhead_resources, pod_qos, whole
from kubesim.kubelet.metrics import RESIZE_DURATION, Metrics
from kubesim.kubelet.node_settings import NodeSettings
from kubesim.kubelet.pod_cgroups import PodCgroups
from kubesim.kubelet.resize_needs import ResizeNeeds
from kubesim.kubelet.resource_records import ResourceRecords
from kubesim.kubelet.runtime_pods import bare_id
from kubesim.model import k8s_v1 as v1
from kubesim.model.frozen_records import replace
from kubesim.model.quantity import format_bytes, format_millicores
from kubesim.policy.memory_decrease import decreasing_memory_limits, memory_decrease_problem
from kubesim.policy.pod_cgroup import PodCgroup
from kubesim.policy.pod_view import RuntimePod
from kubesim.policy.resize_plan import ContainerResize, Resizable, ResourceAmounts, resize_steps, update_order
from kubesim.policy.sync_plan import PodActions


class ResizeFailed(KubesimError):
    """A resize could not be done, or not wholly; later syncs try again. The text is that of the condition."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResizeWork:
    """One resize: the pod, what the runtime shows of it, and what its sync decided."""

    pod: v1.Pod
    runtime: RuntimePod
    actions: PodActions
    resizes: Mapping[str, ContainerResize]

    @property
    def in_place(self) -> list[tuple[str, ContainerResize]]:
        """The containers that are updated while they run, in the order in which they were looked at."""
        return [(name, self.resizes[name]) for name in self.actions.containers_to_resize]

    def changes(self, resource: Resizable) -> bool:
        """Whether anything of this resource is to be changed."""
        return (
            self.actions.restarts_to_resize
            or self.actions.resizes_pod_level
            or any(one.growth(resource) for _, one in self.in_place)
        )


class PodResizer:
    """Resizes running pods of one node."""

    def __init__(
        self,
        kernel: Kernel,
        client: CriClient,
        metrics: Metrics,
        *,
        needs: ResizeNeeds,
        actuated: ResourceRecords,
        cgroups: PodCgroups,
        node: NodeSettings,
        reinspect: Callable[[str], object],
    ) -> None:
        """`reinspect` has the PLEG look at a pod, by uid, even if no container changes its state."""
        self._reinspect = reinspect
        self._kernel = kernel
        self._client = client
        self._metrics = metrics
        self._needs = needs
        self._actuated = actuated
        self._cgroups = cgroups
        self._node = node

    async def resize(self, work: ResizeWork) -> None:
        """Memory first, then cpu. Raises ResizeFailed; what was done until then stays."""
        start_ns, success = self._kernel.now_ns, "false"
        try:
            await self._resize(work)
            success = "true"
        finally:
            milliseconds = (self._kernel.now_ns - start_ns) // 10**6
            self._metrics.observe(RESIZE_DURATION, milliseconds, success=success)

    async def _resize(self, work: ResizeWork) -> None:
        pod = work.pod
        wanted, files = self._cgroups.wanted(pod), self._cgroups.read(pod.metadata.uid)
        # A limit that the pod does not have is left as it is.
        wanted = wanted if files is None else files.merged(wanted)
        await self._check_memory(work, wanted, files)
        try:
            await self._change(work, wanted, files)
        finally:
            # Whatever was done of it: the status has to show it.
            self._reinspect(pod.metadata.uid)

    async def _change(self, work: ResizeWork, wanted: PodCgroup, files: PodCgroup | None) -> None:
        told = dict(work.in_place)
        current = {name: one.current for name, one in told.items()}
        for resource in Resizable:
            if not work.changes(resource):
                continue
            names = update_order(work.in_place, resource)
            for step in resize_steps(
                limit_growth=_limit_growth(resource, files, wanted),
                request_growth=_request_growth(resource, files, wanted),
            ):
                if step == "containers":
                    for name in names:
                        current[name] = await self._update(work, name, resource, current[name], told[name].desired)
                else:
                    files = await self._set_cgroup(work, resource, files or wanted, _part(resource, step, wanted))
            if work.actions.resizes_pod_level:
                self._record_level(work.pod, resource)

    async def _update(
        self, work: ResizeWork, name: str, resource: Resizable, current: ResourceAmounts, desired: ResourceAmounts
    ) -> ResourceAmounts:
        """Tell the runtime of one resource of a container, with the other one as it was told last."""
        pod = work.pod
        told = _with_resource(current, desired, resource)
        container = next(one for one in (*pod.spec.init_containers, *pod.spec.containers) if one.name == name)
        container = msgspec.structs.replace(container, resources=_requirements(told))
        newest = work.runtime.newest(name)
        assert newest is not None, f"{name} runs, or it would not be resized"
        request = api.UpdateContainerResourcesRequest(container_id=bare_id(newest.id))
        # Only cpu and memory are told: a limit of huge pages that the container has of its own is taken from it.
        request.linux.CopyFrom(linux_resources(pod, container, qos=pod_qos(pod, self._node.gates), node=self._node))
        try:
            await self._client.update_container_resources(request)
        except CriError as error:
            raise ResizeFailed(error.go_text) from error
        self._needs.container_created(pod, container, container.resources)
        return told

    async def _set_cgroup(
        self, work: ResizeWork, resource: Resizable, current: PodCgroup, update: PodCgroup
    ) -> PodCgroup:
        """Tell the runtime of the pod's new resources, and write them to its control group; what holds afterwards."""
        merged = current.merged(update)
        overhead = work.pod.spec.overhead
        left = merged.without_overhead(
            cpu_milli=milli(overhead, "cpu") if "cpu" in overhead else None,
            memory_bytes=whole(overhead, "memory") if "memory" in overhead else None,
        )
        request = api.UpdatePodSandboxResourcesRequest(pod_sandbox_id=work.actions.sandbox_id)
        request.overhead.CopyFrom(overhead_resources(work.pod, self._node))
        request.resources.CopyFrom(
            api.LinuxContainerResources(
                cpu_period=left.cpu_period_us or 0,
                cpu_quota=left.cpu_quota_us or 0,
                cpu_shares=left.cpu_shares or 0,
                memory_limit_in_bytes=left.memory_limit_bytes or 0,
            )
        )
        try:
            await self._client.update_pod_sandbox_resources(request)
        except CriError as error:
            # Many runtimes do not know the call; containerd says so in words of its own.
            is_unknown = error.code is Code.UNKNOWN and "not implemented" in error.message
            if error.code is not Code.UNIMPLEMENTED and not is_unknown:
                raise ResizeFailed(
                    f"failed to notify runtime for UpdatePodSandboxResources (resource={resource}); resize rejected: "
                    f'updatePodSandboxResources failed for sanboxID "{work.actions.sandbox_id}": {error.go_text}'
                ) from error
        self._cgroups.write(work.pod.metadata.uid, update)
        return merged

    def _record_level(self, pod: v1.Pod, resource: Resizable) -> None:
        level, uid = pod.spec.resources, pod.metadata.uid
        if level is None:
            return
        before = self._actuated.level(uid) or v1.ResourceRequirements()

        def merged(old: Mapping[str, v1.Quantity], new: Mapping[str, v1.Quantity]) -> dict[str, v1.Quantity]:
            return {**old, **({resource.value: new.get(resource, "0")} if new else {})}

        self._actuated.put_level(
            uid,
            v1.ResourceRequirements(
                requests=merged(before.requests, level.requests), limits=merged(before.limits, level.limits)
            ),
        )

    async def _check_memory(self, work: ResizeWork, wanted: PodCgroup, files: PodCgroup | None) -> None:
        """No limit goes below what is used. Raises ResizeFailed."""
        updates = {name: one for name, one in work.in_place if one.growth(Resizable.MEMORY)}
        if not updates and not work.actions.restarts_to_resize:
            return
        pod_limit = None
        if files is not None and _limit_growth(Resizable.MEMORY, files, wanted) < 0:
            pod_limit = wanted.memory_limit_bytes
        limits = decreasing_memory_limits(updates)
        if not limits and pod_limit is None:
            return
        used = await self._usage(work)
        problem = memory_decrease_problem(
            pod_limit_bytes=pod_limit,
            pod_usage_bytes=sum(used.values()),
            container_limits_bytes=limits,
            container_usage_bytes=used,
        )
        if problem:
            raise ResizeFailed(problem)

    async def _usage(self, work: ResizeWork) -> dict[str, int]:
        """Bytes by container. A real kubelet reads the pod's own usage from its control group; here it is their sum."""
        chosen = api.ContainerStatsFilter(pod_sandbox_id=work.runtime.sandboxes[0].id)
        try:
            answer = await self._client.list_container_stats(api.ListContainerStatsRequest(filter=chosen))
        except CriError as error:
            meta = work.pod.metadata
            name = f"{meta.name}_{meta.namespace}({meta.uid})"
            raise ResizeFailed(f'unable to read memory usage for pod "{name}"') from error
        return {one.attributes.metadata.name: one.memory.usage_bytes.value for one in answer.stats}


def _limit_growth(resource: Resizable, files: PodCgroup | None, wanted: PodCgroup) -> int:
    if files is None:
        return 0
    if resource is Resizable.MEMORY:
        return (wanted.memory_limit_bytes or 0) - (files.memory_limit_bytes or 0)
    return (wanted.cpu_quota_us or 0) - (files.cpu_quota_us or 0)


def _request_growth(resource: Resizable, files: PodCgroup | None, wanted: PodCgroup) -> int:
    """Memory requests are in no control group."""
    if files is None or resource is Resizable.MEMORY:
        return 0
    return (wanted.cpu_shares or 0) - (files.cpu_shares or 0)


def _part(resource: Resizable, step: str, wanted: PodCgroup) -> PodCgroup:
    """What one step writes."""
    if resource is Resizable.MEMORY:
        return PodCgroup(memory_limit_bytes=wanted.memory_limit_bytes)
    if step == "pod limit":
        return PodCgroup(cpu_quota_us=wanted.cpu_quota_us, cpu_period_us=wanted.cpu_period_us)
    return PodCgroup(cpu_shares=wanted.cpu_shares)


def _with_resource(current: ResourceAmounts, desired: ResourceAmounts, resource: Resizable) -> ResourceAmounts:
    if resource is Resizable.MEMORY:
        return replace(
            current, memory_request_bytes=desired.memory_request_bytes, memory_limit_bytes=desired.memory_limit_bytes
        )
    return replace(current, cpu_request_milli=desired.cpu_request_milli, cpu_limit_milli=desired.cpu_limit_milli)


def _requirements(found: ResourceAmounts) -> v1.ResourceRequirements:
    return v1.ResourceRequirements(
        requests={
            "cpu": format_millicores(found.cpu_request_milli),
            "memory": format_bytes(found.memory_request_bytes),
        },
        limits={"cpu": format_millicores(found.cpu_limit_milli), "memory": format_bytes(found.memory_limit_bytes)},
    )
