"""SPDY within WebSocket: the messages carry the bytes of a SPDY connection, cut anywhere.

Kubernetes speaks it between clients and its API server for PortForward (KEP-4006); towards a runtime it is taken apart
again, so that no runtime offers it. Mirrors Kubernetes: staging/src/k8s.io/client-go/tools/portforward/
tunneling_connection.go.
"""

from __future__ import annotations

from collections.abc import Iterator

from kubesim.server.streaming.peers import ForwardEvent, ForwardPeer, PeerClosed, PeerError
from kubesim.server.websocket.frames import (
    NORMAL_CLOSURE,
    PROTOCOL_ERROR,
    Control,
    FrameReader,
    Opcode,
    Piece,
    close_frame,
    frame_head,
)

TUNNEL_PREFIX = "SPDY/3.1+"
"""What a subprotocol begins with that is a tunnel; the rest names the protocol within SPDY."""

MESSAGE_BYTES_MAX = 32 * 1024


class TunnelledForward:
    """A client of PortForward within a tunnel: `peer` reads and writes what is in it."""

    counts_pings = True
    """As SPDY does, whose frames are all that a tunnel carries."""

    __slots__ = ("_closing", "_is_closed", "_peer", "_pongs", "_reader")

    def __init__(self, peer: ForwardPeer) -> None:
        self._peer = peer
        self._reader = FrameReader(is_strict=True)
        self._pongs: list[bytes] = []
        self._closing = b""
        self._is_closed = False

    def receive(self, data: bytes) -> Iterator[ForwardEvent]:
        """What the client's bytes mean. Raises PeerError."""
        try:
            for frame in self._reader.feed(data):
                if isinstance(frame, Piece):
                    yield from self._peer.receive(frame.data)
                else:
                    yield from self._take_control(frame)
        except PeerError:
            self._close(PROTOCOL_ERROR)
            raise

    def send(self, connection: int, data: bytes) -> None:
        """Bytes of the pod."""
        self._peer.send(connection, data)

    def end(self, connection: int) -> None:
        """The pod sends nothing more on a connection."""
        self._peer.end(connection)

    def close(self, connection: int, error: str = "") -> None:
        """The connection is over, with the text of what went wrong if anything did."""
        self._peer.close(connection, error)

    def expire(self, now_ns: int) -> int | None:
        """Give up what is half opened for too long; when to ask again, None if nothing waits."""
        return self._peer.expire(now_ns)

    @property
    def is_over(self) -> bool:
        """Whether the client or its bytes have ended the tunnel."""
        return self._is_closed

    def take_output(self) -> bytes:
        """The bytes for the socket since the last time: pongs first, a close last."""
        output: list[bytes | memoryview] = [*self._pongs]
        self._pongs.clear()
        inner = memoryview(self._peer.take_output())
        for start in range(0, len(inner), MESSAGE_BYTES_MAX):
            part = inner[start : start + MESSAGE_BYTES_MAX]
            output += [frame_head(Opcode.BINARY, len(part)), part]
        output.append(self._closing)
        self._closing = b""
        return b"".join(output)

    def _take_control(self, frame: Control) -> Iterator[ForwardEvent]:
        if frame.opcode is Opcode.PING and not self._is_closed:
            self._pongs.append(frame_head(Opcode.PONG, len(frame.payload)) + frame.payload)
        elif frame.opcode is Opcode.CLOSE:
            self._close(NORMAL_CLOSURE)
            yield PeerClosed()

    def _close(self, status: int) -> None:
        if not self._is_closed:
            self._is_closed = True
            self._closing = close_frame(status)
