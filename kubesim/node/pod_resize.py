"""The subresource `resize` of a pod: what a patch of it may change, and what the API server says otherwise. Pure.

Mirrors Kubernetes: pkg/registry/core/pod/strategy.go (dropNonResizeUpdates), pkg/apis/core/validation/validation.go
(ValidatePodResize) and plugin/pkg/admission/podresize/admission.go.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from msgspec.structs import replace

from kubesim.errors import InputError
from kubesim.model import k8s_v1 as v1
from kubesim.model.pod_resources import pod_requests
from kubesim.model.quantity import parse_quantity
from kubesim.node.pod_qos import spec_qos
from kubesim.policy.feature_gates import gate_enabled
from kubesim.policy.resize_plan import RESTART_CONTAINER, Resizable

CAPACITY_MINOR = 36
"""Since this Kubernetes minor version the API server refuses what the node could not hold."""
_WHOLE_POD = "[]"
"""How a path without a name prints."""
_POD_LEVEL_IS_OFF = (
    "resize of pods with pod-level resources is forbidden when "
    "InPlacePodLevelResourcesVerticalScalingEnabled feature gate is disabled"
)
MEMORY_DECREASE_MINOR = 34
"""The first minor version that lets memory limits shrink without a restart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResizeRules:
    """What decides: the gates and the minor version of the API server, and the pod's node."""

    gates: Mapping[str, bool]
    minor: int
    node: v1.Node | None

    def is_on(self, gate: str) -> bool:
        """Whether a feature gate is on."""
        return gate_enabled(self.gates, gate)


def resized_pod(stored: v1.Pod, asked: v1.Pod, rules: ResizeRules) -> v1.Pod:
    """The stored pod with the resources and resize policies of the one that is asked for. Raises InputError.

    What else is different in the spec is left out, as the API server does it.
    """
    if not rules.is_on("InPlacePodVerticalScaling"):
        raise _refused(
            stored,
            "the server could not find the requested resource",
            hint="in-place resize needs the feature gate InPlacePodVerticalScaling, which is off here",
        )
    after = _without_other_changes(stored.spec, asked.spec, rules)
    problems = _problems(stored, after, rules)
    if problems:
        text = problems[0] if len(problems) == 1 else f"[{', '.join(problems)}]"
        raise _refused(stored, f'Pod "{stored.metadata.name}" is invalid: {text}')
    if after != stored.spec:
        _check_node(stored, after, rules)
    return replace(stored, spec=after)


def _refused(pod: v1.Pod, what: str, *, hint: str = "") -> InputError:
    return InputError(what, where=f"{pod.metadata.namespace}/{pod.metadata.name}", hint=hint)


def _without_other_changes(old: v1.PodSpec, new: v1.PodSpec, rules: ResizeRules) -> v1.PodSpec:
    """Mirrors dropNonResizeUpdates. Other containers stay other containers: they are refused, not left out."""
    if len(old.containers) != len(new.containers) or len(old.init_containers) != len(new.init_containers):
        return new
    return replace(
        old,
        containers=_with_resources(old.containers, new.containers),
        init_containers=_with_resources(old.init_containers, new.init_containers),
        resources=new.resources if rules.is_on("InPlacePodLevelResourcesVerticalScaling") else old.resources,
    )


def _with_resources(old: list[v1.Container], new: list[v1.Container]) -> list[v1.Container]:
    if any(one.name != other.name for one, other in zip(old, new, strict=True)):
        return new
    return [
        replace(one, resources=other.resources, resize_policy=other.resize_policy)
        for one, other in zip(old, new, strict=True)
    ]


