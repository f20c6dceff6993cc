"""Which of the resizes that wait is looked at first.

Mirrors kubelet: pkg/kubelet/allocation/allocation_manager.go (sortPendingResizes).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from kubesim.policy.qos import QosClass


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingResize:
    """A resize that waits. `pending_since_ns` is the lastTransitionTime of its PodResizePending, None without one.

    Times are ns since the Unix epoch.
    """

    uid: str
    is_increasing: bool
    priority: int = 0
    qos: QosClass = QosClass.BURSTABLE
    pending_since_ns: int | None = None


def resize_order(pending: Iterable[PendingResize]) -> tuple[str, ...]:
    """The uids in their order: what asks for no more first, then by priority, then Guaranteed, then the longest wait.

    The comparison of upstream prefers the newcomer among equals, and its sort of a short list is an insertion sort:
    both are kept, for they decide who gets the last millicore.
    """
    ordered: list[PendingResize] = []
    for one in pending:
        place = len(ordered)
        while place > 0 and _goes_before(one, ordered[place - 1]):
            place -= 1
        ordered.insert(place, one)
    return tuple(one.uid for one in ordered)


def _goes_before(one: PendingResize, other: PendingResize) -> bool:
    if not one.is_increasing or not other.is_increasing:
        return not one.is_increasing
    if one.priority != other.priority:
        return one.priority > other.priority
    if QosClass.GUARANTEED in {one.qos, other.qos} and one.qos is not other.qos:
        return one.qos is QosClass.GUARANTEED
    if one.pending_since_ns is None or other.pending_since_ns is None:
        return one.pending_since_ns is not None
    return one.pending_since_ns < other.pending_since_ns
