"""The life of a container: every pair of phase and event is decided, and what a client sees is derived."""

from __future__ import annotations

import itertools
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubesim.runtime.container_state import (
    TRANSITIONS,
    ContainerEvent,
    ContainerLife,
    Exited,
    FoundDead,
    IllegalTransition,
    Lost,
    Phase,
    RemoveBegun,
    Removed,
    RemoveFailed,
    ReportedState,
    StartBegun,
    Started,
    StartFailed,
    step,
)

EVENTS: dict[type, ContainerEvent] = {
    StartBegun: StartBegun(),
    Started: Started(at_ns=20),
    StartFailed: StartFailed(at_ns=30, exit_code=128, reason="StartError", message="no such program"),
    Exited: Exited(at_ns=40, exit_code=3),
    Lost: Lost(),
    FoundDead: FoundDead(at_ns=50, exit_code=255, reason="Unknown"),
    RemoveBegun: RemoveBegun(),
    RemoveFailed: RemoveFailed(),
    Removed: Removed(),
}
HISTORY = {
    Phase.CREATED: [],
    Phase.STARTING: [StartBegun],
    Phase.RUNNING: [StartBegun, Started],
    Phase.EXITED: [StartBegun, Started, Exited],
    Phase.UNKNOWN: [StartBegun, Started, Lost],
    Phase.DISCARDING: [RemoveBegun],
    Phase.REMOVING: [StartBegun, Started, Exited, RemoveBegun],
    Phase.REMOVED: [RemoveBegun, Removed],
}


def life_in(phase: Phase) -> ContainerLife:
    life = ContainerLife(created_at_ns=10)
    for kind in HISTORY[phase]:
        life = step(life, EVENTS[kind])
    assert life.phase is phase
    return life


def test_every_event_has_a_sample_and_every_phase_a_history() -> None:
    assert set(EVENTS) == set(get_args(ContainerEvent))
    assert set(HISTORY) == set(Phase)


@pytest.mark.parametrize(("phase", "kind"), list(itertools.product(Phase, EVENTS)))
def test_every_pair_is_a_row_or_refused(phase: Phase, kind: type[ContainerEvent]) -> None:
    life = life_in(phase)
    if (phase, kind) in TRANSITIONS:
        assert life.allows(kind)
        assert step(life, EVENTS[kind]).phase is TRANSITIONS[phase, kind]
    else:
        assert not life.allows(kind)
        with pytest.raises(IllegalTransition, match=f"{kind.__name__} is not legal in {phase}; legal here: "):
            step(life, EVENTS[kind])


def test_a_refusal_names_what_is_legal() -> None:
    with pytest.raises(IllegalTransition) as raised:
        step(life_in(Phase.CREATED), EVENTS[Started])
    legal = "Exited, FoundDead, RemoveBegun, StartBegun"
    assert str(raised.value) == f"Started is not legal in created; legal here: {legal}"
    with pytest.raises(IllegalTransition, match="legal here: nothing"):
        step(life_in(Phase.REMOVED), EVENTS[Removed])


@pytest.mark.parametrize(
    ("phase", "reported"),
    [
        (Phase.CREATED, ReportedState.CREATED),
        (Phase.STARTING, ReportedState.CREATED),
        (Phase.RUNNING, ReportedState.RUNNING),
        (Phase.EXITED, ReportedState.EXITED),
        (Phase.UNKNOWN, ReportedState.UNKNOWN),
        (Phase.DISCARDING, ReportedState.CREATED),
        (Phase.REMOVING, ReportedState.EXITED),
        (Phase.REMOVED, ReportedState.EXITED),
    ],
)
def test_what_a_client_sees(phase: Phase, reported: ReportedState) -> None:
    assert life_in(phase).reported_state is reported
    assert life_in(phase).is_running is (phase is Phase.RUNNING)


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        (Exited(at_ns=40, exit_code=0), "Completed"),
        (Exited(at_ns=40, exit_code=1), "Error"),
        (Exited(at_ns=40, exit_code=137), "Error"),
        (Exited(at_ns=40, exit_code=137, is_oom_killed=True), "OOMKilled"),
        (Exited(at_ns=40, exit_code=0, is_oom_killed=True), "OOMKilled"),
    ],
)
def test_the_reason_of_an_end(end: Exited, reason: str) -> None:
    life = step(life_in(Phase.RUNNING), end)
    assert (life.reported_reason, life.exit_code, life.finished_at_ns) == (reason, end.exit_code, 40)


def test_a_running_container_has_no_reason() -> None:
    assert life_in(Phase.RUNNING).reported_reason == ""


def test_a_failed_start_keeps_its_text() -> None:
    life = step(life_in(Phase.STARTING), EVENTS[StartFailed])
    assert (life.started_at_ns, life.finished_at_ns, life.exit_code) == (0, 30, 128)
    assert (life.reported_reason, life.message) == ("StartError", "no such program")


@given(st.lists(st.sampled_from(sorted(EVENTS, key=lambda kind: kind.__name__)), max_size=30))
def test_a_refused_event_changes_nothing_and_times_are_in_order(kinds: list[type[ContainerEvent]]) -> None:
    life = ContainerLife(created_at_ns=10)
    for kind in kinds:
        before = life
        try:
            life = step(life, EVENTS[kind])
        except IllegalTransition:
            assert life == before
        if life.started_at_ns and life.finished_at_ns:
            assert life.created_at_ns <= life.started_at_ns <= life.finished_at_ns
        assert (life.reported_state is ReportedState.EXITED) <= (
            life.finished_at_ns != 0 or life.phase is Phase.REMOVED
        )
