"""Resources of containers and pods, as CRI has them.

Mirrors kubelet: pkg/kubelet/kuberuntime/kuberuntime_container_linux.go (generateLinuxContainerResources,
calculateLinuxResources, configureContainerSwapResources) and kuberuntime_sandbox_linux.go (calculateSandboxResources,
convertOverheadToLinuxResources).
"""

from __future__ import annotations

from collections.abc import Mapping

from kubesim.cri import api
from kubesim.kubelet.node_settings import NodeSettings
from kubesim.kubelet.pod_views import is_critical
from kubesim.model import k8s_v1 as v1
from kubesim.model.pod_resources import aggregate_requests, pod_limits, pod_requests
from kubesim.model.quantity import millicores, whole_units
from kubesim.policy.cri_resources import cpu_resources, hugepage_limits, oom_group, oom_score_adj
from kubesim.policy.feature_gates import gate_enabled
from kubesim.policy.qos import QosClass, Resources, qos_class
from kubesim.policy.swap_behavior import container_swap

_QOS_CLASSES = {str(one): one for one in QosClass}
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
        return _QOS_CLASSES[pod.status.qos_class]
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
    pod: v1.Pod, container: v1.Container | v1.EphemeralContainer, *, qos: QosClass, node: NodeSettings
) -> api.LinuxContainerResources:
    """The cgroup settings of one container. A limit that it does not have is the pod's, where that has one."""
    resources = container.resources
    own = pod.spec.resources if gate_enabled(node.gates, "PodLevelResources") else None
    level = own.limits if own is not None else {}
    memory_request_bytes = whole(resources.requests, "memory")
    result = _linux(
        node,
        request_milli=milli(resources.requests, "cpu") if "cpu" in resources.requests else None,
        limit_milli=milli(resources.limits, "cpu") or milli(level, "cpu"),
        memory_limit_bytes=whole(resources.limits, "memory") or whole(level, "memory"),
    )
    least = None
    if container.restart_policy == "Always" and any(one.name == container.name for one in pod.spec.init_containers):
        least = min(whole(one.resources.requests, "memory") for one in pod.spec.containers)
    result.oom_score_adj = oom_score_adj(
        qos=qos,
        memory_request_bytes=memory_request_bytes,
        memory_capacity_bytes=node.memory_capacity_bytes,
        is_node_critical=(pod.spec.priority or 0) >= NODE_CRITICAL_PRIORITY,
        least_regular_request_bytes=least,
        pod_share_bytes=0 if own is None else _unassigned_memory_bytes(pod.spec, own),
    )
    for page_size, limit_bytes in hugepage_limits({**level, **resources.limits}).items():
        result.hugepage_limits.add(page_size=page_size, limit=limit_bytes)
    swap = container_swap(
        node.swap,
        is_critical=is_critical(pod),
        qos=qos,
        memory_request_bytes=memory_request_bytes,
        memory_limit_bytes=whole(resources.limits, "memory"),
        node_memory_bytes=node.memory_capacity_bytes,
    )
    if swap is None:
        # A limit of memory and swap together: no more than of memory alone.
        result.memory_swap_limit_in_bytes = result.memory_limit_in_bytes
    else:
        result.unified["memory.swap.max"] = swap
    return result


def _unassigned_memory_bytes(spec: v1.PodSpec, own: v1.ResourceRequirements) -> int:
    """What the pod itself requests beyond its containers, a part for each of them.

    Mirrors kubelet: pkg/kubelet/qos/helpers.go, remainingPodMemReqPerContainer.
    """
    requested = whole(own.requests, "memory")
    if not requested:
        return 0
    assigned = aggregate_requests(spec)
    left = requested - (assigned["memory"].value if "memory" in assigned else 0)
    return left // (len(spec.containers) + len(spec.init_containers))


def pod_linux_resources(pod: v1.Pod, node: NodeSettings) -> api.LinuxContainerResources:
    """What the pod has altogether, without its overhead; it goes with the sandbox."""
    uses_level = gate_enabled(node.gates, "PodLevelResources")
    requests = pod_requests(pod.spec, uses_pod_level=uses_level, with_overhead=False)
    limits = pod_limits(pod.spec, uses_pod_level=uses_level, with_overhead=False)
    return _linux(
        node,
        request_milli=requests["cpu"].milli_value if "cpu" in requests else None,
        limit_milli=limits["cpu"].milli_value if "cpu" in limits else 0,
        memory_limit_bytes=limits["memory"].value if "memory" in limits else 0,
    )


def overhead_resources(pod: v1.Pod, node: NodeSettings) -> api.LinuxContainerResources:
    """What the runtime needs for the pod itself: as much as is asked for, and no more. Empty without an overhead."""
    overhead = pod.spec.overhead
    if not overhead:
        return api.LinuxContainerResources()
    cpu = milli(overhead, "cpu")
    return _linux(node, request_milli=cpu, limit_milli=cpu, memory_limit_bytes=whole(overhead, "memory"))


def _linux(
    node: NodeSettings, *, request_milli: int | None, limit_milli: int, memory_limit_bytes: int
) -> api.LinuxContainerResources:
    cpu = cpu_resources(request_milli=request_milli, limit_milli=limit_milli, quota=node.cpu_quota)
    return api.LinuxContainerResources(
        cpu_shares=cpu.shares,
        cpu_quota=cpu.quota_us,
        cpu_period=cpu.period_us,
        memory_limit_in_bytes=memory_limit_bytes,
        unified=oom_group(kills_one_process=node.kills_one_process),
    )
