"""The door of a streaming server: one port, HTTP/1.1 until a request becomes a stream.

Rule 1: a connection costs little until its first byte, and a request head at most HEAD_BYTES_MAX. When more heads than
HEADS_MAX are open, or hold more than HEADS_BYTES_MAX, the oldest connection makes room.
Rule 2: a refused request leaves its connection open for another one, as in Go's server.
Rule 3: nothing is decided outside the kernel: a token is taken, and a stream begins, within an event of it.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, cast

from kubesim.kernel import Kernel, RealTimePump, Timer
from kubesim.policy.stream_upgrade import Headers, Refused, StreamTarget, stream_target
from kubesim.server.streaming.link import Link

if TYPE_CHECKING:
    import socket
    import ssl

    from kubesim.server.streaming.http_head import HttpHead, RequestHead

HEADS_MAX = 20_000
HEADS_BYTES_MAX = 64 * 1024 * 1024

LINGER_SECONDS = 2
"""How long a client that was sent everything may go on sending before its socket is closed."""

GOODBYE_SECONDS_MAX = 60
"""How long the last bytes, which are no more than a buffer, wait for a client that does not read them."""

BACKLOG = 4096
"""Connections that the machine's kernel holds for us."""


class Session(Protocol):
    """What goes on over a connection once it is a stream."""

    def receive(self, data: bytes) -> None:
        """Bytes of the client."""

    def gone(self) -> None:
        """The client is gone, or has been silent for too long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A request that becomes a stream. `headers` are those of the answer 101; `begin` is called after it was sent."""

    headers: Headers
    begin: Callable[[], Session]


class StreamOpener(Protocol):
    """Decides about requests, within events of the kernel."""

    def open(
        self, target: StreamTarget, head: RequestHead, link: Link, on_data: Callable[[], object]
    ) -> Refused | Begun:
        """What becomes of a request; `on_data` is to be called whenever bytes of a stream move."""


