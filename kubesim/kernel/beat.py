"""The pulse of a loop that nearly always finds nothing to do.

A kubelet looks at its runtime every second, for days. What it sees changes only by events of this kernel, so as long
as none fires, a look that found nothing would find nothing again: a beat then costs one entry of the queue, and the
loop itself sleeps on. The time and the order of everything else stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kubesim.kernel.loop import Kernel, Timer
from kubesim.kernel.task import Disarm, Task, suspend


class Beat:
    """Wakes one task again and again, unless that would be in vain.

    beat, is_vain = Beat(kernel), False
    while True:
        await beat.wait(SECOND_NS, self._nothing_new if is_vain else None)
        is_vain = self._look()
    """

    __slots__ = ("_before", "_in_vain", "_is_last", "_kernel", "_period_ns", "_seen", "_task", "_timer")

    def __init__(self, kernel: Kernel, *, is_last: bool = False) -> None:
        """`is_last`: the task wakes after everything that was due at that instant already."""
        self._kernel = kernel
        self._is_last = is_last
        self._period_ns = 0
        self._in_vain: Callable[[], int] | None = None
        self._task: Task[Any] | None = None
        self._timer: Timer | None = None
        self._seen = 0
        self._before: int | None = None

    async def wait(self, period_ns: int, in_vain: Callable[[], int] | None = None) -> None:
        """Sleep for a period.

        With `in_vain` the task says: what I did since I woke has found nothing and changed nothing. Then, as long as
        no other event fires and nobody outside drives the kernel, `in_vain` is called at the end of each period in its
        stead, and gives the length in ns of the next one; 0 wakes the task.
        """
        self._period_ns, self._in_vain = period_ns, in_vain
        await suspend(self._arm)

    def wake(self) -> None:
        """End the sleep now; nothing when the task does not sleep here."""
        task, self._task = self._task, None
        if task is not None:
            self._disarm()
            task.wake()

    def _arm(self, task: Task[Any]) -> Disarm:
        kernel = self._kernel
        if self._in_vain is not None and self._before is not None:
            # Still within the event that woke the task: all that happened since is its own look.
            kernel.discount(kernel.activity - self._before)
        self._task = task
        self._seen = kernel.activity
        self._timer = kernel.call_later(self._period_ns, self._due)
        return self._disarm

    def _disarm(self) -> None:
        if self._timer is not None:
            self._kernel.cancel(self._timer)
        self._task = None

    def _due(self) -> None:
        if self._is_last:
            self._kernel.discount(1)
            self._timer = self._kernel.call_soon(self._fire)
        else:
            self._fire()

    def _fire(self) -> None:
        kernel, task = self._kernel, self._task
        before = kernel.activity - 1  # without this very event
        if self._in_vain is not None and before == self._seen:
            kernel.discount(1)
            period_ns = self._in_vain()
            if period_ns:
                self._timer = kernel.call_later(period_ns, self._due)
                return
            kernel.discount(-1)
        if task is not None:
            self._task, self._before = None, before
            task._send(None)  # noqa: SLF001 - what a sleep does when it is over
            self._before = None
