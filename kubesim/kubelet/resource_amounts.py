"""Resources of the API's structs, as the numbers and texts that the rules of `policy/` take."""

from __future__ import annotations

from msgspec.structs import replace

from kubesim.kubelet.container_resources import milli, whole
from kubesim.model import k8s_v1 as v1
from kubesim.policy.resize_plan import ResourceAmounts
from kubesim.policy.status_resources import NOTHING, Quantities

AnyContainer = v1.Container | v1.EphemeralContainer

_NO_RESOURCES = v1.ResourceRequirements()


def amounts(resources: v1.ResourceRequirements | None) -> ResourceAmounts:
    """cpu in millicores and memory in bytes; nothing of None."""
    if resources is None:
        return ResourceAmounts()
    return ResourceAmounts(
        cpu_request_milli=milli(resources.requests, "cpu"),
        cpu_limit_milli=milli(resources.limits, "cpu"),
        memory_request_bytes=whole(resources.requests, "memory"),
        memory_limit_bytes=whole(resources.limits, "memory"),
    )


def quantities(resources: v1.ResourceRequirements | None) -> Quantities:
    """Requests and limits as they are written; nothing of None."""
    return NOTHING if resources is None else Quantities(requests=resources.requests, limits=resources.limits)


def requirements(found: Quantities) -> v1.ResourceRequirements:
    """The struct of the API; one for all that have no resources, as most pods have none."""
    if not found.requests and not found.limits:
        return _NO_RESOURCES
    return v1.ResourceRequirements(requests=dict(found.requests), limits=dict(found.limits))


def with_pod_limits(
    resources: v1.ResourceRequirements, level: v1.ResourceRequirements | None
) -> v1.ResourceRequirements:
    """A container's resources, with the limits of the pod where it has none of its own.

    Mirrors kubelet: pkg/kubelet/util/util.go, GetLimits.
    """
    if level is None or not level.limits:
        return resources
    limits = dict(resources.limits)
    if not milli(limits, "cpu") and milli(level.limits, "cpu"):
        limits["cpu"] = level.limits["cpu"]
    if not whole(limits, "memory") and whole(level.limits, "memory"):
        limits["memory"] = level.limits["memory"]
    return resources if limits == resources.limits else replace(resources, limits=limits)


def resize_policies(container: v1.Container) -> dict[str, str]:
    """resizePolicy, by resource."""
    return {one.resource_name: one.restart_policy for one in container.resize_policy}


def is_resizable(container: v1.Container, *, is_init: bool, init_too: bool) -> bool:
    """Whether a container's resources may change: of plain init containers only with their gate (`init_too`).

    Mirrors kubelet: pkg/kubelet/allocation/allocation_manager.go, IsResizableContainer.
    """
    return not is_init or init_too or container.restart_policy == "Always"


def resizable_containers(spec: v1.PodSpec, *, init_too: bool) -> list[v1.Container]:
    """All containers whose resources may change, init containers first, as upstream's ContainerIter has them."""
    if not spec.init_containers:
        return spec.containers
    init = [one for one in spec.init_containers if is_resizable(one, is_init=True, init_too=init_too)]
    return [*init, *spec.containers]
