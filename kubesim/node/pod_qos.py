"""The QoS class that the API server gives a pod. Mirrors Kubernetes: pkg/apis/core/helper/qos/qos.go, ComputePodQOS."""

from __future__ import annotations

from collections.abc import Mapping

from kubesim.model import k8s_v1 as v1
from kubesim.model.quantity import millicores, whole_units
from kubesim.policy.qos import QosClass, Resources, qos_class


def spec_qos(spec: v1.PodSpec) -> QosClass:
    """The class by the resources of the spec."""
    containers = (*spec.containers, *spec.init_containers)
    level = _amounts(spec.resources) if spec.resources is not None else None
    return qos_class([_amounts(one.resources) for one in containers], pod_level=level)


def _amounts(resources: v1.ResourceRequirements) -> Resources:
    return Resources(requests=_numbers(resources.requests), limits=_numbers(resources.limits))


def _numbers(quantities: Mapping[str, v1.Quantity]) -> dict[str, int]:
    return {
        name: millicores(amount) if name == "cpu" else whole_units(amount)
        for name, amount in quantities.items()
        if name in {"cpu", "memory"}
    }
