"""May the kernel swap a container out?

Mirrors kubelet: pkg/kubelet/kuberuntime/kuberuntime_container_linux.go, GetContainerSwapBehavior.
"""

from __future__ import annotations

from collections.abc import Mapping

from kubesim.policy.feature_gates import gate_enabled
from kubesim.policy.qos import QosClass

LIMITED_SWAP = "LimitedSwap"


def may_swap(
    *,
    behavior: str,
    is_critical: bool,
    qos: QosClass,
    memory_request_bytes: int,
    memory_limit_bytes: int,
    gates: Mapping[str, bool],
) -> bool:
    """Whether a container gets swap: `behavior` is memorySwap.swapBehavior of the KubeletConfiguration.

    Only Burstable pods do, and of their containers those whose memory request is not their limit. 0 bytes is not set.
    """
    if behavior != LIMITED_SWAP or not gate_enabled(gates, "NodeSwap") or is_critical:
        return False
    return qos is QosClass.BURSTABLE and memory_request_bytes != memory_limit_bytes
