"""The two conditions of a resize: that it waits, and that it is being done.

Mirrors kubelet: pkg/kubelet/status/status_manager.go (SetPodResizePendingCondition, SetPodResizeInProgressCondition,
ClearPodResize*Condition, BackfillPodResizeConditions, updatedPodResizeCondition).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from kubesim.model.frozen_records import replace
from kubesim.policy.pod_conditions import RESIZE_IN_PROGRESS, RESIZE_PENDING
from kubesim.policy.pod_view import Condition
from kubesim.policy.resize_admission import DEFERRED, INFEASIBLE


@dataclass(frozen=True, slots=True, kw_only=True)
class ResizeConditions:
    """What holds of one pod; None is a condition that does not."""

    pending: Condition | None = None
    in_progress: Condition | None = None

    @property
    def listed(self) -> tuple[Condition, ...]:
        """Both, in the order of a status."""
        if self.pending is None and self.in_progress is None:
            return ()
        return tuple(one for one in (self.pending, self.in_progress) if one is not None)

    @property
    def is_deferred(self) -> bool:
        """Whether the resize waits for room on the node."""
        return self.pending is not None and self.pending.reason == DEFERRED

    @property
    def is_infeasible(self) -> bool:
        """Whether the resize will never be done."""
        return self.pending is not None and self.pending.reason == INFEASIBLE


NO_RESIZE = ResizeConditions()


def with_pending(
    before: ResizeConditions, *, reason: str, message: str, generation: int, now_ns: int
) -> tuple[ResizeConditions, bool]:
    """The resize waits; also whether that is news, which an Event tells.

    Every reason of an admission handler but Infeasible is Deferred.
    """
    reason = INFEASIBLE if reason == INFEASIBLE else DEFERRED
    old = before.pending
    pending = _condition(RESIZE_PENDING, old, reason, message, generation, now_ns)
    is_news = old is None or (old.reason, old.observed_generation) != (reason, generation)
    return replace(before, pending=pending), is_news


def with_in_progress(
    before: ResizeConditions, *, generation: int, now_ns: int, reason: str = "", message: str = ""
) -> tuple[ResizeConditions, bool]:
    """The resize is being done; also whether that is news.

    An error stays until the condition is cleared, and so does the generation that the condition began with.
    """
    old = before.in_progress
    if old is not None:
        if not reason and not message:
            reason, message = old.reason, old.message
        generation = old.observed_generation or 0
    in_progress = _condition(RESIZE_IN_PROGRESS, old, reason, message, generation, now_ns)
    is_news = old is None or (old.reason, old.message) != (reason, message)
    return replace(before, in_progress=in_progress), is_news


def backfilled(conditions: Iterable[Condition], now_ns: int) -> ResizeConditions:
    """What a kubelet that starts takes over from the API; both times begin anew."""
    found = {
        one.type: _condition(one.type, None, one.reason, one.message, one.observed_generation or 0, now_ns)
        for one in conditions
        if one.type in {RESIZE_PENDING, RESIZE_IN_PROGRESS}
    }
    return ResizeConditions(pending=found.get(RESIZE_PENDING), in_progress=found.get(RESIZE_IN_PROGRESS))


def _condition(
    condition_type: str, old: Condition | None, reason: str, message: str, generation: int, now_ns: int
) -> Condition:
    moved_ns = old.last_transition_ns if old is not None and old.reason == reason else now_ns
    return Condition(
        type=condition_type,
        status="True",
        reason=reason,
        message=message,
        observed_generation=generation,
        last_transition_ns=moved_ns,
        last_probe_ns=now_ns,
    )
