"""Huge pages that a container may have: none of any size, but for what its limits name.

Mirrors kubelet: pkg/kubelet/kuberuntime/kuberuntime_container_linux.go, GetHugepageLimitsFromResources.
"""

from __future__ import annotations

from collections.abc import Mapping

from kubesim.cri import api
from kubesim.model import k8s_v1 as v1
from kubesim.model.quantity import whole_units
from kubesim.policy.feature_gates import gate_enabled

PAGE_SIZES = {"2MB": "hugepages-2Mi", "1GB": "hugepages-1Gi"}
"""The sizes of a machine of x86-64, as the kernel spells them, with the names of their resources."""


def hugepage_limits(
    pod: v1.Pod, container: v1.Container | v1.EphemeralContainer, gates: Mapping[str, bool]
) -> list[api.HugepageLimit]:
    """One limit in bytes for each size; the container's own limit goes before the pod's."""
    limits = dict(container.resources.limits)
    if pod.spec.resources is not None and gate_enabled(gates, "PodLevelResources"):
        limits = {**pod.spec.resources.limits, **limits}
    return [
        api.HugepageLimit(page_size=size, limit=whole_units(limits[name]) if name in limits else 0)
        for size, name in PAGE_SIZES.items()
    ]
