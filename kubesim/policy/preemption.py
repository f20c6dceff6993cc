"""Which pods make room for a critical pod that the node has no room for?

Guaranteed pods are spared before burstable ones, and those before best-effort ones; among equals as few as possible
go, and then those that ask for the least.

Mirrors kubelet: pkg/kubelet/preemption/preemption.go (getPodsToPreempt, getPodsToPreemptByDistance) and
pkg/kubelet/types/pod_update.go (Preemptable).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from kubesim.policy.qos import QosClass

PREEMPTED_REASON = "Preempting"
PREEMPTED_MESSAGE = "Preempted in order to admit critical pod"
PREEMPTED_CONDITION_MESSAGE = "Pod was preempted by Kubelet to accommodate a critical pod."


@dataclass(frozen=True, slots=True, kw_only=True)
class PreemptionPod:
    """A pod as preemption sees it; requests in millicores, bytes or pieces, and one of `pods`."""

    uid: str
    is_critical: bool = False
    priority: int | None = None
    qos: QosClass = QosClass.BEST_EFFORT
    requests: Mapping[str, int] = field(default_factory=dict)

    def request(self, resource: str) -> int:
        """What it asks for of a resource; every pod asks for one of `pods`."""
        return 1 if resource == "pods" else self.requests.get(resource, 0)


class NoVictims(Exception):
    """All pods together would not make enough room; `str(error)` is the kubelet's text."""


def is_preemptable(preemptor: PreemptionPod, other: PreemptionPod) -> bool:
    """Whether a pod may be ended for another."""
    if preemptor.is_critical and not other.is_critical:
        return True
    if preemptor.priority is None or other.priority is None:
        return False
    return preemptor.priority > other.priority


def pods_to_preempt(
    preemptor: PreemptionPod, pods: Sequence[PreemptionPod], missing: Mapping[str, int]
) -> list[PreemptionPod]:
    """The pods to end, in the order of their end. `missing` is what lacks, by resource. Raises NoVictims."""
    candidates = [one for one in pods if is_preemptable(preemptor, one)]
    best_effort, burstable, guaranteed = (
        [one for one in candidates if one.qos is qos]
        for qos in (QosClass.BEST_EFFORT, QosClass.BURSTABLE, QosClass.GUARANTEED)
    )
    never = _after(missing, candidates)
    if never:
        raise NoVictims(_no_room(never))
    guaranteed_victims = _closest(guaranteed, _after(missing, [*best_effort, *burstable]))
    burstable_victims = _closest(burstable, _after(missing, [*best_effort, *guaranteed_victims]))
    best_effort_victims = _closest(best_effort, _after(missing, [*burstable_victims, *guaranteed_victims]))
    return [*best_effort_victims, *burstable_victims, *guaranteed_victims]


def _closest(pods: Sequence[PreemptionPod], missing: Mapping[str, int]) -> list[PreemptionPod]:
    """Again and again the pod that leaves the least to be freed; of two alike the smaller one.

    The pods suffice: what those of the other classes free was taken off before.
    """
    left, victims = list(pods), []
    while missing:
        best = 0
        for index in range(1, len(left)):
            ours, theirs = _distance(left[index], missing), _distance(left[best], missing)
            if ours < theirs or (ours == theirs and _is_smaller(left[index], left[best])):
                best = index
        missing = _after(missing, [left[best]])
        victims.append(left[best])
        left[best] = left[-1]
        left.pop()
    return victims


def _distance(pod: PreemptionPod, missing: Mapping[str, int]) -> float:
    """How much would still lack, each resource weighed alike."""
    rests = ((amount - pod.request(name), amount) for name, amount in missing.items())
    return float(sum((rest / amount) ** 2 for rest, amount in rests if rest > 0))


def _is_smaller(pod: PreemptionPod, other: PreemptionPod) -> bool:
    mine = (pod.request("memory"), pod.request("cpu"))
    return mine <= (other.request("memory"), other.request("cpu"))


def _after(missing: Mapping[str, int], gone: Sequence[PreemptionPod]) -> dict[str, int]:
    """What still lacks once these pods are gone."""
    left = {name: amount - sum(one.request(name) for one in gone) for name, amount in missing.items()}
    return {name: amount for name, amount in left.items() if amount > 0}


def _no_room(missing: Mapping[str, int]) -> str:
    rows = "".join(f"(res: {name}, q: {amount}), " for name, amount in missing.items())
    text = f"no set of running pods found to reclaim resources: [{rows}]"
    return f"preemption: error finding a set of pods to preempt: {text}"
