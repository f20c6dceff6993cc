"""Time in which nothing happens: what beats do in their tasks' stead, done at once.

    queue    A  B  A  A  B  A | X          X is no beat, or a beat that wakes its task: the stretch ends before it
    done     A: 4 looks, B: 2 looks, and time stands at the last of them

Rule 1: each beat is told once of all its looks; what they were together, `looks.in_order` knows.
Rule 2: afterwards the queue holds what it would hold had each look fired: the same timers in the same order.
Rule 3: a stretch ends before the instant of what ends it. That instant is played out one by one.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cmp_to_key
from operator import itemgetter
from typing import TYPE_CHECKING, TypeAlias

from msgspec import Struct

from kubesim.kernel.looks import Looks, Series, Stretch
from kubesim.kernel.loop import Kernel, Timer

if TYPE_CHECKING:
    from kubesim.kernel.beat import Beat, Idle


Due: TypeAlias = "Callable[[Beat], object]"
"""What a beat's timer calls."""


class _Course(Struct, gc=False):
    """One beat in a stretch: how far it has come."""

    beat: Beat
    idle: Idle
    next_ns: int
    sequence: int
    until_ns: int | None
    timer: Timer | None
    """The one that was taken out of the queue for it."""
    series: Series | None = None
    """Its looks, once they are drawn."""

    def waking_ns(self, until_ns: int) -> int:
        """When the task wakes though nothing happens; the periods are all alike."""
        next_ns, period_ns = self.next_ns, self.beat.period_ns
        return next_ns if until_ns <= next_ns else next_ns - (next_ns - until_ns) // period_ns * period_ns

    def look_until(self, end_ns: int) -> _Looked:
        """All looks before that time, of which there is one at least; the periods are all alike."""
        first_ns, beat = self.next_ns, self.beat
        period_ns, is_last = beat.period_ns, beat.is_last
        before_ns = (end_ns - 1 - first_ns) // period_ns * period_ns
        last_ns = first_ns + before_ns
        self.next_ns = last_ns + period_ns
        series = Series(first_ns, last_ns, period_ns, before_ns // period_ns + 1, self.sequence, is_last)
        return (last_ns, is_last, last_ns - period_ns if before_ns else -1), self, series

    def look_at(self, times_ns: list[int]) -> None:
        """Looks whose periods were drawn, `next_ns` being the end of the last of these."""
        drawn_ns = tuple(times_ns)
        last_ns, is_last = drawn_ns[-1], self.beat.is_last
        self.series = Series(drawn_ns[0], last_ns, 0, len(drawn_ns), self.sequence, is_last, drawn_ns)


_Looked: TypeAlias = tuple[tuple[int, bool, int], _Course, Series]
"""A beat that has looked; first `Series.end`, which says in which order the beats did."""


def idle_on(kernel: Kernel, first: Beat, idle: Idle, first_until_ns: int | None, due: Due) -> None:
    """Have the look of an idle beat, whose timer has fired, and with it all looks until something happens.

    A beat's timer calls `due`. Where time has to be played out, it is that one look.
    """
    now_ns, to_ns = kernel.now_ns, kernel.idles_to_ns
    course = _Course(first, idle, now_ns, 0, first_until_ns, None)
    ends = kernel.ends_idling
    if to_ns is None or (ends is not None and ends[0] == now_ns and ends[2] is not None):
        # Time is played out, and so is the instant at which something will have ended the stretch before.
        _look_once(kernel, course, due)
        return
    plan = _plan(kernel, course, to_ns + 1, due)
    if plan.passing is not None:
        _pass_on(kernel, plan, plan.passing)
    if plan.uneven:
        _draw(plan)
    end_ns = plan.end_ns
    looked: list[_Looked] = []
    for course in plan.courses:
        series = course.series
        if series is None:
            if course.next_ns >= end_ns or course.idle.period_ns is not None:
                if course.timer is not None:
                    kernel.put(course.timer)
                continue
            looked.append(course.look_until(end_ns))
        else:
            looked.append((series.end, course, series))
    if end_ns <= now_ns:
        _look_once(kernel, plan.courses[0], due)
    else:
        _note(kernel, first, looked, due)
    kernel.ends_idling = plan.end_timer if plan.waking is None else plan.waking.beat.timer


class _Plan(Struct, gc=False):
    """The beats whose next looks come before the end of a stretch, as far as that is known, and what ends it."""

    courses: list[_Course]
    uneven: list[_Course]
    """Those that draw the length of each period."""
    passing: _Course | None
    """The one that passes on what it finds to do, if it will find something."""
    end_ns: int
    waking: _Course | None = None
    """The one whose task wakes then."""
    end_timer: Timer | None = None
    """If nobody does, the timer that fires then; None for the end of the run."""


def _plan(kernel: Kernel, course: _Course, end_ns: int, due: Due) -> _Plan:
    """Take the timers of idle beats out of the queue, up to the first event that is something else."""
    activity = kernel.activity
    plan = _Plan([], [], None, end_ns)
    while True:
        plan.courses.append(course)
        idle, until_ns = course.idle, course.until_ns
        if idle.period_ns is not None:
            plan.uneven.append(course)
        elif until_ns is not None and until_ns < end_ns:
            if idle.pass_on is not None:
                assert plan.passing is None, "one beat passes on at most"
                plan.passing = course
            elif (waking_ns := course.waking_ns(until_ns)) < end_ns:
                end_ns, plan.waking = waking_ns, course
        timer = kernel.take(due, end_ns)
        if timer is None:
            timer = kernel.next_timer()
            if timer is not None and timer[0] < end_ns:
                end_ns, plan.end_timer, plan.waking = timer[0], timer, None
            plan.end_ns = end_ns
            return plan
        beat: Beat = timer[3][0]
        settled = beat.settled(activity)
        if settled is None:
            kernel.put(timer)
            plan.end_ns, plan.end_timer, plan.waking = timer[0], timer, None
            return plan
        until_ns = None if settled.until_ns is None else settled.until_ns()
        course = _Course(beat, settled, timer[0], timer[1], until_ns, timer)


def _look_once(kernel: Kernel, course: _Course, due: Due) -> None:
    beat, idle = course.beat, course.idle
    idle.note(Looks(Series(course.next_ns, course.next_ns, beat.period_ns, 1, 0)))
    period_ns = beat.period_ns if idle.period_ns is None else idle.period_ns()
    beat.timer = kernel.call_at(course.next_ns + period_ns, due, beat)


def _pass_on(kernel: Kernel, plan: _Plan, course: _Course) -> None:
    """Have one beat pass on what it can, until the others end the stretch, or it does."""
    idle, end_ns = course.idle, plan.end_ns
    assert idle.pass_on is not None, "this beat passes on"
    assert idle.until_ns is not None, "there is something to pass on"
    # When a beat that draws its periods wakes is not drawn yet; it is no sooner than this.
    sure_ns = min([end_ns, *(one.until_ns for one in plan.uneven if one.until_ns is not None)])
    while course.until_ns is not None and (waking_ns := course.waking_ns(course.until_ns)) < end_ns:
        if waking_ns >= sure_ns or not kernel.as_of(waking_ns, idle.pass_on):
            plan.end_ns, plan.waking = waking_ns, course
            break
        course.until_ns = kernel.as_of(waking_ns, idle.until_ns)


def _draw(plan: _Plan) -> None:
    """The looks of beats that draw the length of each period; the stretch ends earlier when one of their tasks wakes.

    In the order of time: nothing is drawn for looks behind the end.
    """
    courses = plan.uneven
    if len(courses) == 1:
        _draw_alone(plan, courses[0])
        return
    end_ns = plan.end_ns
    drawn: list[list[int]] = [[] for _ in courses]
    while (now_ns := min([one.next_ns for one in courses])) < end_ns:
        due = [place for place, one in enumerate(courses) if one.next_ns == now_ns]
        waking = [place for place in due if (until_ns := courses[place].until_ns) is not None and now_ns >= until_ns]
        if waking:
            plan.end_ns, plan.waking = now_ns, courses[waking[0]]
            break
        for place in due:
            drawn[place].append(now_ns)
            draw = courses[place].idle.period_ns
            assert draw is not None, "these are the beats that draw"
            courses[place].next_ns = now_ns + draw()
    for course, times_ns in zip(courses, drawn, strict=True):
        if times_ns:
            course.look_at(times_ns)


def _draw_alone(plan: _Plan, course: _Course) -> None:
    """`_draw` of one beat."""
    end_ns, draw, now_ns = plan.end_ns, course.idle.period_ns, course.next_ns
    assert draw is not None, "this beat draws"
    stop_ns = end_ns if course.until_ns is None else min(course.until_ns, end_ns)
    times_ns: list[int] = []
    while now_ns < stop_ns:
        times_ns.append(now_ns)
        now_ns += draw()
    course.next_ns = now_ns
    if times_ns:
        course.look_at(times_ns)
    if now_ns < end_ns:
        plan.end_ns, plan.waking = now_ns, course


def _compare(one: _Looked, other: _Looked) -> int:
    return -1 if one[2].ends_before(other[2]) else 1


_BY_LAST_LOOK = cmp_to_key(_compare)
_END = itemgetter(0)


def _note(kernel: Kernel, first: Beat, looked: list[_Looked], due: Due) -> None:
    """Tell the beats of their looks, and set their timers in the order in which the last looks would have."""
    is_clear = len(set(map(_END, looked))) == len(looked)
    looked.sort(key=_END if is_clear else _BY_LAST_LOOK)
    # The look that has come already, the first of the first beat, was an event of its own.
    events = sum([2 * series.times if series.is_last else series.times for _, _, series in looked])
    events -= 2 if first.is_last else 1
    kernel.pass_by(looked[-1][2].last_ns, events)
    stretch = Stretch() if events else None
    for _, course, series in looked:
        course.idle.note(Looks(series, stretch))
        course.beat.timer = kernel.call_at(course.next_ns, due, course.beat)
