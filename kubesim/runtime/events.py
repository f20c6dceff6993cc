"""GetContainerEvents: every change of a sandbox or a container, to every listener, in order, each once.

Rule 1: an event carries the pod as it was when the event happened.
Rule 2: while nobody listens, containerd keeps events for the first listener to come, for five minutes. CRI-O, told to
send events at all, keeps the first thousand until somebody listens for the first time, and none after that.
Rule 3: a listener that does not read is cut off once `LISTENER_EVENTS_MAX` events wait for it; nobody else is slowed.

Mirrors containerd: internal/eventq/eventq.go and internal/cri/server/container_events.go; CRI-O:
server/container_events.go.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Literal, TypeAlias

from kubesim.cri import api
from kubesim.cri.errors import Code, CriError
from kubesim.kernel import Channel, Kernel

LISTENER_EVENTS_MAX = 1000
"""Events that may wait for one listener. Mirrors CRI-O: server/container_events.go, the channel's capacity."""

BACKLOG_EVENTS_MAX = 10_000
"""Events kept while nobody listens. containerd has no bound but time; memory has one here."""

BACKLOG_AGE_NS = 5 * 60 * 1_000_000_000

Backlog: TypeAlias = Literal["none", "five-minutes", "first-listener"]
"""What becomes of events that nobody hears."""

EventKind: TypeAlias = "api.ContainerEventType.ValueType"

MakeEvent = Callable[[], api.ContainerEventResponse]
"""Builds the message. It must close over what was true when the event happened."""


class EventHub:
    """Listeners and the events that wait for them."""

    def __init__(self, kernel: Kernel, *, backlog: Backlog) -> None:
        self._kernel = kernel
        self._keeps = backlog
        self._listeners: list[Channel[api.ContainerEventResponse | CriError]] = []
        self._backlog: deque[tuple[int, MakeEvent]] = deque(maxlen=BACKLOG_EVENTS_MAX)

    @property
    def listeners_count(self) -> int:
        """How many streams are open."""
        return len(self._listeners)

    def emit(self, make: MakeEvent) -> None:
        """Give an event to every listener, or keep it while there is none."""
        if not self._listeners:
            self._keep(make)
            return
        event = make()
        for listener in list(self._listeners):
            if len(listener) >= LISTENER_EVENTS_MAX:
                self._cut_off(listener, CriError(Code.RESOURCE_EXHAUSTED, "events were not read fast enough"))
            else:
                listener.send_nowait(event)

    async def listen(self) -> AsyncIterator[api.ContainerEventResponse]:
        """All events from now on, and the kept ones for the first to come. Raises CriError when it is cut off."""
        listener: Channel[api.ContainerEventResponse | CriError] = Channel()
        self._forget_old()
        for _, make in self._backlog:
            listener.send_nowait(make())
        self._backlog.clear()
        if self._keeps == "first-listener":
            self._keeps = "none"
        self._listeners.append(listener)
        try:
            while True:
                event = await listener.receive()
                if isinstance(event, CriError):
                    raise event
                # The caller owns the message; the other listeners have the same one.
                answer = api.ContainerEventResponse()
                answer.CopyFrom(event)
                yield answer
        finally:
            if listener in self._listeners:
                self._listeners.remove(listener)

    def cut_off_all(self, error: CriError) -> None:
        """End every stream with an error, after what already waits for it. What nobody heard is lost."""
        self._backlog.clear()
        for listener in list(self._listeners):
            self._cut_off(listener, error)

    def _cut_off(self, listener: Channel[api.ContainerEventResponse | CriError], error: CriError) -> None:
        self._listeners.remove(listener)
        listener.send_nowait(error)
        listener.close()

    def _keep(self, make: MakeEvent) -> None:
        self._forget_old()
        if self._keeps == "first-listener" and len(self._backlog) >= LISTENER_EVENTS_MAX:
            return  # the channel is full, and the event is dropped
        if self._keeps != "none":
            self._backlog.append((self._kernel.now_ns, make))

    def _forget_old(self) -> None:
        if self._keeps != "five-minutes":
            return
        oldest_ns = self._kernel.now_ns - BACKLOG_AGE_NS
        while self._backlog and self._backlog[0][0] < oldest_ns:
            self._backlog.popleft()
