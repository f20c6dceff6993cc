"""What the downward API says of a pod: its fields, and the resources of its containers.

Mirrors kubelet: pkg/kubelet/kubelet_pods.go (podFieldSelectorRuntimeValue, containerResourceRuntimeValue) and
pkg/kubelet/kubelet_resources.go (defaultPodLimitsForDownwardAPI).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from kubesim.kubelet.node_settings import NodeSettings
from kubesim.model import k8s_v1 as v1
from kubesim.model.quantity import millicores, whole_units
from kubesim.policy.downward_fields import Amounts, DownwardFieldError, PodFields, field_text, resource_text
from kubesim.policy.feature_gates import gate_enabled

AnyContainer = v1.Container | v1.EphemeralContainer


@dataclass(frozen=True, slots=True, kw_only=True)
class DownwardApi:
    """Answers for the pods of one node; `allocatable` is what its Node object shows."""

    node: NodeSettings
    allocatable: Callable[[], Mapping[str, v1.Quantity]]

    def runtime_field(self, pod: v1.Pod, path: str, pod_ips: tuple[str, ...]) -> str:
        """A field as variables see it, where what only the kubelet knows counts. Raises DownwardFieldError."""
        texts = {
            **_texts(pod),
            "spec.nodeName": pod.spec.node_name,
            "spec.serviceAccountName": pod.spec.service_account_name,
            "status.hostIP": self.node.node_ip,
            "status.hostIPs": self.node.node_ip,
            "status.podIP": pod_ips[0] if pod_ips else "",
            "status.podIPs": ",".join(pod_ips),
        }
        return field_text(path, _fields(pod, texts))

    def stored_field(self, pod: v1.Pod, path: str) -> str:
        """A field as files see it: metadata only. Raises DownwardFieldError."""
        return field_text(path, _fields(pod, _texts(pod)))

    def runtime_resource(self, pod: v1.Pod, container: AnyContainer, selector: v1.ResourceFieldSelector) -> str:
        """A resource of `container`, or of the one that the selector names, as variables see it.

        Limits of the pod stand before what the node can give; neither is said of an init container that is named.
        Raises DownwardFieldError.
        """
        allocatable = dict(self.allocatable())
        level = pod.spec.resources
        if level is not None and gate_enabled(self.node.gates, "PodLevelResources"):
            supported = {name: level.limits[name] for name in ("cpu", "memory") if name in level.limits}
            allocatable.update({name: amount for name, amount in supported.items() if _number(name, amount)})
        if not selector.container_name:
            return _resource(container, selector, allocatable)
        named = _named(pod, selector.container_name)
        is_main = any(one.name == named.name for one in pod.spec.containers)
        return _resource(named, selector, allocatable if is_main else {})

    def stored_resource(self, pod: v1.Pod, selector: v1.ResourceFieldSelector) -> str:
        """A resource of the container that the selector names, as files see it. Raises DownwardFieldError."""
        return _resource(_named(pod, selector.container_name), selector, self.allocatable())


def _resource(
    container: AnyContainer, selector: v1.ResourceFieldSelector, allocatable: Mapping[str, v1.Quantity]
) -> str:
    amounts = Amounts(
        requests=_numbers(container.resources.requests),
        limits=_numbers(container.resources.limits),
        allocatable=_numbers(allocatable),
    )
    return resource_text(selector.resource, _number(selector.resource.partition(".")[2], selector.divisor), amounts)


def _named(pod: v1.Pod, name: str) -> v1.Container:
    for container in (*pod.spec.containers, *pod.spec.init_containers):
        if container.name == name:
            return container
    raise DownwardFieldError(f"container {name} not found")


def _texts(pod: v1.Pod) -> dict[str, str]:
    meta = pod.metadata
    return {"metadata.name": meta.name, "metadata.namespace": meta.namespace, "metadata.uid": meta.uid}


def _fields(pod: v1.Pod, texts: Mapping[str, str]) -> PodFields:
    return PodFields(labels=pod.metadata.labels, annotations=pod.metadata.annotations, by_path=texts)


def _numbers(amounts: Mapping[str, v1.Quantity]) -> dict[str, int]:
    return {name: _number(name, amount) for name, amount in amounts.items()}


def _number(name: str, amount: v1.Quantity) -> int:
    return millicores(amount) if name == "cpu" else whole_units(amount)
