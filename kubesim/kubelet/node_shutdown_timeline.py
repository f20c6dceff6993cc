"""The story of a graceful shutdown: who is killed when, in which group, with how many seconds, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from kubesim.kernel import Kernel
from kubesim.policy.shutdown_groups import DEFAULT_PRIORITY


class ShutdownStep(StrEnum):
    """What a row of the timeline tells."""

    DETECTED = "shutdown detected"
    CANCELLED = "shutdown cancelled"
    GROUP_BEGINS = "group begins"
    KILL_BEGINS = "kill begins"
    POD_ENDED = "pod ended"
    POD_NOT_ENDED = "pod not ended"
    GROUP_DONE = "group done"
    GROUP_TIME_UP = "group time is up"
    STILL_MOUNTED = "volumes still mounted"
    COMPLETED = "shutdown handled"


@dataclass(frozen=True, slots=True, kw_only=True)
class ShutdownPod:
    """What a shutdown looks at in a pod. `grace_seconds` is spec.terminationGracePeriodSeconds."""

    uid: str
    namespace: str
    name: str
    priority: int | None = None
    grace_seconds: int | None = None
    is_static: bool = False

    @property
    def key(self) -> str:
        """namespace/name."""
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ShutdownEntry:
    """One row. `band` is the lowest priority of the group that the row is about, None for the node as a whole.

    `grace_seconds` is the pod's grace in a row about a pod, the group's seconds in a row about a group.
    """

    time_ns: int
    step: ShutdownStep
    subject: str = ""
    band: int | None = None
    grace_seconds: int | None = None
    reason: str = ""
    order: int = 0
    """The kernel's sequence number: orders rows of one instant, also those of the host's timeline."""


class ShutdownTimeline:
    """Collects the rows of one kubelet process, in order."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._entries: list[ShutdownEntry] = []

    @property
    def entries(self) -> Sequence[ShutdownEntry]:
        """What happened, oldest first."""
        return tuple(self._entries)

    def add(
        self,
        step: ShutdownStep,
        subject: str = "",
        *,
        band: int | None = None,
        grace_seconds: int | None = None,
        reason: str = "",
    ) -> None:
        """Add a row for the present instant."""
        self._entries.append(
            ShutdownEntry(
                time_ns=self._kernel.now_ns,
                step=step,
                subject=subject,
                band=band,
                grace_seconds=grace_seconds,
                reason=reason,
                order=self._kernel.sequence,
            )
        )


def grace_reason(pod: ShutdownPod, *, band: int, group_seconds: int) -> str:
    """Why a pod is in its group and gets the seconds it gets, in one sentence."""
    if pod.priority is None:
        priority = f"{'a static pod' if pod.is_static else 'a pod'} without a priority counts as {DEFAULT_PRIORITY}"
    else:
        priority = f"priority {pod.priority}"
    if pod.grace_seconds is None:
        grace = f"it has no grace of its own and gets the group's {group_seconds} s"
    elif pod.grace_seconds <= group_seconds:
        grace = f"its own {pod.grace_seconds} s are within the group's {group_seconds} s"
    else:
        grace = f"its own {pod.grace_seconds} s are cut to the group's {group_seconds} s"
    return f"{priority}, group {band}; {grace}"
