"""Time in which nothing happens: what beats would do one by one, done at once.

    queue    A  B  A  A  B  A | X          X is no beat, or a beat that wakes its task: the stretch ends before it
    done     A: 4 looks, B: 2 looks, and time stands at the last of them

Rule 1: each beat is told once of all its looks; what they were together, `looks.in_order` knows.
Rule 2: afterwards the queue holds what it would hold had each look fired: the same timers in the same order.
Rule 3: a stretch ends before the instant of what ends it. That instant is played out one by one.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cmp_to_key
from itertools import pairwise
from typing import TYPE_CHECKING

from kubesim.kernel.looks import Looks, Series, Stretch
from kubesim.kernel.loop import Kernel, Timer

if TYPE_CHECKING:
    from kubesim.kernel.beat import Beat


class _Course:
    """One beat in a stretch: how far it has come."""

    __slots__ = ("beat", "idle", "next_ns", "series", "timer", "until_ns")

    def __init__(self, timer: Timer) -> None:
        """`timer` is that of an idle beat."""
        beat: Beat = timer[3][0]
        idle = beat.idle
        assert idle is not None, "an idle beat has something to do in the task's stead"
        self.beat = beat
        self.idle = idle
        self.timer = timer
        self.next_ns: int = timer[0]
        self.until_ns = None if idle.until_ns is None else idle.until_ns()
        self.series: Series | None = None

    def waking_ns(self) -> int | None:
        """When the task wakes though nothing happens, where the periods are all alike."""
        if self.until_ns is None:
            return None
        periods = -((self.next_ns - self.until_ns) // self.beat.period_ns)
        return self.next_ns + max(periods, 0) * self.beat.period_ns

    def look_until(self, end_ns: int) -> None:
        """All looks before that time, where the periods are all alike."""
        times_ns = range(self.next_ns, end_ns, self.beat.period_ns)
        if times_ns:
            self.series = Series(times_ns, self.timer[1], self.beat.is_last)
            self.next_ns = times_ns[-1] + self.beat.period_ns

    def look_at(self, times_ns: list[int]) -> None:
        """Looks whose periods were drawn, `next_ns` being the end of the last of these."""
        if times_ns:
            self.series = Series(tuple(times_ns), self.timer[1], self.beat.is_last)


def idle_on(kernel: Kernel, due: Callable[[Beat], object]) -> None:
    """Have all looks until something happens behind us, if nothing else comes first. A beat's timer calls `due`."""
    to_ns, next_ns = kernel.idles_to_ns, kernel.next_event_ns()
    if to_ns is None or next_ns is None or not kernel.now_ns < next_ns <= to_ns:
        return
    end_ns = to_ns + 1
    even: list[_Course] = []
    uneven: list[_Course] = []
    while (timer := kernel.next_timer()) is not None and timer[0] < end_ns:
        if timer[2] is not due or not timer[3][0].is_idle:
            end_ns = timer[0]
            break
        kernel.take_next()
        course = _Course(timer)
        if course.idle.period_ns is not None:
            uneven.append(course)
            continue
        even.append(course)
        waking_ns = course.waking_ns()
        if waking_ns is not None and waking_ns < end_ns:
            end_ns = waking_ns
    if uneven:
        end_ns = _draw(uneven, end_ns)
    looked: list[tuple[_Course, Series]] = []
    for course in even:
        course.look_until(end_ns)
    for course in (*even, *uneven):
        if course.series is None:
            kernel.put(course.timer)
        else:
            looked.append((course, course.series))
    if looked:
        _note(kernel, looked)


def _draw(courses: list[_Course], end_ns: int) -> int:
    """The looks before `end_ns` of beats that draw the length of each period; an earlier end when a task wakes before.

    In the order of time: nothing is drawn for looks behind the end.
    """
    drawn: list[list[int]] = [[] for _ in courses]
    while (now_ns := min(one.next_ns for one in courses)) < end_ns:
        due = [place for place, one in enumerate(courses) if one.next_ns == now_ns]
        if any((until_ns := courses[place].until_ns) is not None and now_ns >= until_ns for place in due):
            end_ns = now_ns
            break
        for place in due:
            drawn[place].append(now_ns)
            draw = courses[place].idle.period_ns
            assert draw is not None, "these are the beats that draw"
            courses[place].next_ns = now_ns + draw()
    for course, times_ns in zip(courses, drawn, strict=True):
        course.look_at(times_ns)
    return end_ns


def _last_look(one: tuple[_Course, Series]) -> tuple[int, bool]:
    """What decides nearly always."""
    return one[1].times_ns[-1], one[1].is_last


def _compare(one: tuple[_Course, Series], other: tuple[_Course, Series]) -> int:
    return -1 if one[1].ends_before(other[1]) else 1


_BY_LAST_LOOK = cmp_to_key(_compare)


def _note(kernel: Kernel, looked: list[tuple[_Course, Series]]) -> None:
    """Tell the beats of their looks, and set their timers in the order in which the last looks would have."""
    looked.sort(key=_last_look)
    if any(_last_look(one) == _last_look(other) for one, other in pairwise(looked)):
        looked.sort(key=_BY_LAST_LOOK)
    events = sum(len(series.times_ns) * (2 if series.is_last else 1) for _, series in looked)
    kernel.pass_by(looked[-1][1].times_ns[-1], events)
    stretch = Stretch()
    for course, series in looked:
        course.idle.note(Looks(series, stretch))
        course.beat.set_timer(course.next_ns)
