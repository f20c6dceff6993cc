"""The life of a container, as a transition table.

    CREATED ──StartBegun──> STARTING ──Started──> RUNNING ──Exited──> EXITED ──RemoveBegun──> REMOVING ──Removed──┐
       │                       │                     └──Lost──> UNKNOWN ──Exited──^ ^                            │
       │                       └──StartFailed────────────────────────────────────────┘                            v
       └──RemoveBegun──> DISCARDING ──Removed─────────────────────────────────────────────────────────────────> REMOVED

A stop before the start, where it is no no-op, goes from CREATED to EXITED by Exited. A removal that is given up goes
back: REMOVING to EXITED, DISCARDING to CREATED. After a restart, a container may be FoundDead in CREATED, RUNNING and
UNKNOWN, and is EXITED then.

Rule 1: every change of a container's life is a row of TRANSITIONS, in this file.
Rule 2: the table moves the phase, and the same step records the times and the exit code.
Rule 3: what a client sees (`reported_state`, `reported_reason`) is derived, never stored.
Rule 4: this file does not know what time it is, who is calling, or why.

Mirrors containerd: internal/cri/store/container/status.go, where STARTING and REMOVING are the flags Starting and
Removing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from msgspec import Struct

from kubesim.model.frozen_records import replace


class Phase(StrEnum):
    """Where a container stands between its creation and its removal."""

    CREATED = "created"
    STARTING = "starting"
    RUNNING = "running"
    EXITED = "exited"
    UNKNOWN = "unknown"
    """The runtime lost sight of the container's processes."""
    DISCARDING = "discarding"
    """It is being removed and never ran."""
    REMOVING = "removing"
    """It is being removed after it ran."""
    REMOVED = "removed"


class ReportedState(StrEnum):
    """The states of the CRI, by the names of enum ContainerState without its prefix."""

    CREATED = "created"
    RUNNING = "running"
    EXITED = "exited"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class StartBegun:
    """A StartContainer call claimed the container."""


class Started(Struct, frozen=True, kw_only=True, gc=False):
    """The first process runs."""

    at_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StartFailed:
    """The first process could not be started. How that is reported is the runtime's dialect."""

    at_ns: int
    exit_code: int
    reason: str
    message: str
    started_at_ns: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Exited:
    """The first process ended."""

    at_ns: int
    exit_code: int
    is_oom_killed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """The runtime cannot tell any more what became of the processes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundDead:
    """After a restart the processes were gone, and nobody saw how they ended."""

    at_ns: int
    exit_code: int
    reason: str
    started_at_ns: int | None = None
    """None leaves the time as it was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveBegun:
    """A RemoveContainer call claimed the container."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveFailed:
    """The removal was given up; the container is as it was before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Removed:
    """The container is gone."""


ContainerEvent: TypeAlias = (
    StartBegun | Started | StartFailed | Exited | Lost | FoundDead | RemoveBegun | RemoveFailed | Removed
)


TRANSITIONS: Mapping[tuple[Phase, type[ContainerEvent]], Phase] = {
    (Phase.CREATED, StartBegun): Phase.STARTING,
    (Phase.CREATED, Exited): Phase.EXITED,
    (Phase.STARTING, Started): Phase.RUNNING,
    (Phase.STARTING, StartFailed): Phase.EXITED,
    (Phase.RUNNING, Exited): Phase.EXITED,
    (Phase.RUNNING, Lost): Phase.UNKNOWN,
    (Phase.UNKNOWN, Exited): Phase.EXITED,
    (Phase.CREATED, FoundDead): Phase.EXITED,
    (Phase.RUNNING, FoundDead): Phase.EXITED,
    (Phase.UNKNOWN, FoundDead): Phase.EXITED,
    (Phase.CREATED, RemoveBegun): Phase.DISCARDING,
    (Phase.DISCARDING, Removed): Phase.REMOVED,
    (Phase.DISCARDING, RemoveFailed): Phase.CREATED,
    (Phase.EXITED, RemoveBegun): Phase.REMOVING,
    (Phase.REMOVING, Removed): Phase.REMOVED,
    (Phase.REMOVING, RemoveFailed): Phase.EXITED,
}


_REPORTED: Mapping[Phase, ReportedState] = {
    Phase.CREATED: ReportedState.CREATED,
    Phase.STARTING: ReportedState.CREATED,
    Phase.DISCARDING: ReportedState.CREATED,
    Phase.RUNNING: ReportedState.RUNNING,
    Phase.EXITED: ReportedState.EXITED,
    Phase.REMOVING: ReportedState.EXITED,
    Phase.REMOVED: ReportedState.EXITED,
    Phase.UNKNOWN: ReportedState.UNKNOWN,
}


class IllegalTransition(Exception):
    """An event that the table does not allow. A bug of the caller: handlers ask `allows` first."""


class ContainerLife(Struct, frozen=True, kw_only=True, gc=False):
    """The phase of a container with its times (ns since the Unix epoch, 0 = not yet) and its end."""

    phase: Phase = Phase.CREATED
    created_at_ns: int
    started_at_ns: int = 0
    finished_at_ns: int = 0
    exit_code: int = 0
    reason: str = ""
    """Only what cannot be derived from the exit code: `StartError`, `Unknown`, `OOMKilled`."""
    message: str = ""

    @property
    def reported_state(self) -> ReportedState:
        """The state as the CRI shows it."""
        return _REPORTED[self.phase]

    @property
    def reported_reason(self) -> str:
        """The reason as the CRI shows it: derived from the exit code unless something else is known."""
        if self.reason or self.reported_state is not ReportedState.EXITED:
            return self.reason
        return "Completed" if self.exit_code == 0 else "Error"

    @property
    def is_running(self) -> bool:
        """Whether there are processes to talk to."""
        return self.phase is Phase.RUNNING

    def allows(self, event: type[ContainerEvent]) -> bool:
        """Whether the table has a row for this event here."""
        return (self.phase, event) in TRANSITIONS


def step(life: ContainerLife, event: ContainerEvent) -> ContainerLife:
    """The life after `event`.

    Raises IllegalTransition when the table has no row for it; the life is then as it was.
    """
    phase = TRANSITIONS.get((life.phase, type(event)))
    if phase is None:
        legal = sorted(kind.__name__ for at, kind in TRANSITIONS if at is life.phase)
        raise IllegalTransition(
            f"{type(event).__name__} is not legal in {life.phase}; legal here: {', '.join(legal) or 'nothing'}"
        )
    match event:
        case Started():
            return replace(life, phase=phase, started_at_ns=event.at_ns)
        case StartFailed():
            return replace(
                life,
                phase=phase,
                started_at_ns=event.started_at_ns,
                finished_at_ns=event.at_ns,
                exit_code=event.exit_code,
                reason=event.reason,
                message=event.message,
            )
        case Exited():
            reason = "OOMKilled" if event.is_oom_killed else life.reason
            return replace(life, phase=phase, finished_at_ns=event.at_ns, exit_code=event.exit_code, reason=reason)
        case FoundDead():
            return replace(
                life,
                phase=phase,
                started_at_ns=life.started_at_ns if event.started_at_ns is None else event.started_at_ns,
                finished_at_ns=event.at_ns,
                exit_code=event.exit_code,
                reason=event.reason,
            )
        case StartBegun() | Lost() | RemoveBegun() | RemoveFailed() | Removed():
            return replace(life, phase=phase)
