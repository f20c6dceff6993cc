"""What the kubelet knows of the resizes of its pods: the conditions that their statuses will show.

Mirrors kubelet: pkg/kubelet/status/status_manager.go (podResizeConditions and what writes it).
"""

from __future__ import annotations

from collections.abc import Iterable

from kubesim.kernel import Kernel
from kubesim.kubelet.metrics import IN_PROGRESS_RESIZES, PENDING_RESIZES, Metrics
from kubesim.policy.pod_view import Condition
from kubesim.policy.resize_admission import DEFERRED, INFEASIBLE
from kubesim.policy.resize_conditions import (
    NO_RESIZE,
    ResizeConditions,
    backfilled,
    with_in_progress,
    with_pending,
)


class ResizeStatus:
    """The resize conditions by pod uid; a pod without any takes no room."""

    def __init__(self, kernel: Kernel, metrics: Metrics) -> None:
        self._kernel = kernel
        self._metrics = metrics
        self._pods: dict[str, ResizeConditions] = {}

    def of(self, uid: str) -> ResizeConditions:
        """What holds of a pod."""
        return self._pods.get(uid, NO_RESIZE)

    def set_pending(self, uid: str, *, reason: str, message: str, generation: int) -> bool:
        """The resize waits, or will never be done; whether that is news."""
        after, is_news = with_pending(
            self.of(uid), reason=reason, message=message, generation=generation, now_ns=self._kernel.now_ns
        )
        self._put(uid, after)
        return is_news

    def set_in_progress(self, uid: str, *, generation: int, reason: str = "", message: str = "") -> tuple[int, bool]:
        """The resize is being done, or failed; the generation of the spec it began with, and whether that is news."""
        after, is_news = with_in_progress(
            self.of(uid), generation=generation, now_ns=self._kernel.now_ns, reason=reason, message=message
        )
        self._put(uid, after)
        observed = after.in_progress.observed_generation if after.in_progress is not None else None
        return observed or generation, is_news

    def clear_pending(self, uid: str) -> None:
        """Nothing waits."""
        self._put(uid, ResizeConditions(in_progress=self.of(uid).in_progress))

    def clear_in_progress(self, uid: str) -> int | None:
        """Nothing is being done any more; the generation of the spec that this began with, None when nothing was."""
        before = self.of(uid)
        if before.in_progress is None:
            return None
        self._put(uid, ResizeConditions(pending=before.pending))
        return before.in_progress.observed_generation or 0

    def backfill(self, uid: str, conditions: Iterable[Condition]) -> None:
        """A kubelet that starts takes over what the API shows."""
        found = backfilled(conditions, self._kernel.now_ns)
        if found != NO_RESIZE:
            self._put(uid, found)

    def forget(self, uid: str) -> None:
        """Drop a pod that is gone."""
        self._put(uid, NO_RESIZE)

    def _put(self, uid: str, conditions: ResizeConditions) -> None:
        before = self.of(uid)
        if conditions == NO_RESIZE:
            self._pods.pop(uid, None)
        else:
            self._pods[uid] = conditions
        if before != conditions:
            self._count()

    def _count(self) -> None:
        for reason in (DEFERRED, INFEASIBLE):
            found = [one for one in self._pods.values() if one.pending is not None and one.pending.reason == reason]
            if found:
                self._metrics.put(PENDING_RESIZES, len(found), reason=reason.lower())
            else:
                self._metrics.remove(PENDING_RESIZES, reason=reason.lower())
        self._metrics.put(IN_PROGRESS_RESIZES, sum(one.in_progress is not None for one in self._pods.values()))
