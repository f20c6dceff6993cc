"""What resources a container has, as the runtime reports them; the kubelet's own record fills what it does not say.

Mirrors kubelet: pkg/kubelet/kuberuntime/kuberuntime_container.go (toKubeContainerStatus) and
kuberuntime_container_linux.go and kuberuntime_container_windows.go (toKubeContainerResources).
"""

from __future__ import annotations

from collections.abc import Mapping

from kubesim.cri import api
from kubesim.kubelet.container_resources import whole
from kubesim.kubelet.resource_amounts import amounts
from kubesim.kubelet.resource_records import ResourceRecords
from kubesim.model import k8s_v1 as v1
from kubesim.policy.cri_resources import windows_cpu_limit_milli
from kubesim.policy.feature_gates import gate_enabled
from kubesim.policy.pod_cgroup import quota_to_milli, shares_to_milli
from kubesim.policy.status_resources import RuntimeResources

_NOTHING = RuntimeResources()


class ReportedResources:
    """Reads the resources of containers. Containers that have the same share one value."""

    def __init__(self, actuated: ResourceRecords, *, gates: Mapping[str, bool], processors: int) -> None:
        """`processors` are those of the node: a Windows runtime reports shares of all of them."""
        self.actuated = actuated.container
        """What the kubelet itself knows of a container's resources, by uid and name; another object when it differs."""
        self._processors = processors
        self._is_on = gate_enabled(gates, "InPlacePodVerticalScaling")
        self._shared: dict[RuntimeResources, RuntimeResources] = {}

    def of(self, uid: str, status: api.ContainerStatus) -> RuntimeResources | None:
        """The resources of a container of the pod `uid`; None when nothing is known, or nobody wants to know."""
        if not self._is_on:
            return None
        reported = _reported(status, processors=self._processors)
        found = _filled(reported, self.actuated(uid, status.metadata.name))
        return None if found is None else self._shared.setdefault(found, found)


def _reported(status: api.ContainerStatus, *, processors: int) -> RuntimeResources | None:
    if status.resources.HasField("windows"):
        windows = status.resources.windows
        found = RuntimeResources(
            cpu_limit_milli=windows_cpu_limit_milli(windows.cpu_maximum, processors=processors) or None,
            memory_limit_bytes=windows.memory_limit_in_bytes if windows.memory_limit_in_bytes > 0 else None,
        )
        return None if found == _NOTHING else found
    if not status.resources.HasField("linux"):
        return None
    linux = status.resources.linux
    found = RuntimeResources(
        cpu_request_milli=shares_to_milli(linux.cpu_shares) or None,
        cpu_limit_milli=(quota_to_milli(linux.cpu_quota, linux.cpu_period) or None) if linux.cpu_period > 0 else None,
        memory_limit_bytes=linux.memory_limit_in_bytes if linux.memory_limit_in_bytes > 0 else None,
    )
    return None if found == _NOTHING else found


def _filled(reported: RuntimeResources | None, actuated: v1.ResourceRequirements | None) -> RuntimeResources | None:
    if actuated is None:
        return reported
    if reported is None:
        known = amounts(actuated)
        return RuntimeResources(
            cpu_request_milli=known.cpu_request_milli,
            cpu_limit_milli=known.cpu_limit_milli,
            memory_limit_bytes=known.memory_limit_bytes,
            memory_request=actuated.requests.get("memory", "0"),
        )
    if not whole(actuated.requests, "memory"):
        return reported
    return RuntimeResources(
        cpu_request_milli=reported.cpu_request_milli,
        cpu_limit_milli=reported.cpu_limit_milli,
        memory_limit_bytes=reported.memory_limit_bytes,
        memory_request=actuated.requests["memory"],
    )
