"""What the host did during a shutdown, and why: rows for timelines."""

from __future__ import annotations

from dataclasses import dataclass

from kubesim.kernel import Kernel


@dataclass(frozen=True, slots=True, kw_only=True)
class HostEntry:
    """One row: at `time_ns` (Unix epoch) `actor` did `what` to or with `subject`, because of `reason`."""

    time_ns: int
    actor: str
    what: str
    subject: str = ""
    reason: str = ""
    order: int = 0
    """The kernel's sequence number: orders rows of one instant, also those of another timeline."""


class HostTimeline:
    """Collects the rows of one part of the host, in order."""

    def __init__(self, kernel: Kernel, actor: str) -> None:
        self._kernel = kernel
        self._actor = actor
        self.entries: list[HostEntry] = []

    def add(self, what: str, subject: str = "", *, reason: str = "") -> None:
        """Add a row for the present instant."""
        self.entries.append(
            HostEntry(
                time_ns=self._kernel.now_ns,
                actor=self._actor,
                what=what,
                subject=subject,
                reason=reason,
                order=self._kernel.sequence,
            )
        )
