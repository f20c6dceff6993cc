"""May the kernel swap a container out, and how much of it?

Mirrors kubelet: pkg/kubelet/kuberuntime/kuberuntime_container_linux.go (configureContainerSwapResources,
GetContainerSwapBehavior, calcSwapForBurstablePods).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from kubesim.model.k8s_versions import LAST_MINOR
from kubesim.policy.feature_gates import DEFAULT_GATES, gate_enabled
from kubesim.policy.qos import QosClass

LIMITED_SWAP = "LimitedSwap"
NO_SWAP = "NoSwap"
LAST_UNLIMITED_MINOR = 29
"""Up to 1.29 a kubelet with the gate NodeSwap that is told nothing else lets containers swap as they like."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSwap:
    """Swap on one node. `behavior` is memorySwap.swapBehavior of the KubeletConfiguration, `minor` the kubelet's.

    Its control groups can limit swap, whether the machine has any or not.
    """

    behavior: str = ""
    capacity_bytes: int = 0
    cgroup_version: int = 2
    minor: int = LAST_MINOR
    gates: Mapping[str, bool] = field(default_factory=lambda: DEFAULT_GATES)


def may_swap(
    node: NodeSwap, *, is_critical: bool, qos: QosClass, memory_request_bytes: int, memory_limit_bytes: int
) -> bool:
    """Whether a container gets a share of the swap.

    Only Burstable pods do, and of their containers those whose memory request is not their limit. 0 bytes is not set.
    """
    if node.behavior != LIMITED_SWAP or node.cgroup_version == 1 or not gate_enabled(node.gates, "NodeSwap"):
        return False
    return not is_critical and qos is QosClass.BURSTABLE and memory_request_bytes != memory_limit_bytes


def container_swap(
    node: NodeSwap,
    *,
    is_critical: bool,
    qos: QosClass,
    memory_request_bytes: int,
    memory_limit_bytes: int,
    node_memory_bytes: int,
) -> str | None:
    """The value of memory.swap.max: bytes, or `max`. None with control groups of version 1, which cannot say it.

    A share is as large as the container's part of the node's memory.
    """
    if node.cgroup_version == 1:
        return None
    is_old = node.minor <= LAST_UNLIMITED_MINOR and node.behavior not in {LIMITED_SWAP, NO_SWAP}
    if is_old and gate_enabled(node.gates, "NodeSwap"):
        return "max"
    swaps = may_swap(
        node,
        is_critical=is_critical,
        qos=qos,
        memory_request_bytes=memory_request_bytes,
        memory_limit_bytes=memory_limit_bytes,
    )
    if not swaps or memory_request_bytes > node_memory_bytes:
        return "0"
    return str(int(memory_request_bytes / node_memory_bytes * node.capacity_bytes))


def limited_swap_problem(behavior: str, cgroup_version: int, gates: Mapping[str, bool]) -> str:
    """Why a kubelet does not start with that swapBehavior; empty when it does.

    Mirrors kubelet: cmd/kubelet/app/server.go, run.
    """
    if behavior == LIMITED_SWAP and cgroup_version == 1 and gate_enabled(gates, "NodeSwap"):
        return "swap feature is enabled and LimitedSwap but it is only supported with cgroupv2"
    return ""
