"""Sums of resource requests over the containers of a pod, and the pod-level requests that follow from them.

Mirrors Kubernetes: staging/src/k8s.io/component-helpers/resource/helpers.go (AggregateContainerRequests) and
pkg/apis/core/v1/defaults.go (defaultPodRequests, defaultHugePagePodLimits).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from msgspec.structs import replace

from kubesim.model.k8s_v1 import Container, PodSpec, Quantity
from kubesim.model.quantity import Amount, parse_quantity

_HUGE_PAGES = "hugepages-"

Amounts = Callable[[Container], Mapping[str, Quantity]]
"""What of a container is added up."""


def _requests_of(container: Container) -> Mapping[str, Quantity]:
    return container.resources.requests


def _limits_of(container: Container) -> Mapping[str, Quantity]:
    return container.resources.limits


def pod_requests(spec: PodSpec, *, uses_pod_level: bool, with_overhead: bool = True) -> dict[str, Amount]:
    """What a pod asks for: its containers together, or what the pod itself asks (`uses_pod_level`), and its overhead.

    Mirrors helpers.go, PodRequests.
    """
    total = aggregate_requests(spec)
    if uses_pod_level and spec.resources is not None:
        total |= _level(spec.resources.requests)
    return _plus(total, _parsed(spec.overhead)) if with_overhead else total


def pod_limits(spec: PodSpec, *, uses_pod_level: bool, with_overhead: bool = True) -> dict[str, Amount]:
    """The limits of a pod, likewise; overhead is added where there is a limit. Mirrors helpers.go, PodLimits."""
    total = aggregate_limits(spec)
    if uses_pod_level and spec.resources is not None:
        total |= _level(spec.resources.limits)
    return _plus_overhead(total, spec) if with_overhead else total


def weighed_requests(spec: PodSpec, *, uses_pod_level: bool) -> dict[str, Amount]:
    """What counts of a pod's requests when the node ends pods: with pod-level resources, only what the pod itself asks.

    Overhead is added where something is asked. `uses_pod_level`: the gate PodLevelResources is on.
    Mirrors pkg/api/v1/resource/helpers.go, GetResourceRequestQuantity.
    """
    level = spec.resources if uses_pod_level else None
    if level is not None and any(is_pod_level(name) for name in (*level.requests, *level.limits)):
        total = _level(level.requests)
    else:
        total = aggregate_requests(spec)
    return _plus_overhead(total, spec)


def is_pod_level(name: str) -> bool:
    """Whether a pod itself can have this resource. Mirrors helpers.go, IsSupportedPodLevelResource."""
    return name in ("cpu", "memory") or name.startswith(_HUGE_PAGES)


def aggregate_requests(spec: PodSpec) -> dict[str, Amount]:
    """What the containers of a pod ask for together."""
    return aggregate(spec, _requests_of)


def aggregate_limits(spec: PodSpec) -> dict[str, Amount]:
    """What the containers of a pod may use together, added up as their requests are."""
    return aggregate(spec, _limits_of)


def aggregate(spec: PodSpec, amounts: Amounts) -> dict[str, Amount]:
    """What the containers of a pod have together: all that run side by side, or the largest init step if more.

    A sidecar counts beside the regular containers, and beside every init container after it.
    """
    together: dict[str, Amount] = {}
    for container in spec.containers:
        together = _plus(together, _parsed(amounts(container)))
    sidecars: dict[str, Amount] = {}
    steps: dict[str, Amount] = {}
    for container in spec.init_containers:
        own = _parsed(amounts(container))
        if container.restart_policy == "Always":
            together, sidecars = _plus(together, own), _plus(sidecars, own)
            steps = _larger(steps, sidecars)
        else:
            steps = _larger(steps, _plus(own, sidecars))
    return _larger(together, steps)


def default_pod_huge_pages(spec: PodSpec) -> PodSpec:
    """Pod-level limits of huge pages for a pod that has pod-level resources: the sum of what its containers may use."""
    resources = spec.resources
    if resources is None or not (resources.limits or resources.requests):
        return spec
    added = {
        name: str(amount)
        for name, amount in aggregate_limits(spec).items()
        if name.startswith(_HUGE_PAGES) and name not in resources.requests and name not in resources.limits
    }
    return replace(spec, resources=replace(resources, limits={**resources.limits, **added})) if added else spec


def default_pod_requests(spec: PodSpec) -> PodSpec:
    """Pod-level requests for a pod that has pod-level limits: the sum of its containers, else the limit itself."""
    resources = spec.resources
    if resources is None or not resources.limits:
        return spec
    requests: dict[str, Quantity] = dict(resources.requests)
    for name, amount in aggregate_requests(spec).items():
        if name not in requests and name in ("cpu", "memory"):
            requests[name] = str(amount)
    for name, limit in resources.limits.items():
        if name not in requests and is_pod_level(name):
            requests[name] = limit
    return replace(spec, resources=replace(resources, requests=requests))


def _plus_overhead(total: dict[str, Amount], spec: PodSpec) -> dict[str, Amount]:
    """With the overhead of the pod, where there is anything."""
    overhead = {name: amount for name, amount in _parsed(spec.overhead).items() if name in total and total[name].nano}
    return _plus(total, overhead)


def _level(amounts: Mapping[str, Quantity]) -> dict[str, Amount]:
    """What a pod itself has, which stands for what its containers have."""
    return _parsed({name: amount for name, amount in amounts.items() if is_pod_level(name)})


def _parsed(quantities: Mapping[str, Quantity]) -> dict[str, Amount]:
    return {name: parse_quantity(amount) for name, amount in quantities.items()}


def _plus(one: dict[str, Amount], other: dict[str, Amount]) -> dict[str, Amount]:
    total = dict(one)
    for name, amount in other.items():
        # The sum prints in the format of its first part that is not nothing, as Quantity.Add keeps it.
        known = total.get(name)
        if known is None or not known.nano:
            total[name] = amount
        else:
            total[name] = Amount(nano=known.nano + amount.nano, format=known.format)
    return total


def _larger(one: dict[str, Amount], other: dict[str, Amount]) -> dict[str, Amount]:
    result = dict(one)
    for name, amount in other.items():
        if name not in result or amount.nano > result[name].nano:
            result[name] = amount
    return result
