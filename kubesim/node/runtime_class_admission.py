"""What a RuntimeClass does to a pod when the API server takes it: its overhead, and where it may run.

Mirrors Kubernetes: plugin/pkg/admission/runtimeclass/admission.go.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from kubesim.errors import InputError
from kubesim.model import k8s_v1 as v1
from kubesim.model.quantity import canonical_quantity
from kubesim.model.runtime_class import RuntimeClass, Scheduling


def admit_runtime_class(pod: v1.Pod, get: Callable[[str], RuntimeClass | None]) -> v1.Pod:
    """The pod as it is stored. Raises InputError in the API server's words."""
    name = pod.spec.runtime_class_name
    if not name:
        return pod
    found = get(name)
    if found is None:
        raise _rejected(pod, f'RuntimeClass "{name}" not found')
    spec = pod.spec
    if found.overhead is not None:
        wanted = found.overhead.pod_fixed
        if spec.overhead and not _is_same(spec.overhead, wanted):
            raise _rejected(pod, "Pod's Overhead doesn't match RuntimeClass's defined Overhead")
        spec = replace(spec, overhead=dict(wanted))
    elif spec.overhead:
        raise _rejected(pod, "Pod Overhead set without corresponding RuntimeClass defined Overhead")
    if found.scheduling is not None:
        spec = _scheduled(pod, spec, found.scheduling)
    return replace(pod, spec=spec)


def _scheduled(pod: v1.Pod, spec: v1.PodSpec, scheduling: Scheduling) -> v1.PodSpec:
    for key, value in scheduling.node_selector.items():
        if spec.node_selector.get(key, value) != value:
            ours = f"runtimeClass.scheduling.nodeSelector[{key}] = {value}"
            theirs = f"pod.spec.nodeSelector[{key}] = {spec.node_selector[key]}"
            raise _forbidden(pod, f"conflict: {ours}; {theirs}")
    added = [one for one in scheduling.tolerations if one not in spec.tolerations]
    return replace(
        spec,
        node_selector={**spec.node_selector, **scheduling.node_selector},
        tolerations=[*spec.tolerations, *added],
    )


def _is_same(one: dict[str, v1.Quantity], other: dict[str, v1.Quantity]) -> bool:
    return {name: canonical_quantity(amount) for name, amount in one.items()} == {
        name: canonical_quantity(amount) for name, amount in other.items()
    }


def _rejected(pod: v1.Pod, what: str) -> InputError:
    return _forbidden(pod, f"pod rejected: {what}")


def _forbidden(pod: v1.Pod, what: str) -> InputError:
    return InputError(
        f'pods "{pod.metadata.name}" is forbidden: {what}',
        where=f"{pod.metadata.namespace}/{pod.metadata.name}",
        hint="apply the RuntimeClass before the pod" if what.endswith("not found") else "",
    )
