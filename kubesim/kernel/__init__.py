"""The kernel: the only owner of time, order and chance.

A discrete-event queue ordered by (time in ns, sequence number), coroutines on its own trampoline, and a seeded
source of random numbers and ids. `run_until` lets virtual time jump from event to event; `RealTimePump` feeds
the same kernel from a server's event loop in real time.

Vocabulary
    Kernel      the queue and the clock
    Timer       one scheduled callback; can be cancelled
    Task        a coroutine that the kernel drives
    deadline    when whoever waits for a task loses patience: it ends nothing by itself, `time_left_ns` tells it
    Beat        wakes a loop again and again, but not while nothing happens
    Idle        what its beat does meanwhile
    Looks       how often, and when: one look, or those of a whole stretch of time
    TaskGroup   children that end together: one failure cancels the rest
    Event, Channel, Promise
                how tasks wait for one another, and for the world outside

Rules
    1. Equal times fire in the order in which they were scheduled.
    2. Same seed and same inputs give the same trace: nothing here looks at addresses, hashes or a real clock.
    3. A cancelled task runs its `finally` blocks and leaves no timer and no waiter behind.

Rejected: asyncio as the simulation's loop. Its timers are not first-in-first-out at equal times and its float
clock merges neighbouring events. Rejected: simpy. Its processes are generators and cannot await each other's
coroutines, and it has no cancellation.
"""

from kubesim.kernel.beat import Beat, Idle
from kubesim.kernel.collector import rare_collections
from kubesim.kernel.ids import Ids, Prng
from kubesim.kernel.looks import Looks, Series, Stretch, in_order
from kubesim.kernel.loop import DEFAULT_START_NS, Kernel, Timer
from kubesim.kernel.realtime import RealTimePump
from kubesim.kernel.task import Cancelled, Task, TaskGroup, checkpoint, sleep, time_left_ns
from kubesim.kernel.timeouts import timeout, within
from kubesim.kernel.waiting import Channel, ChannelClosed, Event, Promise

__all__ = [
    "DEFAULT_START_NS",
    "Beat",
    "Cancelled",
    "Channel",
    "ChannelClosed",
    "Event",
    "Idle",
    "Ids",
    "Kernel",
    "Looks",
    "Prng",
    "Promise",
    "RealTimePump",
    "Series",
    "Stretch",
    "Task",
    "TaskGroup",
    "Timer",
    "checkpoint",
    "in_order",
    "rare_collections",
    "sleep",
    "time_left_ns",
    "timeout",
    "within",
]
