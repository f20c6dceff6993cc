"""The event queue and the virtual clock.

Rule 1: an entry is (time_ns, sequence, callback, args); nothing but time and sequence decides the order.
Rule 2: time never moves backwards, but for who asked something `as_of` another time; and only this file moves it.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from heapq import heapify, heappop, heappush
from typing import Any, TypeAlias, TypeVar

from kubesim.errors import SimulationStalled
from kubesim.kernel.collector import looks, rare_collections
from kubesim.kernel.ids import Ids, Prng
from kubesim.kernel.task import Task

T = TypeVar("T")

DEFAULT_START_NS = 1_767_225_600_000_000_000
"""2026-01-01T00:00:00Z. Virtual runs start at a fixed instant, so that two runs print the same timestamps."""

EVIDENCE_EVENTS = 8
"""How many of the last events a stalled simulation names."""

EVENTS_MAX = 50_000_000
"""The default bound on the events of one run: minutes of work, so a loop that never ends is found."""

COMPACT_AT = 64
"""Cancelled entries the queue may hold before it is rebuilt, once they are more than half of it."""


Timer: TypeAlias = list[Any]
"""One scheduled callback: `[time_ns, sequence, callback or None, args]`; the callback is None once it fired or
was cancelled. A plain list, because heapq compares lists in C and building one is four times as cheap as building
an object; the sequence number decides before a callback is ever compared."""


class Kernel:
    """A queue of events, a clock in ns since the Unix epoch, and a seeded source of chance.

    `now_ns` is read-only for everyone else. `events_fired` counts callbacks since the start.

    `activity` is another number when something has happened: an event fired or was cancelled, or somebody outside began
    to drive the kernel. What was discounted does not count.

    Idle time may be passed at once up to `idles_to_ns` in the present run (None: not at all), see `idling`;
    `ends_idling` is the timer that ended the last stretch of it. Who has to see every event at its instant sets
    `idles_one_by_one`.
    """

    __slots__ = (
        "_cancelled",
        "_queue",
        "_sequence",
        "activity",
        "ends_idling",
        "events_fired",
        "idles_one_by_one",
        "idles_to_ns",
        "ids",
        "now_ns",
        "random",
        "seed",
        "start_ns",
    )

    def __init__(self, *, seed: int = 0, start_ns: int = DEFAULT_START_NS) -> None:
        looks.world_made()
        self.now_ns = start_ns
        self.start_ns = start_ns
        self.seed = seed
        self.random = Prng(seed)
        self.ids = Ids(self.random.fork("ids"))
        self.events_fired = 0
        self.idles_to_ns: int | None = None
        self.ends_idling: Timer | None = None
        self.idles_one_by_one = False
        self._queue: list[Timer] = []
        self._sequence = 0
        self._cancelled = 0
        self.activity = 0

    # -- scheduling ---------------------------------------------------------------------------------------

    def call_at(self, time_ns: int, callback: Callable[..., object], *args: object) -> Timer:
        """Schedule `callback(*args)` at `time_ns`; a time that has passed means now."""
        self._sequence = sequence = self._sequence + 1
        now_ns = self.now_ns
        timer: Timer = [time_ns if time_ns > now_ns else now_ns, sequence, callback, args]
        heappush(self._queue, timer)
        return timer

    def call_later(self, delay_ns: int, callback: Callable[..., object], *args: object) -> Timer:
        """Schedule `callback(*args)` after `delay_ns` nanoseconds; a negative delay means now."""
        self._sequence = sequence = self._sequence + 1
        timer: Timer = [self.now_ns + delay_ns if delay_ns > 0 else self.now_ns, sequence, callback, args]
        heappush(self._queue, timer)
        return timer

    def call_soon(self, callback: Callable[..., object], *args: object) -> Timer:
        """Schedule `callback(*args)` at the present instant, after everything already scheduled for it."""
        self._sequence = sequence = self._sequence + 1
        timer: Timer = [self.now_ns, sequence, callback, args]
        heappush(self._queue, timer)
        return timer

    def cancel(self, timer: Timer) -> None:
        """Make sure `timer` does not fire. Does nothing if it already fired."""
        if timer[2] is None:
            return
        timer[2] = None
        timer[3] = ()
        self.activity += 1
        self._cancelled += 1
        if self._cancelled > COMPACT_AT and self._cancelled * 2 > len(self._queue):
            # Long deadlines that never fire (one for each RPC) must not pile up until their time comes.
            # In place: the running loop holds this very list.
            self._queue[:] = [entry for entry in self._queue if entry[2] is not None]
            heapify(self._queue)
            self._cancelled = 0

    def spawn(self, coroutine: Coroutine[Any, Any, T], *, name: str) -> Task[T]:
        """Start a coroutine as a task of its own; its first step runs at the present instant.

        An exception that nobody waits for ends the run: it is raised by `run_until` and its sisters.
        """
        task = Task(self, coroutine, name=name)
        task.start()
        return task

    def take(self, callback: Callable[..., object], before_ns: int) -> Timer | None:
        """Take the timer of the next event out of the queue, if it is before that time and calls this; None if not.

        That is nothing that happened: whoever takes it puts it back, or sets another in its stead.
        """
        queue = self._queue
        while queue:
            timer = queue[0]
            if timer[2] is callback:
                return heappop(queue) if timer[0] < before_ns else None
            if timer[2] is not None:
                return None
            heappop(queue)
            self._cancelled -= 1
        return None

    def put(self, timer: Timer) -> None:
        """Undo `take`."""
        heappush(self._queue, timer)

    def pass_by(self, now_ns: int, events: int) -> None:
        """Let time pass, and with it so many events that need not be fired; `now_ns` is that of the last of them."""
        self.now_ns = now_ns
        self.events_fired += events

    def as_of(self, time_ns: int, ask: Callable[[], T]) -> T:
        """What `ask` says when that time has come, though it has not: for time in which nothing else happens."""
        now_ns = self.now_ns
        self.now_ns = time_ns
        try:
            return ask()
        finally:
            self.now_ns = now_ns

    # -- looking ------------------------------------------------------------------------------------------

    def next_event_ns(self) -> int | None:
        """The time of the next event, or None when nothing is scheduled."""
        timer = self.next_timer()
        return None if timer is None else int(timer[0])

    def next_timer(self) -> Timer | None:
        """The timer of the next event, which stays in the queue; None when nothing is scheduled."""
        queue = self._queue
        while queue and queue[0][2] is None:
            heappop(queue)
            self._cancelled -= 1
        return queue[0] if queue else None

    @property
    def sequence(self) -> int:
        """How many callbacks were ever scheduled: orders notes about one instant taken in different places."""
        return self._sequence

    def discount(self, number: int) -> None:
        """Leave so many of the last events out of `activity`: whoever caused them knows that they changed nothing."""
        self.activity -= number

    @property
    def pending_count(self) -> int:
        """How many callbacks are scheduled; cancelled ones do not count."""
        return sum(1 for entry in self._queue if entry[2] is not None)

    # -- running ------------------------------------------------------------------------------------------

    def run_until(
        self,
        time_ns: int,
        *,
        goal: Callable[[], bool] | None = None,
        events_max: int = EVENTS_MAX,
    ) -> bool:
        """Fire all events up to and including `time_ns`, then set the clock to it.

        With a `goal` the run stops after the first event that makes it true, and the clock stays there. Returns
        whether the goal was reached (True without a goal). Raises SimulationStalled after `events_max` events, without
        those of idle time that is passed at once, which has an end; and what a task raised that nobody waited for.
        """
        self.activity += 1
        with rare_collections():
            if goal is None:
                self._fire_idling(time_ns, events_max)
            elif goal() or self._fire_until(goal, time_ns, events_max):
                return True
        if time_ns > self.now_ns:
            self.now_ns = time_ns
        return goal is None

    def run_until_idle(self, *, events_max: int = EVENTS_MAX) -> None:
        """Fire events until none is left. Raises like `run_until`; the clock stays at the last event."""
        with rare_collections():
            while (next_ns := self.next_event_ns()) is not None:
                self._fire(next_ns, events_max)

    def run_slice(self, time_ns: int, *, clock_ns: Callable[[], int], slice_ns: int, lag_max_ns: int) -> bool:
        """Fire events up to `time_ns`, but stop when `slice_ns` of the given real clock have passed.

        Returns True when events up to `time_ns` are left. For real-time pumps, whose loop must stay responsive. Events
        that could not fire in time do so in their order, with the clock at most `lag_max_ns` before `time_ns`.
        """
        stop_ns = clock_ns() + slice_ns
        if time_ns - lag_max_ns > self.now_ns:
            self.now_ns = time_ns - lag_max_ns
        while (next_ns := self.next_event_ns()) is not None and next_ns <= time_ns:
            if clock_ns() >= stop_ns:
                return True
            timer = heappop(self._queue)
            event_ns, _, callback, args = timer
            if event_ns > self.now_ns:
                self.now_ns = event_ns
            timer[2] = None
            self.activity += 1
            self.events_fired += 1
            callback(*args)
        if time_ns > self.now_ns:
            self.now_ns = time_ns
        return False

    def _fire_idling(self, time_ns: int, events_max: int) -> None:
        """`_fire`, and nobody looks before all is done: idle time need not be played out."""
        self.idles_to_ns = None if self.idles_one_by_one else time_ns
        try:
            self._fire(time_ns, events_max)
        finally:
            self.idles_to_ns = None

    def _fire(self, time_ns: int, events_max: int) -> None:
        """Fire all events up to `time_ns`. The hot loop of the kernel: every line here is paid a million times."""
        queue = self._queue
        fired = 0
        try:
            while queue:
                timer = heappop(queue)
                event_ns, _, callback, args = timer
                if event_ns > time_ns or fired >= events_max:
                    heappush(queue, timer)
                    break
                if callback is None:
                    self._cancelled -= 1
                    continue
                self.now_ns = event_ns
                timer[2] = None
                self.activity += 1
                fired += 1
                callback(*args)
        finally:
            self.events_fired += fired
        if fired >= events_max and self._is_due(time_ns):
            raise SimulationStalled(self._evidence(fired))

    def _fire_until(self, goal: Callable[[], bool], time_ns: int, events_max: int) -> bool:
        """Fire events up to `time_ns` until `goal()`; whether it was reached."""
        for _ in range(events_max):
            if not self._is_due(time_ns):
                return False
            timer = heappop(self._queue)
            self.now_ns, _, callback, args = timer
            timer[2] = None
            self.activity += 1
            self.events_fired += 1
            callback(*args)
            if goal():
                return True
        if self._is_due(time_ns):
            raise SimulationStalled(self._evidence(events_max))
        return False

    def _is_due(self, time_ns: int) -> bool:
        next_ns = self.next_event_ns()
        return next_ns is not None and next_ns <= time_ns

    def _evidence(self, fired: int) -> str:
        """What a stalled run says: where virtual time stands and which events keep coming."""
        upcoming = sorted(entry for entry in self._queue if entry[2] is not None)[:EVIDENCE_EVENTS]
        names = ", ".join(_event_name(entry) for entry in upcoming)
        seconds = (self.now_ns - self.start_ns) / 1e9
        return f"{fired} events and no end at {seconds:.3f}s of virtual time; next: {names}"


def _event_name(timer: Timer) -> str:
    owner = getattr(timer[2], "__self__", None)
    if isinstance(owner, Task):
        return f"task {owner.name}"
    return getattr(timer[2], "__qualname__", repr(timer[2]))
