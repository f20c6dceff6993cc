"""Sums of resource requests over the containers of a pod, and the pod-level requests that follow from them.

Mirrors Kubernetes: staging/src/k8s.io/component-helpers/resource/helpers.go (AggregateContainerRequests) and
pkg/apis/core/v1/defaults.go (defaultPodRequests, defaultHugePagePodLimits).
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from kubesim.model.k8s_v1 import Container, PodSpec, Quantity
from kubesim.model.quantity import Amount, parse_quantity

_HUGE_PAGES = "hugepages-"


def aggregate_requests(spec: PodSpec) -> dict[str, Amount]:
    """What the containers of a pod ask for together: all that run side by side, or the largest init step if more.

    A sidecar counts beside the regular containers, and beside every init container after it.
    """
    return _aggregate(spec, _requests)


def aggregate_limits(spec: PodSpec) -> dict[str, Amount]:
    """What the containers of a pod may use together, summed as their requests are."""
    return _aggregate(spec, _limits)


def _aggregate(spec: PodSpec, amounts: Callable[[Container], dict[str, Amount]]) -> dict[str, Amount]:
    together: dict[str, Amount] = {}
    for container in spec.containers:
        together = _plus(together, amounts(container))
    sidecars: dict[str, Amount] = {}
    steps: dict[str, Amount] = {}
    for container in spec.init_containers:
        own = amounts(container)
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
        if name not in requests and (name in ("cpu", "memory") or name.startswith(_HUGE_PAGES)):
            requests[name] = limit
    return replace(spec, resources=replace(resources, requests=requests))


def _requests(container: Container) -> dict[str, Amount]:
    return {name: parse_quantity(amount) for name, amount in container.resources.requests.items()}


def _limits(container: Container) -> dict[str, Amount]:
    return {name: parse_quantity(amount) for name, amount in container.resources.limits.items()}


def _plus(one: dict[str, Amount], other: dict[str, Amount]) -> dict[str, Amount]:
    total = dict(one)
    for name, amount in other.items():
        # The sum prints in the format of its first part, as Quantity.Add keeps it.
        known = total.get(name)
        total[name] = amount if known is None else Amount(nano=known.nano + amount.nano, format=known.format)
    return total


def _larger(one: dict[str, Amount], other: dict[str, Amount]) -> dict[str, Amount]:
    result = dict(one)
    for name, amount in other.items():
        if name not in result or amount.nano > result[name].nano:
            result[name] = amount
    return result
