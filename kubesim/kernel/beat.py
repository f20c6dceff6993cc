"""The pulse of a loop that nearly always finds nothing to do.

A kubelet looks at its runtime every second, for days. What it sees changes only by events of this kernel, so as long
as none fires, a look that found nothing would find nothing again. The loop then sleeps on, and its beat only notes the
looks; when the queue holds nothing but such beats until something else is due, all of them are noted at once, and time
jumps there. The time and the order of everything else stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

from kubesim.kernel.idling import idle_on
from kubesim.kernel.looks import Looks
from kubesim.kernel.loop import Kernel, Timer
from kubesim.kernel.task import Arm, Disarm, Task, suspending


@dataclass(frozen=True, slots=True, kw_only=True)
class Idle:
    """What a task has its beat do in its stead, as long as nothing happens.

    `note` writes looks in vain down; it may change what only this task works on, and depends on no other beat. From
    `until_ns()` on a look is not in vain, though nothing has happened (None: it always is). `period_ns()` gives the
    time to the next look after each one (None: that of the wait).

    `pass_on()` does what the look finds to do there, if that is in vain as well, and says whether it has: it is asked
    as if the time had come, in the order of time, each time after `until_ns()`, which is another one afterwards. It
    schedules nothing. At most one beat of a kernel has it. (None: there the task wakes.)

    `still_holds()` says of a look at what something has happened to since the last one whether it would be in vain all
    the same, and changes nothing (None: only the look itself can tell).
    """

    note: Callable[[Looks], object]
    until_ns: Callable[[], int] | None = None
    period_ns: Callable[[], int] | None = None
    still_holds: Callable[[], bool] | None = None
    pass_on: Callable[[], bool] | None = None


class Beat:
    """Wakes one task again and again, unless that would be in vain.

    beat, is_vain = Beat(kernel), False
    while True:
        await beat.wait(SECOND_NS, self.idle if is_vain else None)
        is_vain = self._look()
    """

    __slots__ = ("_before", "_has_found_nothing", "_kernel", "_seen", "_task", "idle", "is_last", "period_ns", "timer")

    def __init__(self, kernel: Kernel, *, is_last: bool = False) -> None:
        """`is_last`: the task wakes after everything that was due at that instant already."""
        self._kernel = kernel
        self.is_last = is_last
        self.period_ns = 0
        self.idle: Idle | None = None
        self._task: Task[Any] | None = None
        self.timer: Timer | None = None
        self._has_found_nothing = False
        self._seen = 0
        self._before: int | None = None

    @suspending
    def wait(
        self, period_ns: int, idle: Idle | None = None, *, found_nothing: bool | None = None
    ) -> Generator[Arm, Any, None]:
        """Sleep for a period of at least 1 ns.

        With `found_nothing` the task says: what I did since I woke has changed nothing that anybody else looks at. With
        `idle` it says that the next look would change nothing, and unless it says otherwise, that this one has not
        either. Then, as long as no other event fires and nobody outside drives the kernel, the ends of periods are
        noted and wake nobody.
        """
        self.period_ns, self.idle = period_ns, idle
        self._has_found_nothing = idle is not None if found_nothing is None else found_nothing
        yield self._arm

    def wake(self) -> None:
        """End the sleep now; nothing when the task does not sleep here."""
        task, self._task = self._task, None
        if task is not None:
            self._disarm()
            task.wake()

    @property
    def next_ns(self) -> int | None:
        """When the next look is, in vain or not; None while the task is awake."""
        return None if self._task is None or self.timer is None else self.timer[0]

    @property
    def is_idle(self) -> bool:
        """Whether the task sleeps, and will sleep on until something happens or its time has come."""
        idle = self.idle
        if self._task is None or idle is None:
            return False
        return self._kernel.activity == self._seen or (idle.still_holds is not None and idle.still_holds())

    def settled(self, activity: int) -> Idle | None:
        """What the beat of a task that sleeps does in its stead while it `is_idle` at this `activity`, else None.

        For beats whose timers fire or wait, as those of tasks that are awake do not; nothing more comes of the event in
        which this is asked, so that what holds then is remembered.
        """
        if self._seen == activity:
            return self.idle
        idle = self.idle
        if idle is None or idle.still_holds is None or not idle.still_holds():
            return None
        self._seen = activity
        return idle

    def _arm(self, task: Task[Any]) -> Disarm:
        kernel = self._kernel
        if self._has_found_nothing and self._before is not None:
            # Still within the event that woke the task: all that happened since is its own look.
            kernel.activity = self._before
        self._task = task
        self._seen = kernel.activity
        self.timer = kernel.call_at(kernel.now_ns + self.period_ns, Beat.due, self)
        return self._disarm

    def _disarm(self, _: Task[Any] | None = None) -> None:
        if self.timer is not None:
            self._kernel.cancel(self.timer)
        self._task = None

    def due(self) -> None:
        """What its timer calls: the next look is due."""
        if self.is_last:
            self._kernel.activity -= 1
            self.timer = self._kernel.call_soon(self._fire)
        else:
            self._fire()

    def _fire(self) -> None:
        kernel, task = self._kernel, self._task
        kernel.activity -= 1
        before = kernel.activity
        idle = self.settled(before)
        if idle is not None:
            until_ns = None if idle.until_ns is None else idle.until_ns()
            if until_ns is None or kernel.now_ns < until_ns:
                idle_on(kernel, self, idle, until_ns, Beat.due)
                return
        kernel.activity += 1
        if task is not None:
            self._task, self._before = None, before
            task._send(None)  # noqa: SLF001 - what a sleep does when it is over
            self._before = None
