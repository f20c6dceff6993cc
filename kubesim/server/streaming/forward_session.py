"""One client of PortForward and its connections to the ports of a pod.

Rule 1: what pods have not taken is held up to HELD_BYTES_MAX; then nothing is read from the socket. As in the Go
server, one connection whose program does not read holds up all others of its client.
Rule 2: nothing is read from a pod while the socket does not take it. Connections that have something to send take
turns.
Rule 3: a client that goes away ends its side of every connection; the runtime knows what becomes of the other.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any

from kubesim.cri.errors import CriError
from kubesim.kernel import Event, Kernel, Promise, Timer
from kubesim.runtime.port_forward import ForwardClient
from kubesim.server.streaming.link import Link
from kubesim.server.streaming.peers import (
    Arrived,
    ForwardEvent,
    ForwardPeer,
    GivenUp,
    HalfClosed,
    Opened,
    PeerClosed,
    PeerError,
)
from kubesim.userland.files.byte_queue import ByteQueue

HELD_BYTES_MAX = 256 * 1024
"""Of all connections of one client together."""

CONNECTIONS_MAX = 5000
"""Of one client. More are possible when they come at once, but nothing is read until there are fewer."""

CHUNK_BYTES_MAX = 32768


class ForwardSession:
    """Begins to live with `receive`; all methods are called within events of the kernel."""

    __slots__ = (
        "_clients",
        "_expiry",
        "_forward",
        "_held_bytes",
        "_is_over",
        "_kernel",
        "_peer",
        "_turns",
        "link",
        "on_data",
    )

    def __init__(
        self,
        kernel: Kernel,
        link: Link,
        peer: ForwardPeer,
        *,
        forward: Callable[[int, ForwardClient], Coroutine[Any, Any, None]],
        on_data: Callable[[], object],
    ) -> None:
        """`forward` connects a client to a port; `on_data` is called whenever bytes move."""
        self._kernel = kernel
        self._peer = peer
        self._forward = forward
        self.link = link
        self.on_data = on_data
        self._clients: dict[int, _Client] = {}
        self._held_bytes = 0
        self._turns = _Turns()
        self._expiry: Timer | None = None
        self._is_over = False

    def receive(self, data: bytes) -> None:
        """Bytes of the client."""
        if self._is_over:
            return
        if data and self._peer.counts_pings:
            self.on_data()
        self._peer.expire(self._kernel.now_ns)
        try:
            for event in self._peer.receive(data):
                self._take(event)
                if self._is_over:
                    return
        except PeerError:
            self._end()
            return
        self.link.reply(self._peer.take_output())
        self._expire()

    def gone(self) -> None:
        """The client is gone, or has been silent for too long."""
        self._end()

    # -- events of the client -------------------------------------------------------------------------------

    def _take(self, event: ForwardEvent) -> None:
        match event:
            case Opened(number, port):
                client = self._clients[number] = _Client(self, number)
                self._kernel.spawn(self._run(client, port), name="port forward")
                self._mind_reading()
            case Arrived(number, data):
                self.on_data()
                if (receiver := self._clients.get(number)) is not None:
                    receiver.received.put(data)
                    receiver.wake()
                    self.holds(len(data))
            case HalfClosed(number) | GivenUp(number):
                if (leaver := self._clients.get(number)) is not None:
                    leaver.has_ended = True
                    leaver.wake()
            case PeerClosed():
                self._end()

    def _expire(self) -> None:
        """Give up the connections that were half opened for too long, and look again in time."""
        if self._expiry is not None:
            self._kernel.cancel(self._expiry)
            self._expiry = None
        next_ns = None if self._is_over else self._peer.expire(self._kernel.now_ns)
        if next_ns is not None:
            self._expiry = self._kernel.call_at(next_ns, self._expire)
        self._flush()
        if self._peer.is_over:
            self._end()

    # -- connections ----------------------------------------------------------------------------------------

    async def _run(self, client: _Client, port: int) -> None:
        problem = ""
        try:
            await self._forward(port, client)
        except CriError as error:
            problem = error.message
        except Exception:
            self._end()  # a bug, which must not leave the client waiting
            raise
        self._peer.close(client.number, problem)
        self._flush()
        del self._clients[client.number]
        self.holds(-len(client.received))
        client.received.clear()
        if self._peer.is_over:
            self._end()

    async def send(self, client: _Client, data: bytes) -> bool:
        """Send bytes of a pod when it is their turn and the socket takes them; False when the client is gone."""
        async with self._turns:
            await self.link.wait_writable()
            if self._is_over:
                return False
            self._peer.send(client.number, data)
            self._flush()
        self.on_data()
        return True

    def end(self, client: _Client) -> None:
        """A pod sends nothing more."""
        self._peer.end(client.number)
        self._flush()

    def holds(self, more_bytes: int) -> None:
        """So many bytes more, or less, wait for pods."""
        self._held_bytes += more_bytes
        self._mind_reading()

    def _mind_reading(self) -> None:
        if self._held_bytes > HELD_BYTES_MAX or len(self._clients) > CONNECTIONS_MAX:
            self.link.pause_reading()
        else:
            self.link.resume_reading()

    # -- the end --------------------------------------------------------------------------------------------

    def _end(self) -> None:
        """Close the socket and leave the connections to the runtime. Fine when it was done already."""
        if self._is_over:
            return
        self._flush()
        self._is_over = True
        if self._expiry is not None:
            self._kernel.cancel(self._expiry)
            self._expiry = None
        self.link.close()
        for client in self._clients.values():
            client.has_ended = True
            client.wake()

    def _flush(self) -> None:
        self.link.write(self._peer.take_output())


class _Client:
    """The client's end of one connection, as the runtime sees it."""

    __slots__ = ("_changed", "_session", "has_ended", "number", "received")

    def __init__(self, session: ForwardSession, number: int) -> None:
        self._session = session
        self._changed = Event()
        self.number = number
        self.received = ByteQueue()
        self.has_ended = False
        """Nothing is added to what was received."""

    async def read(self) -> bytes:
        """What the client sent."""
        while not self.received:
            if self.has_ended:
                return b""
            await self._changed.wait()
        data = self.received.take(CHUNK_BYTES_MAX)
        self._session.holds(-len(data))
        return data

    async def write(self, data: bytes) -> bool:
        """Bytes for the client."""
        return await self._session.send(self, data)

    def end(self) -> None:
        """Nothing more for the client."""
        self._session.end(self)

    def wake(self) -> None:
        """Whoever reads looks again."""
        if self._changed.waiters_count:
            self._changed.set()
            self._changed.clear()


class _Turns:
    """`async with turns:` one after the other, in the order of their coming. An Event would let the first go on."""

    __slots__ = ("_is_taken", "_waiting")

    def __init__(self) -> None:
        self._is_taken = False
        self._waiting: deque[Promise[None]] = deque()

    async def __aenter__(self) -> None:
        if not self._is_taken:
            self._is_taken = True
            return
        turn: Promise[None] = Promise()
        self._waiting.append(turn)
        try:
            await turn.wait()
        except BaseException:
            if turn.is_settled:
                self._pass_on()
            else:
                self._waiting.remove(turn)
            raise

    async def __aexit__(self, *_: object) -> None:
        self._pass_on()

    def _pass_on(self) -> None:
        if self._waiting:
            self._waiting.popleft().resolve(None)
        else:
            self._is_taken = False
