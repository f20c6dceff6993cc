"""Idle time that is passed at once is what it would be look by look: the same looks in the same order."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubesim.errors import SimulationStalled
from kubesim.kernel import Beat, Idle, Kernel, Looks, Prng, Series, Stretch, in_order


@dataclass(frozen=True, kw_only=True)
class Habit:
    """How a watcher looks: how often, from when on, with how much chance, and what it does though nothing happens."""

    period_ns: int
    first_ns: int = 0
    is_last: bool = False
    spread_ns: int = 0
    chore_ns: int = 0
    """It has a chore so long after the last one (0: never)."""
    news_every: int = 1
    """Of so many chores one is news to others."""
    passes_on: bool = False
    """Its beat does its chores, but for those that are news."""
    still_holds: bool = False
    """It can tell without a look whether that would be in vain."""
    says_nothing: bool = False
    """It says of looks at news, too, that they changed nothing."""
    settles_at_once: bool = False
    """It idles after news as well: the next look will be in vain."""


HABITS = st.builds(
    Habit,
    period_ns=st.integers(1, 6),
    first_ns=st.integers(0, 6),
    is_last=st.booleans(),
    spread_ns=st.sampled_from([0, 0, 3]),
    chore_ns=st.sampled_from([0, 0, 5, 17]),
    news_every=st.integers(1, 3),
    still_holds=st.booleans(),
    says_nothing=st.booleans(),
    settles_at_once=st.booleans(),
)


@st.composite
def households(draw: st.DrawFn) -> list[Habit]:
    """Habits, of which one may pass on."""
    habits = draw(st.lists(HABITS, min_size=1, max_size=4))
    place = draw(st.integers(0, len(habits)))
    if place < len(habits):
        chore_ns, news_every = draw(st.integers(1, 17)), draw(st.sampled_from([1, 2, 5, 100]))
        habits[place] = replace(habits[place], passes_on=True, chore_ns=chore_ns, news_every=news_every)
    return habits


EVENTS = st.lists(st.tuples(st.integers(0, 80), st.sampled_from(["change", "nothing", "later", "wake", "cancel"])))


class World:
    """Watchers of one number, and what happens to it.

    `trace` is who looked when and what came of it, `chores` is the time at which somebody did a chore,
    who that was, how many it had done before, and the number then.
    """

    def __init__(self, habits: list[Habit], *, one_by_one: bool = False, is_awake: bool = False) -> None:
        """Idle time is passed at once, or noted look by look, or nobody ever says that a look was in vain."""
        self.kernel = Kernel(start_ns=0)
        self.kernel.idles_one_by_one = one_by_one
        self.is_awake = is_awake
        self.number = 0
        self.trace: list[Any] = []
        self.chores: list[tuple[int, int, int, int]] = []
        self.stretches = 0
        self.watchers = [Watcher(self, name, habit) for name, habit in enumerate(habits)]
        self._stretch: tuple[Stretch | None, list[tuple[int, Series]]] = (None, [])

    def happen(self, what: str) -> None:
        self.note(self.kernel.now_ns, what)
        match what:
            case "change":
                self.number += 1
            case "later":
                self.kernel.call_later(3, self.happen, "change")
            case "wake":
                self.watchers[0].beat.wake()
            case "cancel":
                self.kernel.cancel(self.kernel.call_later(50, self.happen, "never"))

    def seen(self) -> list[Any]:
        """The whole trace so far."""
        self._close()
        return self.trace

    def note(self, *what: Any) -> None:
        self._close()
        self.trace.append(what)

    def note_in_vain(self, name: int, looks: Looks) -> None:
        if looks.stretch is None:
            self.note(looks.last_ns, name, "in vain")
            return
        stretch, series = self._stretch
        if stretch is not looks.stretch:
            self._close()
            self._stretch = stretch, series = looks.stretch, []
            self.stretches += 1
        series.append((name, looks.series))

    def _close(self) -> None:
        _, series = self._stretch
        self._stretch = None, []
        for time_ns, place in in_order([one for _, one in series]):
            self.trace.append((time_ns, series[place][0], "in vain"))


class Watcher:
    """One that looks at the number of a world, and has chores of its own."""

    def __init__(self, world: World, name: int, habit: Habit) -> None:
        self.world, self.name, self.habit = world, name, habit
        self.beat = Beat(world.kernel, is_last=habit.is_last)
        self.looks = 0
        """Those that its task did."""
        self._prng = Prng(name)
        self._seen = -1
        self._chores = 0
        self._chore_ns = habit.first_ns + habit.chore_ns
        world.kernel.call_at(habit.first_ns, self._begin)

    def _begin(self) -> None:
        self.world.kernel.spawn(self._watch(), name=f"watcher {self.name}")

    async def _watch(self) -> None:
        habit = self.habit
        idle = Idle(
            note=lambda looks: self.world.note_in_vain(self.name, looks),
            until_ns=(lambda: self._chore_ns) if habit.chore_ns else None,
            period_ns=self._next_ns if habit.spread_ns else None,
            still_holds=(lambda: self.world.number == self._seen) if habit.still_holds else None,
            pass_on=self._pass_on if habit.passes_on else None,
        )
        while True:
            is_in_vain, is_awake = self._look(), self.world.is_awake
            is_idle = (is_in_vain or habit.settles_at_once) and not is_awake
            found_nothing = (is_in_vain or self._says_nothing) and not is_awake
            await self.beat.wait(self._next_ns(), idle if is_idle else None, found_nothing=found_nothing)

    def _look(self) -> bool:
        """Whether it was in vain. The next one would be."""
        world, now_ns = self.world, self.world.kernel.now_ns
        self.looks += 1
        what: int | str = "in vain" if world.number == self._seen else world.number
        self._says_nothing = self.habit.says_nothing
        self._seen = world.number
        if self.habit.chore_ns and now_ns >= self._chore_ns and self._do_chore():
            self._says_nothing, what = False, f"news beside {what}"
            world.kernel.call_later(2, world.happen, "change")
        world.note(now_ns, self.name, what)
        return what == "in vain"

    def _do_chore(self) -> bool:
        """Whether it is news."""
        now_ns = self.world.kernel.now_ns
        self.world.chores.append((now_ns, self.name, self._chores, self.world.number))
        self._chores += 1
        self._chore_ns = now_ns + self.habit.chore_ns
        return self._chores % self.habit.news_every == 0

    def _pass_on(self) -> bool:
        is_news = (self._chores + 1) % self.habit.news_every == 0
        return not (is_news or self._do_chore())

    def _next_ns(self) -> int:
        return self.habit.period_ns + self._prng.below(self.habit.spread_ns + 1)


def upcoming(kernel: Kernel) -> list[int]:
    return [timer[0] for timer in sorted(kernel._queue) if timer[2] is not None]


@given(habits=households(), events=EVENTS, runs=st.lists(st.integers(0, 40), max_size=4))
def test_at_once_or_one_by_one_or_awake_is_the_same(
    habits: list[Habit], events: list[tuple[int, str]], runs: list[int]
) -> None:
    at_once, one_by_one, awake = World(habits), World(habits, one_by_one=True), World(habits, is_awake=True)
    for world in (at_once, one_by_one, awake):
        for time_ns, what in events:
            world.kernel.call_at(time_ns, world.happen, what)
        for delay_ns in (*runs, 60):
            world.kernel.run_until(world.kernel.now_ns + delay_ns)

    for slow in (one_by_one, awake):
        assert at_once.seen() == slow.seen()
        assert sorted(at_once.chores) == sorted(slow.chores)
        assert at_once.kernel.now_ns == slow.kernel.now_ns
        assert at_once.kernel.events_fired == slow.kernel.events_fired
        assert upcoming(at_once.kernel) == upcoming(slow.kernel)
        assert slow.stretches == 0


STEADY = [Habit(period_ns=10, is_last=True), Habit(period_ns=7, first_ns=3, spread_ns=2)]


def test_a_long_time_in_which_nothing_happens_is_one_stretch() -> None:
    world = World(STEADY)
    world.kernel.run_until(100_000)

    assert world.stretches == 1
    assert [one[0] for one in world.seen() if one[1] == 0] == list(range(0, 100_001, 10))


def test_a_goal_is_looked_at_after_every_look() -> None:
    world = World(STEADY)

    assert world.kernel.run_until(1_000, goal=lambda: world.kernel.now_ns >= 500)
    assert world.kernel.now_ns == 500
    assert world.stretches == 0


def test_a_real_time_pump_plays_idle_time_out() -> None:
    world = World(STEADY)
    world.kernel.run_slice(1_000, clock_ns=lambda: 0, slice_ns=1, lag_max_ns=2_000)

    assert world.kernel.now_ns == 1_000
    assert world.stretches == 0


def test_time_that_is_passed_at_once_is_no_endless_loop() -> None:
    world = World(STEADY)
    world.kernel.run_until(100_000, events_max=100)
    slow = World(STEADY, one_by_one=True)

    with pytest.raises(SimulationStalled):
        slow.kernel.run_until(100_000, events_max=100)


def test_what_happens_at_the_end_of_a_run_or_of_a_stretch_is_not_run_past() -> None:
    world = World(STEADY[:1])
    world.kernel.call_at(500, world.happen, "change")
    world.kernel.run_until(490)
    assert world.seen()[-1] == (490, 0, "in vain")
    world.kernel.run_until(505)

    assert world.seen()[-3:] == [(490, 0, "in vain"), (500, "change"), (500, 0, 1)]


CHORES = [Habit(period_ns=10, chore_ns=35, news_every=100, passes_on=True), STEADY[1]]


def test_what_a_beat_passes_on_does_not_end_a_stretch() -> None:
    world = World(CHORES)
    world.kernel.run_until(3_000)

    assert world.stretches == 1
    assert world.chores == [(40 * count, 0, count - 1, 0) for count in range(1, 76)]
    assert world.watchers[0].looks == 2


def test_a_stretch_ends_at_what_cannot_be_passed_on_and_the_task_wakes_for_it() -> None:
    world = World([replace(CHORES[0], news_every=4), CHORES[1]])
    world.kernel.run_until(300)

    assert [time_ns for time_ns, *_ in world.chores] == [40, 80, 120, 160, 200, 240, 280]
    assert (160, 0, "news beside in vain") in world.seen()
    # First and second look, the one with the news, and the two that see the change that it brings.
    assert world.watchers[0].looks == 5
    assert world.stretches == 2


def test_nothing_is_passed_on_behind_what_another_beat_wakes_for() -> None:
    rare = Habit(period_ns=3, spread_ns=5, chore_ns=100)
    for other in (rare, replace(rare, spread_ns=0)):
        worlds = [World([CHORES[0], other]), World([CHORES[0], other], is_awake=True)]
        for world in worlds:
            world.kernel.run_until(1_000)
        at_once, awake = worlds
        assert at_once.stretches >= 5
        assert sorted(at_once.chores) == sorted(awake.chores)
        # The chores of the other are news: what is passed on later finds another number.
        assert len({number for _, name, _, number in at_once.chores if name == 0}) >= 5


def test_what_is_passed_on_is_done_by_the_task_where_idle_time_is_played_out() -> None:
    world = World(CHORES, one_by_one=True)
    world.kernel.run_until(3_000)

    assert len(world.chores) == 75
    assert world.watchers[0].looks == 2 + 75


def test_a_chore_at_the_instant_of_something_else_is_done_in_its_turn() -> None:
    for is_last, numbers in ((False, [0, 1, 1]), (True, [1, 1, 1])):
        world = World([replace(CHORES[0], is_last=is_last), CHORES[1]])
        # The timer of the beat was set before that of the change, which is set at the very end of a stretch.
        world.kernel.call_at(39, world.kernel.call_at, 40, world.happen, "change")
        world.kernel.run_until(120)
        assert [number for *_, number in world.chores] == numbers
    world = World(CHORES)
    world.kernel.call_at(80, world.happen, "change")
    world.kernel.run_until(120)

    assert [number for *_, number in world.chores] == [0, 1, 1]


def test_no_beat_looks_behind_the_end_of_a_run_because_another_will_wake_there() -> None:
    world = World([Habit(period_ns=10, chore_ns=65), Habit(period_ns=3)])
    world.kernel.run_until(67)

    assert world.kernel.now_ns == 67
    assert world.seen()[-1] == (66, 1, "in vain")
