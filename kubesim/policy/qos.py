"""The quality-of-service class of a pod.

Mirrors: pkg/apis/core/v1/helper/qos/qos.go, ComputePodQOS.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

_QOS_RESOURCES = ("cpu", "memory")


class QosClass(StrEnum):
    """status.qosClass."""

    GUARANTEED = "Guaranteed"
    BURSTABLE = "Burstable"
    BEST_EFFORT = "BestEffort"


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """Requests and limits of one container, or of the pod: resource name -> amount, in any unit that adds up."""

    requests: Mapping[str, int] = field(default_factory=dict)
    limits: Mapping[str, int] = field(default_factory=dict)


def qos_class(containers: Iterable[Resources], *, pod_level: Resources | None = None) -> QosClass:
    """The class of a pod whose regular and init containers have these resources.

    `pod_level` is spec.resources where the gate PodLevelResources is on and it is set; it then speaks for all
    containers. Only cpu and memory above zero count. A status that already has a qosClass keeps it.
    """
    requests: Counter[str] = Counter()
    limits: Counter[str] = Counter()
    all_limited = True
    for resources in [pod_level] if pod_level is not None else containers:
        requests.update(_counted(resources.requests))
        limited = _counted(resources.limits)
        limits.update(limited)
        all_limited = all_limited and len(limited) == len(_QOS_RESOURCES)
    if not requests and not limits:
        return QosClass.BEST_EFFORT
    return QosClass.GUARANTEED if all_limited and requests == limits else QosClass.BURSTABLE


def _counted(amounts: Mapping[str, int]) -> dict[str, int]:
    return {name: amounts[name] for name in _QOS_RESOURCES if amounts.get(name, 0) > 0}
