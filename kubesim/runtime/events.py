"""GetContainerEvents: every change of a sandbox or a container, to every listener, in order, each once.

Rule 1: an event carries the pod as it was when the event happened.
Rule 2: while nobody listens, containerd keeps events for the first listener to come, for five minutes. CRI-O, told to
send events at all, keeps the first thousand until somebody listens for the first time, and none after that.
Rule 3: a listener that does not read is cut off once more than `LISTENER_EVENTS_MAX` events, or `LISTENER_BYTES_MAX` of
them, wait for it; nobody else is slowed. (containerd itself waits for such a listener, and everybody with it.)
Rule 4: an event is built and serialised once, however many listen. It is kept in one chain for all of them, in which
each holds on to the last one that it has read: what all have read is gone, and ten thousand who do not read cost no
more than one.

Mirrors containerd: internal/eventq/eventq.go and internal/cri/server/container_events.go; CRI-O:
server/container_events.go.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator
from itertools import islice
from typing import Any, Literal, Protocol, TypeAlias

from kubesim.cri import api
from kubesim.cri.errors import Code, CriError
from kubesim.kernel import Kernel, Task
from kubesim.kernel.task import Disarm, suspend

LISTENER_EVENTS_MAX = 1000
"""Events that may wait for one listener. Mirrors CRI-O: server/container_events.go, the channel's capacity."""

LISTENER_BYTES_MAX = 64 * 1024 * 1024
"""Bytes of events that may wait for one listener: an event carries its whole pod, and a pod may be large."""

BACKLOG_EVENTS_MAX = 10_000
"""Events kept while nobody listens. containerd has no bound but time; memory has one here."""

BACKLOG_AGE_NS = 5 * 60 * 1_000_000_000

Backlog: TypeAlias = Literal["none", "five-minutes", "first-listener"]
"""What becomes of events that nobody hears."""

WAKE_AT_ONCE = 32
"""Listeners that are woken in one step; the rest follow in steps of their own, so that none is long."""

SWEEP_EVENTS = 100
SWEEP_BYTES = LISTENER_BYTES_MAX // 8
"""After so many events, or so much of them, those who do not read are looked for."""

EventKind: TypeAlias = "api.ContainerEventType.ValueType"


class Happening(Protocol):
    """An event before it is a message."""

    @property
    def at_ns(self) -> int:
        """When it happened."""
        ...

    def message(self) -> api.ContainerEventResponse:
        """Build the message, of what was true when it happened."""
        ...


class _Link:
    """A place in the chain of events: what happened there, and what came next."""

    __slots__ = ("next", "number", "total_bytes", "what")

    def __init__(self, number: int, total_bytes: int, what: bytes | CriError | None) -> None:
        self.number = number
        self.total_bytes = total_bytes
        self.what = what
        self.next: _Link | None = None

    def is_beyond(self, earlier: _Link, *, events: int, size_bytes: int) -> bool:
        """Whether so many events, or so many bytes of them, lie between the earlier place and this one."""
        return self.number - earlier.number >= events or self.total_bytes - earlier.total_bytes >= size_bytes


