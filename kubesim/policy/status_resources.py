"""The resources that a status shows: of a container, and of a pod.

Quantities are the texts of the API. Mirrors kubelet: pkg/kubelet/kubelet_pods.go (convertToAPIContainerStatuses,
convertToAPIPodLevelResourcesStatus).
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field

from kubesim.model.k8s_v1 import Quantity
from kubesim.model.quantity import format_bytes, format_millicores, millicores
from kubesim.policy.pod_cgroup import CPU_LIMIT_MIN_MILLI, SHARES_MIN, CgroupReading

_CPU, _MEMORY = "cpu", "memory"
_CPU_REQUEST_MIN_MILLI = SHARES_MIN
"""Upstream compares a request in millicores with the smallest weight."""


class Quantities(Struct, frozen=True, kw_only=True, gc=False):
    """Requests and limits, as the API has them; an empty map is one that is not there."""

    requests: Mapping[str, Quantity] = field(default_factory=dict)
    limits: Mapping[str, Quantity] = field(default_factory=dict)


NOTHING = Quantities()


class RuntimeResources(Struct, frozen=True, kw_only=True, gc=False):
    """What the runtime says that a container has; None where it says nothing.

    `memory_request` is the kubelet's own record, for no runtime knows memory requests.
    """

    cpu_request_milli: int | None = None
    cpu_limit_milli: int | None = None
    memory_limit_bytes: int | None = None
    memory_request: Quantity | None = None


def running_container_resources(
    allocated: Quantities, reported: RuntimeResources, old: Quantities = NOTHING
) -> Quantities:
    """resources of a running container. What the runtime does not say stays as `old` has it.

    `old` is what the status showed of the same container while it ran. Only kinds of resources that the container has
    at all are looked at: without limits there are none to show.
    """
    limits, requests = dict(allocated.limits), dict(allocated.requests)
    if limits:
        _put_cpu(limits, reported.cpu_limit_milli, old.limits, least_milli=CPU_LIMIT_MIN_MILLI)
        memory = None if reported.memory_limit_bytes is None else format_bytes(reported.memory_limit_bytes)
        _put(limits, _MEMORY, memory, old.limits)
    if requests:
        _put_cpu(requests, reported.cpu_request_milli, old.requests, least_milli=_CPU_REQUEST_MIN_MILLI)
        _put(requests, _MEMORY, reported.memory_request, old.requests)
    return Quantities(requests=requests, limits=limits)


def running_pod_resources(
    level: Quantities,
    cgroup: CgroupReading,
    *,
    aggregated_memory: Quantity | None,
    old: Quantities = NOTHING,
) -> Quantities:
    """status.resources of a pod whose phase was Running when its sync began.

    `level` is spec.resources, `cgroup` what the pod's control group says, `aggregated_memory` the memory that the pod
    requests altogether, `old` what the status shows, where it shows a running pod.
    """
    limits, requests = dict(level.limits), dict(level.requests)
    _put_cpu(requests, cgroup.cpu_request_milli, old.requests, least_milli=_CPU_REQUEST_MIN_MILLI)
    if _MEMORY not in requests and aggregated_memory is not None:
        requests[_MEMORY] = aggregated_memory
    _put(requests, _MEMORY, None, old.requests)
    _put_cpu(limits, cgroup.cpu_limit_milli, old.limits, least_milli=CPU_LIMIT_MIN_MILLI)
    memory = None if cgroup.memory_limit_bytes is None else format_bytes(cgroup.memory_limit_bytes)
    _put(limits, _MEMORY, memory, old.limits)
    return Quantities(requests=requests, limits=limits)


def _put_cpu(amounts: dict[str, Quantity], milli: int | None, old: Mapping[str, Quantity], *, least_milli: int) -> None:
    """Amounts that the kernel rounds up to its smallest one are shown as they were asked for."""
    if milli is None:
        _put(amounts, _CPU, None, old)
    elif milli > least_milli or millicores(amounts.get(_CPU, 0)) > least_milli:
        amounts[_CPU] = format_millicores(milli)


def _put(amounts: dict[str, Quantity], name: str, amount: Quantity | None, old: Mapping[str, Quantity]) -> None:
    if amount is not None:
        amounts[name] = amount
    elif name in old:
        amounts[name] = old[name]
