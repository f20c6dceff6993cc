"""The kubelet's one loop: it hands over what its sources say, as long as the runtime is well.

    configuration ─┐
    PLEG events ───┼──> handled one by one, at once     runtime or PLEG unhealthy: "Skipping pod synchronization";
    tick, 1 s ─────┤                                    everything waits, and the loop looks again after 100 ms,
    housekeeping ──┘                                    200 ms, ... up to 5 s

Mirrors kubelet: pkg/kubelet/kubelet.go (syncLoop, syncLoopIteration).
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable

from kubesim.kernel import Beat, Idle, Kernel, Looks, Task, sleep
from kubesim.kubelet.klog import Klog
from kubesim.kubelet.metrics import PLEG_DISCARDED, Metrics
from kubesim.policy.pleg_events import CHANNEL_CAPACITY, PlegEvent

TICK_NS = 1_000_000_000
"""Of every second tick, housekeeping is a part."""
SKIP_FIRST_NS = 100_000_000
SKIP_MAX_NS = 5_000_000_000


class SyncLoop:
    """Calls its handlers while `errors` says nothing; what comes meanwhile waits in order."""

    def __init__(
        self,
        kernel: Kernel,
        *,
        klog: Klog,
        metrics: Metrics,
        errors: Callable[[], list[str]],
        on_pleg_event: Callable[[PlegEvent], object],
        on_tick: Callable[[], object],
        on_housekeeping: Callable[[], object],
        idle_until_ns: Callable[[], int] = lambda: 0,
        well_until_ns: Callable[[], int] = lambda: sys.maxsize,
        on_ticks_in_vain: Callable[[Looks], object] = lambda _: None,
        pass_tick: Callable[[], bool] = lambda: False,
    ) -> None:
        """`errors` is why no pod is synced now, as texts; if nothing happens, they are the same until `well_until_ns`.

        `on_ticks_in_vain` hears of ticks that need not ask for errors, nor call anybody.
        `idle_until_ns` is the time until which ticks find nothing to do, if nothing happens; 0 when that is not known.
        `pass_tick` does what `on_tick` does, if that is in vain, and says whether it has.
        """
        self._kernel = kernel
        self._klog = klog
        self._metrics = metrics
        self._errors = errors
        self._on_pleg_event = on_pleg_event
        self._on_tick = on_tick
        self._on_housekeeping = on_housekeeping
        self._idle_until_ns = idle_until_ns
        self._well_until_ns = well_until_ns
        self._on_ticks_in_vain = on_ticks_in_vain
        self._pass_tick = pass_tick
        self._well_ns = 0
        """Until when the errors are the same, as far as it was known when that was asked last."""
        self._house_kept = -1
        """The kernel's `activity` when the last housekeeping had found nothing to do."""
        self._ticks_count = 0
        self._has_begun = False
        self._skip: Task[None] | None = None
        self._waiting: deque[Callable[[], object]] = deque()
        self._pleg_events: deque[PlegEvent] = deque()
        self._is_tick_due = False
        self._is_housekeeping_due = False

    def hand_over(self, handle: Callable[[], object]) -> None:
        """A change of the configuration, or a word of a probe: handled now, or when the runtime is well again."""
        if self._is_open():
            handle()
        else:
            self._waiting.append(handle)

    def pleg_event(self, event: PlegEvent) -> None:
        """An event of the PLEG; the channel for those has an end."""
        if self._is_open():
            self._on_pleg_event(event)
        elif len(self._pleg_events) < CHANNEL_CAPACITY:
            self._pleg_events.append(event)
        else:
            self._metrics.increase(PLEG_DISCARDED)
            self._klog.error("Event channel is full, discard this relist() cycle event")

    def evented_pleg_error(self) -> str:
        """Why the PLEG that listens is not healthy: nobody takes its events any more. Empty when it is."""
        waiting = len(self._pleg_events)
        if waiting < CHANNEL_CAPACITY:
            return ""
        return f"EventedPLEG: pleg event channel capacity is full with {waiting} events"

    async def run(self) -> None:
        """Tick for ever."""
        beat, is_in_vain = Beat(self._kernel), False
        idle = Idle(note=self._tick_again, until_ns=self._until_ns, pass_on=self._pass_on)
        while True:
            await beat.wait(TICK_NS, idle if is_in_vain else None)
            self._ticks_count += 1
            self._is_tick_due = True
            is_all = self._ticks_count % 2 == 0
            self._is_housekeeping_due |= is_all
            if self._skip is None and not self._start_to_skip():
                self._beat()
            # Whom the tick woke are events of their own.
            is_in_vain = self._skip is None and self._kernel.activity == self._house_kept

    def _until_ns(self) -> int:
        self._well_ns = well_ns = self._well_until_ns()
        idle_ns = self._idle_until_ns()
        return idle_ns if idle_ns < well_ns else well_ns

    def _pass_on(self) -> bool:
        return self._kernel.now_ns < self._well_ns and self._pass_tick()

    def _tick_again(self, looks: Looks) -> None:
        """Ticks at which nobody's time had come, and nothing had happened since the last."""
        self._ticks_count += looks.series.times
        self._on_ticks_in_vain(looks)

    def stop(self) -> None:
        """The kubelet process ends: what waits is never handled."""
        if self._skip is not None:
            self._skip.cancel()

    def _is_open(self) -> bool:
        """Whether the loop takes something now."""
        if self._skip is None and not self._has_begun:
            self._has_begun = True
            self._start_to_skip()
        return self._skip is None

    def _start_to_skip(self) -> bool:
        """Look whether the runtime is well; if not, wait until it is."""
        errors = self._errors()
        if errors:
            self._skip = self._kernel.spawn(self._skip_while_unhealthy(errors), name="sync loop waits for the runtime")
        return bool(errors)

    async def _skip_while_unhealthy(self, errors: list[str]) -> None:
        delay_ns = SKIP_FIRST_NS
        while errors:
            shown = errors[0] if len(errors) == 1 else f"[{', '.join(errors)}]"
            self._klog.error("Skipping pod synchronization", err=shown)
            await sleep(delay_ns)
            delay_ns = min(2 * delay_ns, SKIP_MAX_NS)
            errors = self._errors()
        self._skip = None
        while self._waiting:
            self._waiting.popleft()()
        while self._pleg_events:
            self._on_pleg_event(self._pleg_events.popleft())
        self._beat()

    def _beat(self) -> None:
        """What the tickers say; beats that came while nobody listened are made up for with one."""
        if self._is_housekeeping_due:
            self._is_housekeeping_due = False
            scheduled = self._kernel.sequence
            self._on_housekeeping()
            if self._kernel.sequence == scheduled:
                self._house_kept = self._kernel.activity
        if self._is_tick_due:
            self._is_tick_due = False
            self._on_tick()
