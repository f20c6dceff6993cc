"""The pods that hold resources of the node, and what they hold together: kept while pods come, change and go.

A kubelet adds it all up anew for each pod that it admits (pkg/kubelet/kubelet_pods.go, GetActivePods and
filterOutInactivePods; pkg/scheduler/framework/types.go, NodeInfo.AddPod). Here admitting a pod costs the same on a
node of ten pods and of ten thousand.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from typing import TypeVar

from kubesim.model import k8s_v1 as v1
from kubesim.model.pod_resources import pod_requests
from kubesim.policy.admission import HostPort

Counted = TypeVar("Counted", bound=Hashable)


class ActivePods:
    """Pods that are not terminal and whose worker has not ended, in the order in which they came.

    They are as they were given resources, whatever their specs ask by now. `used` sums their requests in the units of
    `requested`; `host_ports` counts the ports that they hold on the node.
    """

    def __init__(self, *, uses_pod_level: bool) -> None:
        """`uses_pod_level`: the gate PodLevelResources is on."""
        self._uses_pod_level = uses_pod_level
        self._pods: dict[str, v1.Pod] = {}
        self.used: dict[str, int] = {}
        self.host_ports: dict[HostPort, int] = {}

    def __len__(self) -> int:
        return len(self._pods)

    def __iter__(self) -> Iterator[v1.Pod]:
        return iter(self._pods.values())

    def __contains__(self, uid: str) -> bool:
        return uid in self._pods

    def put(self, pod: v1.Pod) -> None:
        """A pod is active, or an active pod has changed."""
        uid = pod.metadata.uid
        before = self._pods.get(uid)
        self._pods[uid] = pod
        if before is None or before.spec is not pod.spec:
            if before is not None:
                self._count(before, -1)
            self._count(pod, 1)

    def discard(self, uid: str) -> None:
        """A pod has ended or is gone; nothing for one that is not active."""
        pod = self._pods.pop(uid, None)
        if pod is not None:
            self._count(pod, -1)

    def without(self, uid: str) -> ActivePods:
        """All but one: how the node is for a pod that is there already."""
        others = ActivePods(uses_pod_level=self._uses_pod_level)
        others._pods, others.used, others.host_ports = dict(self._pods), dict(self.used), dict(self.host_ports)
        others.discard(uid)
        return others

    def _count(self, pod: v1.Pod, sign: int) -> None:
        for name, amount in requested(pod, uses_pod_level=self._uses_pod_level).items():
            _add(self.used, name, sign * amount)
        for port in host_ports(pod):
            _add(self.host_ports, port, sign)


def requested(pod: v1.Pod, *, uses_pod_level: bool) -> Mapping[str, int]:
    """What the pod requests: cpu in millicores, memory and ephemeral-storage in bytes, others counted."""
    return {
        name: amount.milli_value if name == "cpu" else amount.value
        for name, amount in pod_requests(pod.spec, uses_pod_level=uses_pod_level).items()
    }


def host_ports(pod: v1.Pod) -> tuple[HostPort, ...]:
    """The ports of the node that the pod asks for."""
    return tuple(
        HostPort(port=port.host_port, protocol=port.protocol or "TCP", host_ip=port.host_ip)
        for container in (*pod.spec.containers, *pod.spec.init_containers)
        for port in container.ports
        if port.host_port
    )


def _add(counts: dict[Counted, int], what: Counted, number: int) -> None:
    total = counts.get(what, 0) + number
    if total:
        counts[what] = total
    else:
        counts.pop(what, None)
