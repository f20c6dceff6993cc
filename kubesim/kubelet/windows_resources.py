"""The resources of a container on a Windows node: limits only, as requests mean nothing to its job object.

Mirrors kubelet: pkg/kubelet/kuberuntime/kuberuntime_container_windows.go, calculateWindowsResources.
"""

from __future__ import annotations

from kubesim.cri import api
from kubesim.kubelet.container_resources import milli, whole
from kubesim.model import k8s_v1 as v1
from kubesim.policy.cri_resources import windows_cpu_maximum


def windows_resources(
    container: v1.Container | v1.EphemeralContainer, *, processors: int
) -> api.WindowsContainerResources:
    """What the runtime is told. `processors` are those of the node."""
    limits = container.resources.limits
    return api.WindowsContainerResources(
        cpu_maximum=windows_cpu_maximum(limit_milli=milli(limits, "cpu"), processors=processors),
        memory_limit_in_bytes=whole(limits, "memory"),
    )