def _problems(pod: v1.Pod, new: v1.PodSpec, rules: ResizeRules) -> list[str]:
    """Mirrors ValidatePodResize."""
    old = pod.spec
    if "kubernetes.io/config.mirror" in pod.metadata.annotations:
        return [f"{_WHOLE_POD}: Forbidden: static pods cannot be resized"]
    if old.os is not None and old.os.name == "windows":
        return [f"{_WHOLE_POD}: Forbidden: windows pods cannot be resized"]
    problems = []
    if (pod.status.qos_class or spec_qos(old)) != spec_qos(new):
        why = "Pod QOS Class may not change as a result of resizing"
        problems.append(f'spec: Invalid value: "{pod.status.qos_class}": {why}')
    running = next((one for one in pod.status.container_statuses if one.state.running is not None), None)
    if running is not None and running.resources is None:
        problems.append("spec: Forbidden: Pod running on node without support for resize")
    if _has_level(old) or _has_level(new):
        if not rules.is_on("InPlacePodLevelResourcesVerticalScaling"):
            return [*problems, f"{_WHOLE_POD}: Forbidden: {_POD_LEVEL_IS_OFF}"]
        problems += _level_problems(old.resources, new.resources)
    other = _order_problems("containers", old.containers, new.containers)
    other += _order_problems("initContainers", old.init_containers, new.init_containers)
    if other:
        return problems + other
    init_too = rules.is_on("InPlacePodVerticalScalingInitContainers")
    problems += _removals(old, new, rules, init_too=init_too)
    problems += _other_changes(old, new, init_too=init_too)
    return problems


def _has_level(spec: v1.PodSpec) -> bool:
    return spec.resources is not None and bool(spec.resources.requests or spec.resources.limits)


def _level_problems(old: v1.ResourceRequirements | None, new: v1.ResourceRequirements | None) -> list[str]:
    if old is not None and new is None:
        return ["spec.resources: Forbidden: pod-level resources cannot be removed"]
    problems = []
    before, after = old or v1.ResourceRequirements(), new or v1.ResourceRequirements()
    if not after.requests.keys() >= before.requests.keys():
        problems.append("spec.resources.requests: Forbidden: pod-level resource requests cannot be removed")
    if not after.limits.keys() >= before.limits.keys():
        problems.append("spec.resources.limits: Forbidden: pod-level resource limits cannot be removed")
    if _with_old_amounts(after, before) != before:
        problems.append("spec: Forbidden: only cpu and memory resources are mutable at pod-level")
    return problems


def _order_problems(kind: str, old: list[v1.Container], new: list[v1.Container]) -> list[str]:
    if len(old) != len(new):
        return [f"spec.{kind}: Forbidden: {kind} may not be added or removed on resize"]
    return [
        f"spec.{kind}[{index}].name: Forbidden: {kind} may not be renamed or reordered on resize"
        for index, (one, other) in enumerate(zip(old, new, strict=True))
        if one.name != other.name
    ]


def _removals(old: v1.PodSpec, new: v1.PodSpec, rules: ResizeRules, *, init_too: bool) -> list[str]:
    """What a container may not lose."""
    problems = []
    for kind, before, after in (
        ("initContainers", old.init_containers, new.init_containers),
        ("containers", old.containers, new.containers),
    ):
        for index, (one, other) in enumerate(zip(before, after, strict=True)):
            if kind == "initContainers" and not init_too and one.restart_policy != "Always":
                continue
            path = f"spec.{kind}[{index}].resources"
            if not other.resources.requests.keys() >= one.resources.requests.keys():
                problems.append(f"{path}.requests: Forbidden: resource requests cannot be removed")
            if not other.resources.limits.keys() >= one.resources.limits.keys():
                problems.append(f"{path}.limits: Forbidden: resource limits cannot be removed")
            if rules.minor < MEMORY_DECREASE_MINOR and _shrinks_memory(one, other):
                why = f"memory limits cannot be decreased unless resizePolicy is {RESTART_CONTAINER}"
                problems.append(f"{path}.limits[memory]: Forbidden: {why}")
    return problems


