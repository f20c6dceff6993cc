"""Which of several static pods with one full name may run: one at a time, in the order in which they came. Pure.

Mirrors kubelet: pkg/kubelet/pod_workers.go, allowStaticPodStart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A static pod that has not started; `is_over` when it is to end before it could."""

    uid: str
    is_over: bool = False


def may_start(uid: str, *, started: str | None, waiting: Sequence[Waiting]) -> bool:
    """Whether the pod may start now: no other pod of its name has, and none before it still waits."""
    if started is not None:
        return started == uid
    return next((one.uid for one in waiting if not one.is_over), uid) == uid
