"""Can a resize of a pod be done at all, whatever room the node has?

Mirrors kubelet: pkg/kubelet/allocation/handlers.go (podResizesAdmitHandler) and features_{linux,windows}.go.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from kubesim.policy.feature_gates import gate_enabled
from kubesim.policy.qos import QosClass
from kubesim.policy.resize_plan import RESTART_CONTAINER, ResourceAmounts

INFEASIBLE = "Infeasible"
DEFERRED = "Deferred"


NOTHING_ASKED = ResourceAmounts()


@dataclass(frozen=True, slots=True, kw_only=True)
class ResizedContainer:
    """A container that can be resized: what is allocated to it, what the spec asks by now, and how it may change.

    `swaps`: the kernel may swap it out, before or after the resize.
    """

    allocated: ResourceAmounts
    desired: ResourceAmounts
    memory_policy: str = ""
    swaps: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ResizeNode:
    """What of a kubelet's settings decides: operating system and managers, by KubeletConfiguration's words."""

    os: str = "linux"
    cpu_manager_policy: str = "none"
    memory_manager_policy: str = "None"
    capacity: ResourceAmounts | None = None
    """What pods can request on the node altogether, of a kubelet that looks at it: up to 1.35. Later the API server
    does, before the kubelet hears of the resize."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Infeasible:
    """Why a resize will never be done here; `metric_reason` is the label of kubelet_pod_infeasible_resizes_total."""

    message: str
    metric_reason: str


def infeasible_resize(
    containers: Iterable[ResizedContainer],
    *,
    qos: QosClass,
    changes_pod_level: bool,
    pod: ResourceAmounts = NOTHING_ASKED,
    node: ResizeNode,
    gates: Mapping[str, bool],
) -> Infeasible | None:
    """The refusal, or None when only the room on the node decides.

    `changes_pod_level`: spec.resources is not what is allocated. `pod` is what the pod asks for altogether.
    """
    listed = list(containers)
    return (
        _not_allowed(node, gates)
        or _swaps(listed)
        or (_pod_level_not_allowed(gates) if changes_pod_level else None)
        or (_managed(listed, node, gates) if qos is QosClass.GUARANTEED else None)
        or _over_capacity(pod, node.capacity)
    )


def _not_allowed(node: ResizeNode, gates: Mapping[str, bool]) -> Infeasible | None:
    if node.os == "windows":
        return Infeasible(message="In-place pod resize is not supported on Windows", metric_reason="windows")
    if not gate_enabled(gates, "InPlacePodVerticalScaling"):
        return Infeasible(message="InPlacePodVerticalScaling is disabled", metric_reason="feature_gate_off")
    return None


def _pod_level_not_allowed(gates: Mapping[str, bool]) -> Infeasible | None:
    if gate_enabled(gates, "InPlacePodLevelResourcesVerticalScaling"):
        return None
    message = "InPlacePodLevelResourcesVerticalScaling is disabled"
    return Infeasible(message=message, metric_reason="plr_feature_gate_off")


def _swaps(containers: list[ResizedContainer]) -> Infeasible | None:
    for one in containers:
        changes = one.allocated.memory_request_bytes != one.desired.memory_request_bytes
        if changes and one.memory_policy != RESTART_CONTAINER and one.swaps:
            message = "In-place resize of containers with swap is not supported."
            return Infeasible(message=message, metric_reason="swap_limitation")
    return None


def _managed(containers: list[ResizedContainer], node: ResizeNode, gates: Mapping[str, bool]) -> Infeasible | None:
    """Requests of a Guaranteed pod are its limits, so that they alone tell whether anything changes."""
    cpu = any(one.allocated.cpu_request_milli != one.desired.cpu_request_milli for one in containers)
    exclusive_cpus = gate_enabled(gates, "InPlacePodVerticalScalingExclusiveCPUs")
    if cpu and node.cpu_manager_policy == "static" and not exclusive_cpus:
        message = 'Resize is infeasible for Guaranteed Pods alongside CPU Manager policy "static"'
        return Infeasible(message=message, metric_reason="guaranteed_pod_cpu_manager_static_policy")
    memory = any(one.allocated.memory_request_bytes != one.desired.memory_request_bytes for one in containers)
    exclusive_memory = gate_enabled(gates, "InPlacePodVerticalScalingExclusiveMemory")
    if memory and node.memory_manager_policy == "Static" and not exclusive_memory:
        message = 'Resize is infeasible for Guaranteed Pods alongside Memory Manager policy "Static"'
        return Infeasible(message=message, metric_reason="guaranteed_pod_memory_manager_static_policy")
    return None


def _over_capacity(pod: ResourceAmounts, capacity: ResourceAmounts | None) -> Infeasible | None:
    if capacity is None:
        return None
    cpu, memory = pod.cpu_request_milli, pod.memory_request_bytes
    if memory > capacity.memory_request_bytes:
        amounts = f"memory, requested: {memory}, capacity: {capacity.memory_request_bytes}"
    elif cpu > capacity.cpu_request_milli:
        amounts = f"cpu, requested: {cpu}, capacity: {capacity.cpu_request_milli}"
    else:
        return None
    return Infeasible(
        message=f"Node didn't have enough capacity: {amounts}", metric_reason="insufficient_node_allocatable"
    )