def _shrinks_memory(old: v1.Container, new: v1.Container) -> bool:
    """Whether a memory limit becomes smaller without a restart."""
    before, after = old.resources.limits.get("memory"), new.resources.limits.get("memory")
    if before is None or after is None or parse_quantity(after).nano >= parse_quantity(before).nano:
        return False
    return not any(
        one.resource_name == Resizable.MEMORY and one.restart_policy == RESTART_CONTAINER for one in new.resize_policy
    )


def _other_changes(old: v1.PodSpec, new: v1.PodSpec, *, init_too: bool) -> list[str]:
    """Changes of anything but cpu and memory."""
    problems = []
    for one, other in zip(old.containers, new.containers, strict=True):
        if _with_old_resources(other, one) != one:
            problems.append("spec: Forbidden: only cpu and memory resources are mutable")
    for index, (one, other) in enumerate(zip(old.init_containers, new.init_containers, strict=True)):
        path, is_sidecar = f"spec.initContainers[{index}]", other.restart_policy == "Always"
        if not is_sidecar and not init_too:
            if other != one:
                problems.append("spec: Forbidden: resources for non-sidecar init containers are immutable")
            continue
        if _with_old_resources(other, one) != one:
            why = "only cpu and memory resources for init or sidecar containers are mutable"
            problems.append(f"{path}: Forbidden: {why}")
        if other != one and not is_sidecar:
            why = f"non-sidecar init containers with a resize policy of {RESTART_CONTAINER} cannot be resized"
            restarts = [policy for policy in other.resize_policy if policy.restart_policy == RESTART_CONTAINER]
            problems += [f"{path}: Forbidden: {why}" for _ in restarts]
    return problems


def _with_old_resources(container: v1.Container, old: v1.Container) -> v1.Container:
    """The container with the cpu and memory of the old one, so that all else can be compared."""
    resources = replace(_with_old_amounts(container.resources, old.resources), claims=[])
    return replace(container, resources=resources)


def _with_old_amounts(resources: v1.ResourceRequirements, old: v1.ResourceRequirements) -> v1.ResourceRequirements:
    def munged(amounts: Mapping[str, v1.Quantity], before: Mapping[str, v1.Quantity]) -> dict[str, v1.Quantity]:
        others = {name: amount for name, amount in amounts.items() if name not in ("cpu", "memory")}
        return others | {name: before[name] for name in ("cpu", "memory") if name in before}

    return replace(
        resources,
        requests=munged(resources.requests, old.requests),
        limits=munged(resources.limits, old.limits),
    )


def _check_node(pod: v1.Pod, spec: v1.PodSpec, rules: ResizeRules) -> None:
    """The admission plugin PodResizeValidator. Raises InputError."""
    if rules.minor < CAPACITY_MINOR or not spec.node_name:
        return
    forbidden = f'pods "{pod.metadata.name}" is forbidden: '
    node = rules.node
    if node is None:
        raise _refused(pod, f'{forbidden}node "{spec.node_name}" not found')
    os = node.metadata.labels.get("kubernetes.io/os", "linux")
    if os != "linux":
        name = node.metadata.name
        raise _refused(pod, f'{forbidden}pod resize is only supported on linux nodes, node "{name}" is "{os}"')
    requests, allocatable = pod_requests(spec, uses_pod_level=True), node.status.allocatable
    lacking = []
    if "cpu" in requests and requests["cpu"].nano > parse_quantity(allocatable.get("cpu", 0)).nano:
        room = parse_quantity(allocatable.get("cpu", 0)).milli_value
        lacking.append(f"cpu, requested: {requests['cpu'].milli_value}, allocatable: {room}")
    if "memory" in requests and requests["memory"].nano > parse_quantity(allocatable.get("memory", 0)).nano:
        room = parse_quantity(allocatable.get("memory", 0)).value
        lacking.append(f"memory, requested: {requests['memory'].value}, allocatable: {room}")
    if lacking:
        raise _refused(pod, f"{forbidden}node didn't have enough allocatable resources: {'; '.join(lacking)}")
