"""The life of a sandbox, as a transition table: READY, then NOTREADY, then gone. There is no way back.

The same rules as in `container_state`: every change is a row, what a client sees is derived.
Mirrors containerd: internal/cri/store/sandbox/status.go.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from msgspec import Struct

from kubesim.model.frozen_records import replace
from kubesim.runtime.container_state import IllegalTransition


class SandboxPhase(StrEnum):
    """Where a sandbox stands between its creation and its removal."""

    READY = "ready"
    NOT_READY = "not-ready"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """The pause process ended, by a stop or by itself."""

    at_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Removed:
    """The sandbox is gone."""


SandboxEvent: TypeAlias = Stopped | Removed


TRANSITIONS: Mapping[tuple[SandboxPhase, type[SandboxEvent]], SandboxPhase] = {
    (SandboxPhase.READY, Stopped): SandboxPhase.NOT_READY,
    (SandboxPhase.NOT_READY, Removed): SandboxPhase.REMOVED,
}


class SandboxLife(Struct, frozen=True, kw_only=True, gc=False):
    """The phase of a sandbox with its times (ns since the Unix epoch, 0 = not yet)."""

    phase: SandboxPhase = SandboxPhase.READY
    created_at_ns: int
    stopped_at_ns: int = 0

    @property
    def is_ready(self) -> bool:
        """Whether the CRI shows SANDBOX_READY."""
        return self.phase is SandboxPhase.READY

    def allows(self, event: type[SandboxEvent]) -> bool:
        """Whether the table has a row for this event here."""
        return (self.phase, event) in TRANSITIONS


def step(life: SandboxLife, event: SandboxEvent) -> SandboxLife:
    """The life after `event`. Raises IllegalTransition when the table has no row for it."""
    phase = TRANSITIONS.get((life.phase, type(event)))
    if phase is None:
        legal = sorted(kind.__name__ for at, kind in TRANSITIONS if at is life.phase)
        raise IllegalTransition(
            f"{type(event).__name__} is not legal in {life.phase}; legal here: {', '.join(legal) or 'nothing'}"
        )
    if isinstance(event, Stopped):
        return replace(life, phase=phase, stopped_at_ns=event.at_ns)
    return replace(life, phase=phase)
