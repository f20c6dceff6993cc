"""The real-time pump: the same kernel, fed from a server's event loop.

Rule 1: a slice of kernel work on the loop is at most `slice_ns`, because a gRPC call needs many turns of the loop
and each waits for the slice before it.
Rule 2: who comes in waits for one slice of what is due, not for all of it: there may be more every instant.
Rule 3: a kernel that cannot keep up is late, as a busy machine is. It does not work off the past: its clock stays
`LAG_MAX_NS` behind real time at most, so what sleeps after that sleeps from there.
"""

from __future__ import annotations

import time  # noqa: TID251 - this is the one module that may read a clock
from collections.abc import Callable
from typing import Any, Protocol

from kubesim.kernel.loop import Kernel
from kubesim.kernel.task import Task

SLICE_NS = 100_000
"""0.1 ms: the longest stretch of kernel work on the loop. Longer ones double the latency of every call."""

LAG_MAX_NS = 10_000_000
"""10 ms: hiccups below do not show in the times of events, and a program with more to do than there is time for cannot
hold back the clock of all others."""


class LoopHandle(Protocol):
    """What `call_later` returns."""

    def cancel(self) -> None:
        """Undo the call."""


class Loop(Protocol):
    """The part of an asyncio loop that the pump uses; asyncio itself lives in `server`."""

    def call_soon(self, callback: Callable[..., Any], *args: Any) -> object:
        """Call on the next turn."""

    def call_later(self, delay: float, callback: Callable[..., Any], *args: Any) -> LoopHandle:
        """Call after `delay` seconds."""


def wall_clock_ns() -> int:
    """Now, in ns since the Unix epoch: where a real-time kernel starts."""
    return time.time_ns()


def monotonic_clock_ns() -> int:
    """Nanoseconds of real time since some point, for whoever measures how long a real server takes."""
    return time.monotonic_ns()


def wait_seconds(seconds: float) -> None:
    """Hold up the thread that calls this: never one on which a kernel runs."""
    time.sleep(seconds)


class RealTimePump:
    """Keeps the kernel's clock at real time and fires what is due.

    `enter` is the only way in: it runs a callback as a kernel event at the present instant. `on_failure` gets
    the exceptions of tasks that nobody waits for; without it they are raised into the loop.
    """

    def __init__(
        self,
        kernel: Kernel,
        loop: Loop,
        *,
        clock_ns: Callable[[], int] = time.monotonic_ns,
        slice_ns: int = SLICE_NS,
        on_failure: Callable[[BaseException], object] | None = None,
    ) -> None:
        self._kernel = kernel
        self._loop = loop
        self._clock_ns = clock_ns
        self._slice_ns = slice_ns
        self._on_failure = on_failure
        self._offset_ns = kernel.now_ns - clock_ns()
        self._alarm: LoopHandle | None = None
        self._alarm_ns: int | None = None
        self._is_turn_due = False
        self._is_stopped = False

    def real_now_ns(self) -> int:
        """The real time on the kernel's scale. The kernel's own clock may lag by what is due and not yet fired."""
        return self._clock_ns() + self._offset_ns

    def enter(self, callback: Callable[..., object], *args: object) -> None:
        """Run `callback(*args)` as a kernel event now, after everything that was due before."""
        self._kernel.call_at(self.real_now_ns(), callback, *args)
        # A turn that is due already gets to it: many who enter at once must not add a slice each.
        if not self._is_turn_due:
            self._turn()

    def start_task(self, task: Task[Any], time_left_ns: int | None) -> None:
        """Start a task as a kernel event now. A task that needs no time is done when this returns.

        As `enter(task.start, time_left_ns)`, without the two events: a server starts a task for every call. What was
        due before comes first, as far as a slice goes; with more than that to do, the task does not wait for the rest.
        """
        if self._is_stopped:
            self.enter(task.start, time_left_ns)
            return
        if not self._is_turn_due:
            self._turn()
        kernel = self._kernel
        kernel.now_ns = max(kernel.now_ns, self.real_now_ns())
        kernel.events_fired += 1
        task.run_first_step(time_left_ns)
        if not self._is_turn_due:
            self._turn()

    def start(self) -> None:
        """Begin to fire what is scheduled."""
        self._turn()

    def stop(self) -> None:
        """Fire nothing more. The kernel keeps its queue."""
        self._is_stopped = True
        self._disarm()

    def _turn(self) -> None:
        if self._is_stopped:
            return
        try:
            more = self._kernel.run_slice(
                self.real_now_ns(), clock_ns=self._clock_ns, slice_ns=self._slice_ns, lag_max_ns=LAG_MAX_NS
            )
        except Exception as failure:
            if self._on_failure is None:
                raise
            self._on_failure(failure)
            more = True
        if more:
            if not self._is_turn_due:
                self._is_turn_due = True
                self._loop.call_soon(self._turn_again)
            return
        self._arm()

    def _turn_again(self) -> None:
        self._is_turn_due = False
        self._turn()

    def _arm(self) -> None:
        next_ns = self._kernel.next_event_ns()
        if next_ns == self._alarm_ns and self._alarm is not None:
            return
        self._disarm()
        if next_ns is not None:
            delay_ns = max(0, next_ns - self.real_now_ns())
            self._alarm_ns = next_ns
            self._alarm = self._loop.call_later(delay_ns / 1e9, self._alarm_rang)

    def _alarm_rang(self) -> None:
        self._alarm = None
        self._alarm_ns = None
        self._turn()

    def _disarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm = None
        self._alarm_ns = None
