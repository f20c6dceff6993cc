"""The control groups of pods on the host: made with a pod's first sync, changed by resizes, gone after its end.

They outlive the kubelet's process, as those of a host do.

Mirrors kubelet: pkg/kubelet/cm/pod_container_manager_linux.go (podContainerManagerImpl, podContainerManagerNoop).
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping

from kubesim.kubelet.container_resources import pod_qos, whole
from kubesim.model import k8s_v1 as v1
from kubesim.model.pod_resources import pod_limits, pod_requests
from kubesim.policy.cri_resources import QuotaRule
from kubesim.policy.feature_gates import gate_enabled
from kubesim.policy.pod_cgroup import PodCgroup, created_pod_cgroup, wanted_pod_cgroup, written_pod_cgroup


class PodCgroups:
    """Control groups by pod uid, in the files of cgroup v1 or v2 (`version`).

    With `is_on` False (cgroupsPerQOS, or not Linux) pods have none of their own.
    """

    def __init__(
        self,
        host: MutableMapping[str, PodCgroup],
        *,
        is_on: bool,
        version: int,
        gates: Mapping[str, bool],
        quota: QuotaRule,
    ) -> None:
        self._host = host
        self._version = version
        self._gates = gates
        self._quota = quota
        self._ended: set[str] = set()
        self.is_on = is_on

    def ensure(self, pod: v1.Pod) -> bool:
        """Make the control group of a pod; whether it was not there."""
        uid = pod.metadata.uid
        if not self.is_on or uid in self._host:
            return False
        self._host[uid] = created_pod_cgroup(self.wanted(pod), version=self._version)
        return True

    def wanted(self, pod: v1.Pod) -> PodCgroup:
        """What the control group of this pod is to be set to."""
        return wanted_cgroup(pod, self._gates, self._quota)

    def read(self, uid: str) -> PodCgroup | None:
        """The files of a pod's control group; None when there is none."""
        return self._host.get(uid) if self.is_on else None

    def write(self, uid: str, update: PodCgroup) -> None:
        """Change the control group of a pod that has one."""
        if uid in self._host:
            self._host[uid] = written_pod_cgroup(self._host[uid], update, version=self._version)

    def destroy(self, uid: str) -> None:
        """Remove the control group of a pod; fine when there is none."""
        self._host.pop(uid, None)
        self._ended.discard(uid)

    def containers_ended(self, uid: str) -> None:
        """No container of the pod will run again: housekeeping may remove its control group before its worker does."""
        if uid in self._host:
            self._ended.add(uid)

    def housekeep(self) -> None:
        """Remove the control groups of pods that have ended. Mirrors kubelet_pods.go, cleanupOrphanedPodCgroups."""
        for uid in list(self._ended):
            self.destroy(uid)


def wanted_cgroup(pod: v1.Pod, gates: Mapping[str, bool], quota: QuotaRule) -> PodCgroup:
    """What the control group of a pod is to be set to.

    Mirrors kubelet: pkg/kubelet/cm/helpers_linux.go, ResourceConfigForPod.
    """
    spec, uses_level = pod.spec, gate_enabled(gates, "PodLevelResources")
    requests = pod_requests(spec, uses_pod_level=uses_level)
    limits = pod_limits(spec, uses_pod_level=uses_level)
    return wanted_pod_cgroup(
        qos=pod_qos(pod, gates),
        cpu_request_milli=requests["cpu"].milli_value if "cpu" in requests else 0,
        cpu_limit_milli=limits["cpu"].milli_value if "cpu" in limits else 0,
        memory_limit_bytes=limits["memory"].value if "memory" in limits else 0,
        has_cpu_limits=_are_limited(spec, "cpu", uses_level=uses_level),
        has_memory_limits=_are_limited(spec, "memory", uses_level=uses_level),
        quota=quota,
    )


def _are_limited(spec: v1.PodSpec, name: str, *, uses_level: bool) -> bool:
    """Whether every container has a limit, counting each init container with the sidecars before it, or the pod has."""
    if uses_level and spec.resources is not None and whole(spec.resources.limits, name):
        return True
    if not all(whole(one.resources.limits, name) for one in spec.containers):
        return False
    has_sidecar_limit = False
    for one in spec.init_containers:
        has_limit = bool(whole(one.resources.limits, name))
        if one.restart_policy == "Always":
            has_sidecar_limit = has_sidecar_limit or has_limit
        if not (has_limit or has_sidecar_limit):
            return False
    return True
