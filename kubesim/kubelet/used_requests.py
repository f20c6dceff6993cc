"""What a pod holds of the node until its resize is done: the larger of what it has and what it was given.

Mirrors Kubernetes: staging/src/k8s.io/component-helpers/resource/helpers.go (PodRequests with UseStatusResources,
determineEffectiveRequests).
"""

from __future__ import annotations

from collections.abc import Mapping

from kubesim.model import k8s_v1 as v1
from kubesim.model.pod_resources import aggregate, is_pod_level
from kubesim.model.quantity import parse_quantity
from kubesim.policy.resize_admission import INFEASIBLE
from kubesim.policy.resize_plan import ResourceAmounts

_Quantities = Mapping[str, v1.Quantity]


def used_requests(pod: v1.Pod, *, uses_pod_level: bool, by_level: bool) -> ResourceAmounts:
    """cpu and memory requests of a pod by its spec and its status. `by_level`: the status tells of the pod itself."""
    status = pod.status
    statuses = {one.name: one for one in (*status.container_statuses, *status.init_container_statuses)}
    is_infeasible = any(one.type == "PodResizePending" and one.reason == INFEASIBLE for one in status.conditions)
    regular = {one.name for one in pod.spec.containers}

    def of(container: v1.Container) -> _Quantities:
        spec, shown = container.resources.requests, statuses.get(container.name)
        is_step = container.name not in regular and container.restart_policy != "Always"
        if is_step or shown is None or shown.resources is None:
            return spec
        known = (shown.resources.requests, shown.allocated_resources)
        return _largest(*known) if is_infeasible else _largest(spec, *known)

    total = dict(aggregate(pod.spec, of))
    level = pod.spec.resources
    if uses_pod_level and level is not None:
        requests: _Quantities = {name: one for name, one in level.requests.items() if is_pod_level(name)}
        if by_level and status.resources is not None:
            known = (status.resources.requests, status.allocated_resources)
            found = _largest(*known) if is_infeasible else _largest(level.requests, *known)
            requests = {name: found.get(name, "0") for name in requests}
        total |= {name: parse_quantity(one) for name, one in requests.items()}
    return ResourceAmounts(
        cpu_request_milli=total["cpu"].milli_value if "cpu" in total else 0,
        memory_request_bytes=total["memory"].value if "memory" in total else 0,
    )


def _largest(*lists: _Quantities) -> dict[str, v1.Quantity]:
    found: dict[str, v1.Quantity] = {}
    for one in lists:
        for name, amount in one.items():
            if name not in found or parse_quantity(amount).nano > parse_quantity(found[name]).nano:
                found[name] = amount
    return found
