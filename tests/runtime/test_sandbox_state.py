"""The life of a sandbox: READY, NOTREADY, gone, and no way back."""

from __future__ import annotations

import itertools

import pytest

from kubesim.runtime.container_state import IllegalTransition
from kubesim.runtime.sandbox_state import TRANSITIONS, Removed, SandboxEvent, SandboxLife, SandboxPhase, Stopped, step

EVENTS: dict[type, SandboxEvent] = {Stopped: Stopped(at_ns=20), Removed: Removed()}
HISTORY = {
    SandboxPhase.READY: [],
    SandboxPhase.NOT_READY: [Stopped],
    SandboxPhase.REMOVED: [Stopped, Removed],
}


@pytest.mark.parametrize(("phase", "kind"), list(itertools.product(SandboxPhase, EVENTS)))
def test_every_pair_is_a_row_or_refused(phase: SandboxPhase, kind: type[SandboxEvent]) -> None:
    life = SandboxLife(created_at_ns=10)
    for before in HISTORY[phase]:
        life = step(life, EVENTS[before])
    assert life.phase is phase
    if (phase, kind) in TRANSITIONS:
        assert life.allows(kind)
        assert step(life, EVENTS[kind]).phase is TRANSITIONS[phase, kind]
    else:
        assert not life.allows(kind)
        with pytest.raises(IllegalTransition, match=f"{kind.__name__} is not legal in {phase}"):
            step(life, EVENTS[kind])


def test_readiness_is_derived() -> None:
    life = SandboxLife(created_at_ns=10)
    assert life.is_ready
    stopped = step(life, Stopped(at_ns=20))
    assert not stopped.is_ready
    assert stopped.stopped_at_ns == 20
