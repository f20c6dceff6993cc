"""Resources of containers and pods: what reaches CRI, and what the status shows.

Mirrors kubelet: pkg/kubelet/kuberuntime/kuberuntime_container_linux.go (generateLinuxContainerResources) and
pkg/kubelet/kubelet_pods.go (convertToAPIContainerStatuses, the resources part).
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from kubesim.cri import api
from kubesim.model import k8s_v1 as v1
from kubesim.model.pod_resources import aggregate_requests
from kubesim.model.quantity import millicores, whole_units
from kubesim.policy.cri_resources import cpu_resources, oom_score_adj
from kubesim.policy.feature_gates import gate_enabled
from kubesim.policy.pod_view import RuntimePod
from kubesim.policy.qos import QosClass, Resources, qos_class

NODE_CRITICAL_PRIORITY = 2_000_001_000


def milli(resources: Mapping[str, v1.Quantity], name: str) -> int:
    """An amount in thousandths, rounded up; 0 when it is not set."""
    return millicores(resources[name]) if name in resources else 0


def whole(resources: Mapping[str, v1.Quantity], name: str) -> int:
    """An amount in whole units, rounded up; 0 when it is not set."""
    return whole_units(resources[name]) if name in resources else 0


def pod_qos(pod: v1.Pod, gates: Mapping[str, bool]) -> QosClass:
    """The QoS class: the one in the status, else computed from the spec."""
    if pod.status.qos_class:
        return QosClass(pod.status.qos_class)
    level = pod.spec.resources
    return qos_class(
        [_amounts(one.resources) for one in (*pod.spec.containers, *pod.spec.init_containers)],
        pod_level=_amounts(level) if level is not None and gate_enabled(gates, "PodLevelResources") else None,
    )


def _amounts(resources: v1.ResourceRequirements) -> Resources:
    return Resources(
        requests={name: milli(resources.requests, name) for name in resources.requests},
        limits={name: milli(resources.limits, name) for name in resources.limits},
    )


def linux_resources(
    pod: v1.Pod, container: v1.Container | v1.EphemeralContainer, *, qos: QosClass, memory_capacity_bytes: int
) -> api.LinuxContainerResources:
    """The cgroup settings of one container."""
    resources = container.resources
    cpu = cpu_resources(request_milli=milli(resources.requests, "cpu"), limit_milli=milli(resources.limits, "cpu"))
    least = None
    if container.restart_policy == "Always" and any(one.name == container.name for one in pod.spec.init_containers):
        least = min(whole(one.resources.requests, "memory") for one in pod.spec.containers)
    return api.LinuxContainerResources(
        cpu_shares=cpu.shares,
        cpu_quota=cpu.quota_us,
        cpu_period=cpu.period_us,
        memory_limit_in_bytes=whole(resources.limits, "memory"),
        oom_score_adj=oom_score_adj(
            qos=qos,
            memory_request_bytes=whole(resources.requests, "memory"),
            memory_capacity_bytes=memory_capacity_bytes,
            is_node_critical=(pod.spec.priority or 0) >= NODE_CRITICAL_PRIORITY,
            least_regular_request_bytes=least,
        ),
    )


def pod_linux_resources(pod: v1.Pod) -> api.LinuxContainerResources:
    """The sums over the pod's containers that go with its sandbox."""
    requests = aggregate_requests(pod.spec)
    request_milli = requests["cpu"].milli_value if "cpu" in requests else 0
    limits = [milli(one.resources.limits, "cpu") for one in pod.spec.containers]
    cpu = cpu_resources(request_milli=request_milli, limit_milli=sum(limits) if all(limits) else 0)
    memory = [whole(one.resources.limits, "memory") for one in pod.spec.containers]
    return api.LinuxContainerResources(
        cpu_shares=cpu.shares,
        cpu_quota=cpu.quota_us,
        cpu_period=cpu.period_us,
        memory_limit_in_bytes=sum(memory) if all(memory) else 0,
    )


def overhead_resources(pod: v1.Pod) -> api.LinuxContainerResources:
    """What the pod costs beyond its containers, which goes with its sandbox; request and limit are one.

    Mirrors kubelet: pkg/kubelet/kuberuntime/kuberuntime_sandbox_linux.go, convertOverheadToLinuxResources.
    """
    overhead = pod.spec.overhead
    if not overhead:
        return api.LinuxContainerResources()
    cpu = cpu_resources(request_milli=milli(overhead, "cpu"), limit_milli=milli(overhead, "cpu"))
    return api.LinuxContainerResources(
        cpu_shares=cpu.shares,
        cpu_quota=cpu.quota_us,
        cpu_period=cpu.period_us,
        memory_limit_in_bytes=whole(overhead, "memory"),
    )


def status_resources(pod: v1.Pod, runtime: RuntimePod, gates: Mapping[str, bool]) -> Mapping[str, v1.ContainerStatus]:
    """The resource fields of the containers that the runtime knows, by name, in otherwise empty statuses."""
    if not gate_enabled(gates, "InPlacePodVerticalScaling"):
        return {}
    known = {one.name for one in runtime.containers}
    return {
        one.name: v1.ContainerStatus(
            name=one.name,
            resources=one.resources,
            allocated_resources=dict(one.resources.requests),
        )
        for one in (*pod.spec.containers, *pod.spec.init_containers)
        if one.name in known
    }


def pod_level_resources(
    pod: v1.Pod, gates: Mapping[str, bool]
) -> tuple[Mapping[str, v1.Quantity], v1.ResourceRequirements | None]:
    """status.allocatedResources and status.resources of a pod.

    Mirrors kubelet: pkg/kubelet/kubelet_pods.go, convertStatusToAPIStatus.
    """
    if not gate_enabled(gates, "InPlacePodLevelResourcesVerticalScaling"):
        return {}, None
    requests: dict[str, v1.Quantity] = {name: str(amount) for name, amount in aggregate_requests(pod.spec).items()}
    limits: dict[str, v1.Quantity] = {
        name: str(amount) for name, amount in aggregate_requests(_limits_as_requests(pod.spec)).items()
    }
    level = pod.spec.resources or v1.ResourceRequirements()
    requests = {**requests, **level.requests}
    return requests, v1.ResourceRequirements(requests=requests, limits={**limits, **level.limits})


def _limits_as_requests(spec: v1.PodSpec) -> v1.PodSpec:
    """Limits add up by the same formula as requests."""

    def swapped(containers: list[v1.Container]) -> list[v1.Container]:
        return [replace(one, resources=v1.ResourceRequirements(requests=one.resources.limits)) for one in containers]

    return replace(spec, containers=swapped(spec.containers), init_containers=swapped(spec.init_containers))