class EventHub:
    """Listeners and the events that wait for them."""

    def __init__(self, kernel: Kernel, *, backlog: Backlog) -> None:
        self._kernel = kernel
        self._keeps = backlog
        self._last, self._swept = _Link(0, 0, None), _Link(0, 0, None)
        self._listeners: dict[_Listener, None] = {}
        self._waiting: dict[_Listener, Task[Any]] = {}
        self._backlog: deque[Happening] = deque(maxlen=BACKLOG_EVENTS_MAX)

    @property
    def listeners_count(self) -> int:
        """How many streams are open."""
        return len(self._listeners)

    def emit(self, happening: Happening) -> None:
        """Give an event to every listener, or keep it while there is none."""
        if not self._listeners:
            self._keep(happening)
            return
        self._append(happening.message().SerializeToString())
        if self._last.is_beyond(self._swept, events=SWEEP_EVENTS, size_bytes=SWEEP_BYTES):
            self._sweep()

    async def listen(self) -> AsyncIterator[bytes]:
        """All events from now on, and the kept ones for the first to come, each a serialised ContainerEventResponse.

        Raises CriError when it is cut off.
        """
        listener = _Listener(self._last)
        self._listeners[listener] = None
        self._forget_old()
        kept = list(self._backlog)
        self._backlog.clear()
        if self._keeps == "first-listener":
            self._keeps = "none"
        try:
            for happening in kept:
                yield happening.message().SerializeToString()
            del kept
            while True:
                if not listener.has_next:
                    await suspend(lambda task: self._arm(listener, task))
                yield self._step(listener)
        finally:
            self._listeners.pop(listener, None)

    def cut_off_all(self, error: CriError) -> None:
        """End every stream with an error, after what already waits for it. What nobody heard is lost."""
        self._backlog.clear()
        self._append(error)
        self._listeners.clear()
        self._last, self._swept = _Link(0, 0, None), _Link(0, 0, None)

    def _append(self, what: bytes | CriError) -> None:
        last = self._last
        size_bytes = len(what) if isinstance(what, bytes) else 0
        last.next = self._last = _Link(last.number + 1, last.total_bytes + size_bytes, what)
        self._wake()

    def _sweep(self) -> None:
        # Only its numbers are looked at: the chain must not be kept from here on.
        self._swept = _Link(self._last.number, self._last.total_bytes, None)
        for listener in [one for one in self._listeners if one.is_too_slow(self._last)]:
            self._cut_off(listener)

    def _arm(self, listener: _Listener, task: Task[Any]) -> Disarm:
        self._waiting[listener] = task
        return lambda _: self._waiting.pop(listener, None)

    def _wake(self) -> None:
        """Wake those who wait and have something to read: they began to wait before those who have read it."""
        first = [listener for listener in islice(self._waiting, WAKE_AT_ONCE) if listener.has_next]
        for listener in first:
            self._waiting.pop(listener).wake()
        if len(first) == WAKE_AT_ONCE:
            self._kernel.call_soon(self._wake)

    def _step(self, listener: _Listener) -> bytes:
        """Go on to the next event, which is there. Raises CriError at the end of the stream."""
        if listener in self._listeners and listener.is_too_slow(self._last):
            self._cut_off(listener)
        link = listener.link.next
        assert link is not None, "woken, so there is a next event"
        listener.link = link
        if isinstance(link.what, CriError):
            raise link.what
        assert link.what is not None, "only the first link, which nobody steps on, holds nothing"
        return link.what

    def _cut_off(self, listener: _Listener) -> None:
        """Let the listener's next step be its last. What waited for it is given up: it has to look anew in any case."""
        del self._listeners[listener]
        # No part of the chain, which must not be kept for it.
        listener.link = _Link(0, 0, None)
        listener.link.next = _Link(1, 0, CriError(Code.RESOURCE_EXHAUSTED, "events were not read fast enough"))

    def _keep(self, happening: Happening) -> None:
        self._forget_old()
        if self._keeps == "first-listener" and len(self._backlog) >= LISTENER_EVENTS_MAX:
            return  # the channel is full, and the event is dropped
        if self._keeps != "none":
            self._backlog.append(happening)

    def _forget_old(self) -> None:
        if self._keeps != "five-minutes":
            return
        oldest_ns = self._kernel.now_ns - BACKLOG_AGE_NS
        while self._backlog and self._backlog[0].at_ns < oldest_ns:
            self._backlog.popleft()


class _Listener:
    """Where one stream stands in the chain: `link` is the last event that it has read."""

    __slots__ = ("link",)

    def __init__(self, link: _Link) -> None:
        self.link = link

    @property
    def has_next(self) -> bool:
        """Whether an event waits for it."""
        return self.link.next is not None

    def is_too_slow(self, last: _Link) -> bool:
        """Whether more events wait for it than may."""
        return last.is_beyond(self.link, events=LISTENER_EVENTS_MAX + 1, size_bytes=LISTENER_BYTES_MAX + 1)
