"""Idle time that is passed at once is what it would be look by look: the same looks in the same order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubesim.errors import SimulationStalled
from kubesim.kernel import Beat, Idle, Kernel, Looks, Prng, Series, Stretch, in_order


@dataclass(frozen=True)
class Habit:
    """How a watcher looks: how often, from when on, how long in vain (0: for ever), with how much chance."""

    period_ns: int
    first_ns: int
    is_last: bool
    patience_ns: int
    spread_ns: int


HABITS = st.builds(
    Habit,
    period_ns=st.integers(1, 6),
    first_ns=st.integers(0, 6),
    is_last=st.booleans(),
    patience_ns=st.sampled_from([0, 0, 5, 17]),
    spread_ns=st.sampled_from([0, 0, 3]),
)
EVENTS = st.lists(st.tuples(st.integers(0, 80), st.sampled_from(["change", "nothing", "later", "wake", "cancel"])))


class World:
    """Watchers of one number, and what happens to it; `trace` is who looked when and what came of it."""

    def __init__(self, habits: list[Habit], *, one_by_one: bool) -> None:
        self.kernel = Kernel(start_ns=0)
        self.kernel.idles_one_by_one = one_by_one
        self.number = 0
        self.trace: list[Any] = []
        self.stretches = 0
        self.beats = [Beat(self.kernel, is_last=habit.is_last) for habit in habits]
        self._stretch: tuple[Stretch | None, list[tuple[int, Series]]] = (None, [])
        for name, habit in enumerate(habits):
            self.kernel.call_at(habit.first_ns, self._begin, name, habit)

    def happen(self, what: str) -> None:
        self._note(self.kernel.now_ns, what)
        match what:
            case "change":
                self.number += 1
            case "later":
                self.kernel.call_later(3, self.happen, "change")
            case "wake":
                self.beats[0].wake()
            case "cancel":
                self.kernel.cancel(self.kernel.call_later(50, self.happen, "never"))

    def seen(self) -> list[Any]:
        """The whole trace so far."""
        self._close()
        return self.trace

    def _begin(self, name: int, habit: Habit) -> None:
        self.kernel.spawn(self._watch(name, habit), name=f"watcher {name}")

    async def _watch(self, name: int, habit: Habit) -> None:
        kernel, beat, prng, seen, patient_ns = self.kernel, self.beats[name], Prng(name), -1, 0

        def period_ns() -> int:
            return habit.period_ns + prng.below(habit.spread_ns + 1)

        idle = Idle(
            note=lambda looks: self._noted(name, looks),
            until_ns=(lambda: patient_ns) if habit.patience_ns else None,
            period_ns=period_ns if habit.spread_ns else None,
        )
        while True:
            is_in_vain, seen = self.number == seen, self.number
            patient_ns = kernel.now_ns + habit.patience_ns
            self._note(kernel.now_ns, name, seen)
            await beat.wait(period_ns(), idle if is_in_vain else None)

    def _noted(self, name: int, looks: Looks) -> None:
        if looks.stretch is None:
            self._note(looks.last_ns, name, "in vain")
            return
        stretch, series = self._stretch
        if stretch is not looks.stretch:
            self._close()
            self._stretch = stretch, series = looks.stretch, []
            self.stretches += 1
        series.append((name, looks.series))

    def _note(self, *what: Any) -> None:
        self._close()
        self.trace.append(what)

    def _close(self) -> None:
        _, series = self._stretch
        self._stretch = None, []
        for time_ns, place in in_order([one for _, one in series]):
            self.trace.append((time_ns, series[place][0], "in vain"))


def upcoming(kernel: Kernel) -> list[int]:
    return [timer[0] for timer in sorted(kernel._queue) if timer[2] is not None]


@given(habits=st.lists(HABITS, min_size=1, max_size=4), events=EVENTS, runs=st.lists(st.integers(0, 40), max_size=4))
def test_at_once_or_one_by_one_is_the_same(habits: list[Habit], events: list[tuple[int, str]], runs: list[int]) -> None:
    worlds = [World(habits, one_by_one=one_by_one) for one_by_one in (True, False)]
    for world in worlds:
        for time_ns, what in events:
            world.kernel.call_at(time_ns, world.happen, what)
        for delay_ns in (*runs, 60):
            world.kernel.run_until(world.kernel.now_ns + delay_ns)
    slow, fast = worlds

    assert fast.seen() == slow.seen()
    assert fast.kernel.now_ns == slow.kernel.now_ns
    assert fast.kernel.events_fired == slow.kernel.events_fired
    assert upcoming(fast.kernel) == upcoming(slow.kernel)
    assert slow.stretches == 0


STEADY = [
    Habit(10, 0, is_last=True, patience_ns=0, spread_ns=0),
    Habit(7, 3, is_last=False, patience_ns=0, spread_ns=2),
]


def test_a_long_time_in_which_nothing_happens_is_one_stretch() -> None:
    world = World(STEADY, one_by_one=False)
    world.kernel.run_until(100_000)

    assert world.stretches == 1
    assert [one[0] for one in world.seen() if one[1] == 0] == list(range(0, 100_001, 10))


def test_a_goal_is_looked_at_after_every_look() -> None:
    world = World(STEADY, one_by_one=False)

    assert world.kernel.run_until(1_000, goal=lambda: world.kernel.now_ns >= 500)
    assert world.kernel.now_ns == 500
    assert world.stretches == 0


def test_a_real_time_pump_plays_idle_time_out() -> None:
    world = World(STEADY, one_by_one=False)
    world.kernel.run_slice(1_000, clock_ns=lambda: 0, slice_ns=1, lag_max_ns=2_000)

    assert world.kernel.now_ns == 1_000
    assert world.stretches == 0


def test_time_that_is_passed_at_once_is_no_endless_loop() -> None:
    world = World(STEADY, one_by_one=False)
    world.kernel.run_until(100_000, events_max=100)
    slow = World(STEADY, one_by_one=True)

    with pytest.raises(SimulationStalled):
        slow.kernel.run_until(100_000, events_max=100)


def test_what_happens_at_the_end_of_a_run_or_of_a_stretch_is_not_run_past() -> None:
    world = World(STEADY[:1], one_by_one=False)
    world.kernel.call_at(500, world.happen, "change")
    world.kernel.run_until(490)
    assert world.seen()[-1] == (490, 0, "in vain")
    world.kernel.run_until(505)

    assert world.seen()[-3:] == [(490, 0, "in vain"), (500, "change"), (500, 0, 1)]
