"""A client of PortForward that speaks SPDY: two streams for each connection, one for its bytes and one for an error.

Rule 1: streams with the same `requestid` belong together, in whichever order they come. Old clients send none: their
streams follow one another, the error stream first. A pair that is complete frees its id.
Rule 2: a stream without a port or with another type is reset instead of answered.
Rule 3: half a pair waits PAIRING_NS, then its error stream says so. Nothing is closed, and what comes then is lost.
Rule 4: bytes that come before their pair is complete are kept up to EARLY_BYTES_MAX for a whole client. The Go server
stops reading then, and may never go on; here the stream is reset.

Mirrors Kubernetes: staging/src/k8s.io/cri-streaming/pkg/streaming/portforward/httpstream.go.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from kubesim.server.spdy import (
    DataArrived,
    Event,
    PeerLeaves,
    ResetStatus,
    SpdyConnection,
    SpdyError,
    StreamEnded,
    StreamOpened,
    StreamReset,
)
from kubesim.server.streaming.peers import (
    Arrived,
    ForwardEvent,
    GivenUp,
    HalfClosed,
    Opened,
    PeerClosed,
    PeerError,
)

PAIRING_NS = 30_000_000_000
"""How long half a pair waits for the other half. Mirrors DefaultStreamCreationTimeout."""

HALVES_MAX = 10_000
"""Half pairs that wait. A client that resets its streams could otherwise make more of them than it has streams."""

EARLY_BYTES_MAX = 1024 * 1024

CONNECTION_NAME = "0xc000000000"
"""What the Go server calls a connection: an address of its memory, so that one is as good as another."""


class _Half:
    """What has come of a pair. `end` is what came after the last early byte: an event for the pair, once it is one."""

    __slots__ = ("data_id", "early", "end", "error_id", "expires_ns", "port")

    def __init__(self, expires_ns: int) -> None:
        self.expires_ns = expires_ns
        self.error_id = 0
        self.data_id = 0
        self.port = 0
        self.early = bytearray()
        self.end: HalfClosed | GivenUp | None = None


class SpdyForward:
    """One connection of a client. The number of a forwarded connection is that of its data stream."""

    counts_pings = True
    """Mirrors moby/spdystream: connection.go, idleAwareFramer, which counts frames of all kinds."""

    __slots__ = ("_connection", "_early_bytes", "_error_ids", "_halves", "_name", "_now_ns", "_waiting_data")

    def __init__(self, *, name: str = CONNECTION_NAME) -> None:
        self._connection = SpdyConnection()
        self._name = name
        self._now_ns = 0
        self._halves: dict[str, _Half] = {}
        self._waiting_data: dict[int, _Half] = {}
        """Half pairs that have a data stream, by its number."""
        self._early_bytes = 0
        self._error_ids: dict[int, int] = {}
        """Of the connections that are open."""

    def receive(self, data: bytes) -> Iterator[ForwardEvent]:
        """What the client's bytes mean. Raises PeerError."""
        try:
            for event in self._connection.receive(data):
                yield from self._take(event)
        except SpdyError as error:
            raise PeerError(str(error)) from error

    def send(self, connection: int, data: bytes) -> None:
        """Bytes of the pod."""
        if connection in self._error_ids:
            self._connection.send(connection, data)

    def end(self, connection: int) -> None:
        """The pod sends nothing more on a connection."""
        if connection in self._error_ids:
            self._connection.send(connection, b"", is_last=True)

    def close(self, connection: int, error: str = "") -> None:
        """The connection is over: both streams end, or are reset after the text of what went wrong."""
        error_id = self._error_ids.pop(connection, None)
        if error_id is None:
            return
        if error:
            self._connection.send(error_id, error.encode())
            self._connection.reset(connection)
            self._connection.reset(error_id)
        else:
            self._connection.send(error_id, b"", is_last=True)
            self._connection.send(connection, b"", is_last=True)

    def expire(self, now_ns: int) -> int | None:
        """Give up the halves that have waited too long; when to ask again, None if none waits."""
        self._now_ns = now_ns
        while self._halves:
            request_id, half = next(iter(self._halves.items()))  # the oldest
            if half.expires_ns > now_ns:
                return half.expires_ns
            text = f"(conn={self._name}, request={request_id}) timed out waiting for streams"
            self._connection.send(half.error_id, text.encode())
            self._forget(request_id, half)
        return None

    @property
    def is_over(self) -> bool:
        """Never: a client may always open another connection."""
        return False

    def take_output(self) -> bytes:
        """The bytes for the socket since the last time."""
        return self._connection.take_output()

    # -- streams --------------------------------------------------------------------------------------------

    def _take(self, event: Event) -> Iterator[ForwardEvent]:
        match event:
            case StreamOpened(stream_id, headers):
                yield from self._opened(stream_id, headers)
            case DataArrived(stream_id, data):
                if stream_id in self._error_ids:
                    yield Arrived(stream_id, data)
                else:
                    self._keep(stream_id, data)
            case StreamEnded(stream_id):
                yield from self._ended(stream_id, HalfClosed(stream_id))
            case StreamReset(stream_id, _):
                yield from self._ended(stream_id, GivenUp(stream_id))
            case PeerLeaves():
                # The Go server leaves as well, and whatever is open with it.
                yield PeerClosed()

    def _opened(self, stream_id: int, headers: Mapping[str, str]) -> Iterator[ForwardEvent]:
        port = _port(headers.get("port", ""))
        kind = headers.get("streamtype", "")
        if not port or kind not in ("error", "data"):
            self._connection.refuse(stream_id)
            return
        request_id = headers.get("requestid", "") or str(stream_id if kind == "error" else stream_id - 2)
        half = self._halves.get(request_id)
        if half is None:
            if len(self._halves) >= HALVES_MAX:
                self._connection.refuse(stream_id, ResetStatus.REFUSED_STREAM)
                return
            half = self._halves[request_id] = _Half(self._now_ns + PAIRING_NS)
        if half.error_id if kind == "error" else half.data_id:
            text = f"error processing stream for request {request_id}: {kind} stream already assigned"
            self._connection.send(half.error_id, text.encode())
            return
        if kind == "error":
            half.error_id = stream_id
        else:
            half.data_id, half.port = stream_id, port
            self._waiting_data[stream_id] = half
        if half.error_id and half.data_id:
            yield from self._completed(request_id, half)

    def _completed(self, request_id: str, half: _Half) -> Iterator[ForwardEvent]:
        self._forget(request_id, half)
        self._error_ids[half.data_id] = half.error_id
        yield Opened(half.data_id, half.port)
        if half.early:
            yield Arrived(half.data_id, bytes(half.early))
        if half.end is not None:
            yield half.end

    def _keep(self, stream_id: int, data: bytes) -> None:
        """Bytes for a pair that is not complete; those of any other stream are lost."""
        half = self._waiting_data.get(stream_id)
        if half is None:
            return
        if self._early_bytes + len(data) > EARLY_BYTES_MAX:
            self._connection.reset(stream_id, ResetStatus.FLOW_CONTROL_ERROR)
            self._drop_early(half)
            half.end = GivenUp(stream_id)
            return
        half.early += data
        self._early_bytes += len(data)

    def _ended(self, stream_id: int, end: HalfClosed | GivenUp) -> Iterator[ForwardEvent]:
        if stream_id in self._error_ids:
            yield end
        elif stream_id in self._waiting_data:
            self._waiting_data[stream_id].end = end

    def _forget(self, request_id: str, half: _Half) -> None:
        del self._halves[request_id]
        self._waiting_data.pop(half.data_id, None)
        self._early_bytes -= len(half.early)

    def _drop_early(self, half: _Half) -> None:
        self._early_bytes -= len(half.early)
        half.early = bytearray()


def _port(text: str) -> int:
    """A port as Go's ParseUint reads it: decimal digits, with any zeros before them. 0 for what is none."""
    digits = text.lstrip("0")
    if not (digits.isascii() and digits.isdecimal()) or len(digits) > 5 or int(digits) > 65535:
        return 0
    return int(digits)
