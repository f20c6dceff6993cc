"""Time that computing takes: none, until a process computes for long without waiting for anything.

Without a charge, `while :; do :; done` in a container would stop virtual time for ever. With a growing one it costs
little, however long the virtual run; what it gets done per second is then not that of a real machine. A child begins
with the account of its parent, or a program that forks without end would never pay.
"""

from __future__ import annotations

from kubesim.kernel import Event, Kernel, checkpoint

STEPS_PER_TICK = 32
"""Steps of a program between two looks at the rest of the world."""

FREE_TICKS = 400
"""Ticks in one go before the process is charged."""

TICK_REST_NS = 1_000_000
"""A tick is forgotten for each millisecond that the process waits by itself: what it may compute for ever without a
charge is then a few percent of what this emulator gets done."""

CHARGED_EVERY_TICKS = 32

CHARGE_MIN_NS = 10_000_000
CHARGE_MAX_NS = 10_000_000_000
"""10 ms for the first thousand steps that are charged, then twice as much each time, up to ten seconds."""


class CpuTime:
    """The account of one process."""

    __slots__ = ("_burst_ticks", "_charge_ns", "_kernel", "_seen_ns", "_steps", "_waits")

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._steps = 0
        self._burst_ticks = 0
        self._seen_ns = kernel.now_ns
        self._charge_ns = CHARGE_MIN_NS
        self._waits: Event | None = None

    def is_tick_due(self) -> bool:
        """Count a step; whether `tick` must be awaited now."""
        self._steps += 1
        return self._steps >= STEPS_PER_TICK

    def add_steps(self, count: int) -> None:
        """Work that is more than a step."""
        self._steps += count

    def fork(self) -> CpuTime:
        """The account of a child. Making one is as much work as a tick, which each of both awaits at its next step."""
        self._steps += STEPS_PER_TICK
        child = CpuTime(self._kernel)
        child._steps = STEPS_PER_TICK
        child._burst_ticks = self._burst_ticks
        child._seen_ns = self._seen_ns
        child._charge_ns = self._charge_ns
        return child

    def collect(self, child: CpuTime) -> None:
        """A child ended: what it did without a rest counts for the parent, as times(2) adds it up."""
        self._forget()
        child._forget()
        if child._burst_ticks > self._burst_ticks:
            self._burst_ticks, self._charge_ns = child._burst_ticks, max(self._charge_ns, child._charge_ns)

    async def tick(self) -> None:
        """Let others run; take time if this has gone on for long without any waiting."""
        self._forget()
        self._burst_ticks += self._steps // STEPS_PER_TICK
        self._steps = 0
        if self._burst_ticks <= FREE_TICKS:
            await checkpoint()
        else:
            self._burst_ticks -= CHARGED_EVERY_TICKS
            await self._pass(self._charge_ns)
            self._charge_ns = min(2 * self._charge_ns, CHARGE_MAX_NS)
        self._seen_ns = self._kernel.now_ns

    async def pause(self) -> None:
        """Let others run after a piece of work that is longer than a step, and is no rest either."""
        before_ns = self._kernel.now_ns
        await checkpoint()
        self._seen_ns += self._kernel.now_ns - before_ns

    def interrupt(self) -> None:
        """A signal has a handler: the process looks at once, it does not finish the time it is charged."""
        if self._waits is not None:
            self._waits.set()

    def _forget(self) -> None:
        """The process slept or waited by itself since the last tick."""
        rested_ticks = (self._kernel.now_ns - self._seen_ns) // TICK_REST_NS
        if not rested_ticks:
            return
        self._seen_ns = self._kernel.now_ns
        self._burst_ticks -= rested_ticks
        if self._burst_ticks <= 0:
            self._burst_ticks = 0
            self._charge_ns = CHARGE_MIN_NS

    async def _pass(self, delay_ns: int) -> None:
        waits = self._waits = Event()
        timer = self._kernel.call_later(delay_ns, waits.set)
        try:
            await waits.wait()
        finally:
            self._kernel.cancel(timer)
            self._waits = None
