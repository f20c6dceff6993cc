"""Streams of a `Cri` over gRPC: small while they wait, and fair to everybody else when all of them get an event.

A stream of events may be open for the life of a kubelet, and a hostile client opens ten thousand. So a stream that
waits holds one task of the kernel, one coroutine of asyncio and an `_Outlet` between the two. Sending a message costs
as much as answering a call, so the streams take turns, and calls go in between.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import grpc.aio
from google.protobuf.message import Message

from kubesim.cri.errors import Code, CriError
from kubesim.cri.methods import Method
from kubesim.cri.protocol import Cri, EncodingStreams
from kubesim.kernel import RealTimePump, Task
from kubesim.kernel.task import Disarm, suspend
from kubesim.server.grpc_go import Context, abort, size_refusal

MESSAGES_PER_TURN = 16
"""Messages that go out in one turn of the loop."""

BURST_MESSAGES = 256
"""Messages that go out without a pause: a node's kubelet and tools have fewer streams than that."""

MESSAGES_PER_SECOND = 8_000
"""What goes out in the long run. Without a bound, an event for ten thousand streams keeps a core busy for a second, and
the threads of gRPC, through which every call passes, wait for the rest: calls took a hundred times as long."""

PAUSE_SECONDS = 0.004

CANCELLATION_SECONDS_MAX = 5.0
"""How long after a message that could not be sent gRPC may take to cancel the call of a client that is gone."""

_log = logging.getLogger(__name__)


class StreamTurns:
    """Lets streams that have something to send go on, in the order of their asking, and not too many at a time."""

    def __init__(self) -> None:
        self._ready: deque[_Outlet] = deque()
        self._is_turn_due = False
        self._allowance = float(BURST_MESSAGES)
        self._counted_at_seconds = 0.0

    def ask(self, outlet: _Outlet) -> None:
        """Wake the outlet's coroutine when it is its turn."""
        self._ready.append(outlet)
        if not self._is_turn_due:
            self._is_turn_due = True
            asyncio.get_running_loop().call_soon(self._turn)

    def _turn(self) -> None:
        loop = asyncio.get_running_loop()
        earned = (loop.time() - self._counted_at_seconds) * MESSAGES_PER_SECOND
        self._counted_at_seconds = loop.time()
        self._allowance = min(float(BURST_MESSAGES), self._allowance + earned)
        count = min(MESSAGES_PER_TURN, len(self._ready), int(self._allowance))
        self._allowance -= count
        for _ in range(count):
            self._ready.popleft().wake()
        self._is_turn_due = bool(self._ready)
        if self._is_turn_due and self._allowance >= 1:
            loop.call_soon(self._turn)
        elif self._is_turn_due:
            loop.call_later(PAUSE_SECONDS, self._turn)


class _Outlet:
    """Between a stream of the kernel and its gRPC call.

    One message is on its way at a time: a client that does not read stops its stream, not our memory.
    """

    __slots__ = ("_item", "_sender", "_waiter")

    def __init__(self) -> None:
        self._item: bytes | CriError | None = b""
        self._sender: Task[Any] | None = None
        self._waiter: asyncio.Future[None] | None = None

    def put(self, item: bytes | CriError | None, turns: StreamTurns) -> None:
        """On the kernel: the next message, or the end of the stream."""
        self._item = item
        turns.ask(self)

    async def wait_taken(self) -> None:
        """On the kernel: suspend until the message has been sent."""
        await suspend(self._arm)

    def _arm(self, task: Task[Any]) -> Disarm:
        self._sender = task
        return self._disarm

    def _disarm(self, _: Task[Any]) -> None:
        self._sender = None

    def taken(self) -> None:
        """As an event of the kernel: the message has been sent."""
        sender, self._sender = self._sender, None
        if sender is not None:
            sender.wake()

    def wake(self) -> None:
        """On the loop: there is an item, and it is our turn. The coroutine may be gone with its client."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def get(self) -> bytes | CriError | None:
        """On the loop: wait for the next item. Call it in the turn in which it was asked for: `wake` comes later."""
        self._waiter = asyncio.get_running_loop().create_future()
        await self._waiter
        self._waiter = None
        return self._item


def stream_handler(
    cri: Cri,
    method: Method,
    start: Callable[[Coroutine[Any, Any, None], Method, float | None], Task[None]],
    pump: RealTimePump,
    turns: StreamTurns,
    *,
    before_answer: Callable[[], CriError | None] | None,
) -> Callable[[Message, Context], Coroutine[Any, Any, None]]:
    """The gRPC side of one method with a stream of answers; `start` enters a coroutine into the kernel."""

    async def send(request: Message, context: Context) -> None:
        outlet = _Outlet()
        task = start(_feed(cri, method, request, outlet, turns), method, context.time_remaining())
        try:
            while isinstance(item := await outlet.get(), bytes):
                if before_answer is not None and (unkept := before_answer()) is not None:
                    item = unkept
                    break
                await _write(context, item)
                pump.enter(outlet.taken)
        finally:
            # The client is gone, or the end is reached: the work stops as well.
            if not task.is_done:
                pump.enter(task.cancel)
        if item is not None:
            await abort(context, item)

    return send


async def _write(context: Context, message: bytes) -> None:
    try:
        await context.write(message)
    except grpc.aio.InternalError:
        # The client is gone. gRPC hears of it by two ways: until the other one cancels this call, it would log the
        # failure of this one as a bug.
        await asyncio.sleep(CANCELLATION_SECONDS_MAX)
        raise


async def _feed(cri: Cri, method: Method, request: Message, outlet: _Outlet, turns: StreamTurns) -> None:
    end: CriError | None = None
    try:
        async for encoded in _encoded(cri, method, request):
            if (end := size_refusal(method, len(encoded))) is not None:
                break
            outlet.put(encoded, turns)
            await outlet.wait_taken()
    except CriError as error:
        end = error
    except Exception as error:  # noqa: BLE001 - a bug must not end the server, and must be seen by the caller
        end = CriError(Code.INTERNAL, f"kubesim: {method.name}: {error!r}")
        _log.exception("%s failed; this is a bug in kubesim", method.name)
    outlet.put(end, turns)


def _encoded(cri: Cri, method: Method, request: Message) -> AsyncIterator[bytes]:
    """The answers as bytes: from the runtime itself, which serialises an event once for all, or from its messages."""
    return (
        cri.stream_encoded(method, request) if isinstance(cri, EncodingStreams) else _serialised(cri, method, request)
    )


async def _serialised(cri: Cri, method: Method, request: Message) -> AsyncIterator[bytes]:
    async for message in cri.stream(method, request):
        yield message.SerializeToString()
