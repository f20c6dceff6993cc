"""The way of events to the API server: one after the other, no faster than the events client may ask it.

    burst     eventBurst at once, and then eventRecordQPS a second
    queue     events that come meanwhile wait, a thousand at most; more are dropped without a word
    Event     has the time at which it was recorded, however late it is written

Mirrors client-go: tools/record/event.go (StartRecordingToSink, recordToSink), apimachinery: pkg/watch/mux.go
(DropIfChannelFull), and kubelet: cmd/kubelet/app/server.go (eventClientConfig).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Generic, NamedTuple, TypeVar

from kubesim.kernel import Kernel
from kubesim.policy.token_bucket import token_reserved

SECOND_NS = 10**9
QUEUED_MAX = 1000

Recorded = TypeVar("Recorded")


class EventRate(NamedTuple):
    """So many requests at once, and then so many a second. The default is that of a kubelet that is told nothing."""

    per_second: int = 50
    burst: int = 100


class EventQueue(Generic[Recorded]):
    """Events on their way. What is to be done for an event is found out when its turn comes."""

    __slots__ = ("_begin", "_burst", "_full_at_ns", "_interval_ns", "_is_stopped", "_kernel", "_queue", "is_busy")

    def __init__(self, kernel: Kernel, rate: EventRate, *, begin: Callable[[Recorded], None]) -> None:
        """`begin` works on an event; it asks for no more than one request."""
        self._kernel = kernel
        self._begin = begin
        self._interval_ns = SECOND_NS // rate.per_second
        self._burst = rate.burst
        self._full_at_ns = 0
        """When there is room for a burst again: a bucket of tokens, kept as the instant at which it is full."""
        self._queue: deque[Recorded] = deque()
        self._is_stopped = False
        self.is_busy = False
        """Whether a request waits to be sent, and all events with it."""

    def put(self, recorded: Recorded) -> None:
        """An event was recorded: its turn is now, later, or never."""
        if not self.is_busy:
            self._begin(recorded)
        elif len(self._queue) < QUEUED_MAX:
            self._queue.append(recorded)

    def has_room(self, requests: int) -> bool:
        """Whether none of so many requests would have to wait."""
        left = self._burst - requests
        return not self.is_busy and left >= 0 and self._full_at_ns <= self._kernel.now_ns + left * self._interval_ns

    def request(self, send: Callable[..., object], *arguments: object) -> None:
        """Call a function that sends a request: at once if that is allowed, or when it is."""
        now_ns = self._kernel.now_ns
        self._full_at_ns, due_ns = token_reserved(
            self._full_at_ns, now_ns=now_ns, interval_ns=self._interval_ns, burst=self._burst
        )
        if due_ns == now_ns:
            send(*arguments)
        else:
            self.is_busy = True
            self._kernel.call_at(due_ns, self._go_on, send, arguments)

    def stop(self) -> None:
        """The process ends: what still waits is lost."""
        self._is_stopped = True
        self._queue.clear()

    def _go_on(self, send: Callable[..., object], arguments: tuple[object, ...]) -> None:
        if self._is_stopped:
            return
        send(*arguments)
        self.is_busy = False
        while self._queue and not self.is_busy:
            self._begin(self._queue.popleft())