class StreamingServer:
    """Listens at one address. `idle_ns` is how long a stream may be silent in both directions."""

    def __init__(
        self,
        kernel: Kernel,
        pump: RealTimePump,
        opener: StreamOpener,
        *,
        idle_ns: int,
    ) -> None:
        self.kernel = kernel
        self.pump = pump
        self.opener = opener
        self.idle_ns = idle_ns
        self._server: asyncio.Server | None = None
        self._connections: set[Connection] = set()
        self._heads: OrderedDict[Connection, int] = OrderedDict()
        """Connections that are no stream, oldest first, with the bytes of the request they hold."""
        self._heads_bytes = 0

    @property
    def connections_count(self) -> int:
        """Connections that are open, streams or not."""
        return len(self._connections)

    async def start(self, listening: socket.socket, tls: ssl.SSLContext | None) -> None:
        """Serve at a socket that listens already, which is closed by `stop`."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Connection(self), sock=listening, ssl=tls, backlog=BACKLOG)

    def stop(self) -> None:
        """Listen no more, and cut every connection."""
        if self._server is not None:
            self._server.close()
        for connection in list(self._connections):
            connection.abort()

    def added(self, connection: Connection) -> None:
        """A connection was made."""
        self._connections.add(connection)
        self._heads[connection] = 0
        self._make_room()

    def removed(self, connection: Connection) -> None:
        """A connection is gone."""
        self._connections.discard(connection)
        self.became_stream(connection)

    def became_stream(self, connection: Connection) -> None:
        """A connection needs no request any more."""
        self._heads_bytes -= self._heads.pop(connection, 0)

    def holds_head(self, connection: Connection, size_bytes: int) -> None:
        """A connection holds so much of a request that is not complete."""
        self._heads_bytes += size_bytes - self._heads[connection]
        self._heads[connection] = size_bytes
        self._make_room()

    def _make_room(self) -> None:
        while len(self._heads) > HEADS_MAX or self._heads_bytes > HEADS_BYTES_MAX:
            oldest = next(iter(self._heads))
            self.became_stream(oldest)
            oldest.abort()


class Connection(asyncio.Protocol):
    """One connection of a client."""

    __slots__ = (
        "_head",
        "_is_leaving",
        "_last_ns",
        "_linger",
        "_link",
        "_server",
        "_session",
        "_silence",
        "_transport",
    )

    def __init__(self, server: StreamingServer) -> None:
        self._server = server
        self._transport: asyncio.Transport | None = None
        self._head: HttpHead | None = None
        self._link: Link | None = None
        self._session: Session | None = None
        self._last_ns = 0
        self._silence: Timer | None = None
        self._is_leaving = False
        self._linger: asyncio.TimerHandle | None = None

    # -- what asyncio calls ---------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client connected."""
        self._transport = cast("asyncio.Transport", transport)
        self._server.added(self)

    def data_received(self, data: bytes) -> None:
        """Bytes of the client."""
        if self._session is not None:
            self._server.pump.enter(self._session.receive, data)
            return
        if self._head is None:
            from kubesim.server.streaming.http_head import HttpHead

            self._head = HttpHead()
        self._head.feed(data)
        self._next_request()

    def pause_writing(self) -> None:
        """The client is behind with reading."""
        if self._link is not None:
            self._link.set_full(is_full=True)

    def resume_writing(self) -> None:
        """The client has caught up."""
        if self._is_leaving:
            self._wait_for_goodbye()
        elif self._link is not None:
            self._server.pump.enter(self._resumed)

    def connection_lost(self, _error: Exception | None) -> None:
        """The client is gone."""
        self._server.removed(self)
        if self._linger is not None:
            self._linger.cancel()
            self._linger = None
        if self._link is not None:
            self._server.pump.enter(self._lost)

    # -- the request ----------------------------------------------------------------------------------------

    def abort(self) -> None:
        """Cut the connection."""
        if self._transport is not None:
            self._transport.abort()

    def _next_request(self) -> None:
        """Look for a whole request among what has come. Until all of that is answered, nothing more is read."""
        head, transport = self._parts()
        if transport.is_closing():
            return
        request = head.next_request()
        self._server.holds_head(self, head.held_bytes)
        if request is None:
            transport.resume_reading()
            return
        transport.pause_reading()
        target = request if isinstance(request, Refused) else stream_target(request.method, request.path)
        if isinstance(request, Refused) or isinstance(target, Refused):
            self._refuse(cast("Refused", target))
        else:
            self._server.pump.enter(self._decide, target, request)

    def _refuse(self, refused: Refused) -> None:
        head, transport = self._parts()
        answer, is_last = head.answer(refused, self._server.pump.real_now_ns())
        transport.write(answer)
        if is_last:
            transport.close()
        else:
            # On another turn: the requests of one client must not keep the loop from the others.
            asyncio.get_running_loop().call_soon(self._next_request)

    def _decide(self, target: StreamTarget, request: RequestHead) -> None:
        """An event of the kernel: the request becomes a stream, or does not."""
        head, transport = self._parts()
        if transport.is_closing():
            return
        link = Link(transport, close=self._say_goodbye)
        answer = self._server.opener.open(target, request, link, self._data_moved)
        if isinstance(answer, Refused):
            self._refuse(answer)
            return
        self._server.became_stream(self)
        transport.write(head.switch(answer.headers))
        early, self._head = head.early_bytes, None
        self._link = link
        self._session = session = answer.begin()
        self._data_moved()
        self._silence = self._server.kernel.call_later(self._server.idle_ns, self._look_for_silence)
        transport.resume_reading()
        session.receive(early)  # even b"": a WebSocket client may have nothing to say

    def _parts(self) -> tuple[HttpHead, asyncio.Transport]:
        head, transport = self._head, self._transport
        assert head is not None, "bytes have come, and no stream began"
        assert transport is not None, "bytes come over a transport"
        return head, transport

    def _say_goodbye(self) -> None:
        """Send what is left and say that it was all; what the client still sends is lost until it says the same.

        Closed at once, a socket answers bytes that are under way with a reset, and the client's machine throws away
        what the client has not read yet: the end of an output, and how the command ended.
        """
        transport = cast("asyncio.Transport", self._transport)
        if transport.is_closing() or not transport.can_write_eof():
            transport.close()  # TLS has a good-bye of its own, and waits for the client's
            return
        transport.write_eof()
        self._is_leaving = True
        transport.set_write_buffer_limits(high=0)  # so that the last byte is heard of
        if transport.get_write_buffer_size() == 0:
            self._wait_for_goodbye()
        else:
            self._linger = asyncio.get_running_loop().call_later(GOODBYE_SECONDS_MAX, transport.abort)

    def _wait_for_goodbye(self) -> None:
        transport = cast("asyncio.Transport", self._transport)
        transport.resume_reading()
        if self._linger is not None:
            self._linger.cancel()
        self._linger = asyncio.get_running_loop().call_later(LINGER_SECONDS, transport.close)

    # -- the stream, within events of the kernel ------------------------------------------------------------

    def _data_moved(self) -> None:
        self._last_ns = self._server.kernel.now_ns

    def _look_for_silence(self) -> None:
        kernel, idle_ns = self._server.kernel, self._server.idle_ns
        rest_ns = self._last_ns + idle_ns - kernel.now_ns
        if rest_ns > 0:
            self._silence = kernel.call_later(rest_ns, self._look_for_silence)
            return
        self._silence = None
        if self._session is not None:
            self._session.gone()

    def _resumed(self) -> None:
        if self._link is not None:
            self._link.set_full(is_full=False)

    def _lost(self) -> None:
        if self._silence is not None:
            self._server.kernel.cancel(self._silence)
            self._silence = None
        if self._link is not None:
            self._link.lost()
        if self._session is not None:
            self._session.gone()
