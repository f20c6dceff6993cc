"""Time that computing takes: none, until a process computes for very long at one instant.

Without a charge, `while :; do :; done` in a container would stop virtual time for ever. With a growing one it costs
little, however long the virtual run; what it gets done per second is then not that of a real machine.
"""

from __future__ import annotations

from kubesim.kernel import Event, Kernel, checkpoint

STEPS_PER_TICK = 32
"""Steps of a program between two looks at the rest of the world."""

FREE_TICKS = 400
"""Ticks at one instant of virtual time before the process is charged."""

CHARGED_EVERY_TICKS = 32

CHARGE_MIN_NS = 10_000_000
CHARGE_MAX_NS = 10_000_000_000
"""10 ms for the first thousand steps that are charged, then twice as much each time, up to ten seconds."""


class CpuTime:
    """The account of one process."""

    __slots__ = ("_burst_ticks", "_charge_ns", "_instant_ns", "_kernel", "_steps", "_waits")

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._steps = 0
        self._burst_ticks = 0
        self._instant_ns = 0
        self._charge_ns = CHARGE_MIN_NS
        self._waits: Event | None = None

    def is_tick_due(self) -> bool:
        """Count a step; whether `tick` must be awaited now."""
        self._steps += 1
        return self._steps >= STEPS_PER_TICK

    async def tick(self) -> None:
        """Let others run; take time if this has gone on for long without any waiting."""
        self._steps = 0
        now_ns = self._kernel.now_ns
        if now_ns != self._instant_ns:  # the process slept or waited by itself since
            self._instant_ns = now_ns
            self._burst_ticks = 0
            self._charge_ns = CHARGE_MIN_NS
        self._burst_ticks += 1
        if self._burst_ticks <= FREE_TICKS:
            await checkpoint()
            return
        self._burst_ticks -= CHARGED_EVERY_TICKS
        await self._pass(self._charge_ns)
        self._charge_ns = min(2 * self._charge_ns, CHARGE_MAX_NS)
        self._instant_ns = self._kernel.now_ns

    def interrupt(self) -> None:
        """A signal has a handler: the process looks at once, it does not finish the time it is charged."""
        if self._waits is not None:
            self._waits.set()

    async def _pass(self, delay_ns: int) -> None:
        waits = self._waits = Event()
        timer = self._kernel.call_later(delay_ns, waits.set)
        try:
            await waits.wait()
        finally:
            self._kernel.cancel(timer)
            self._waits = None
