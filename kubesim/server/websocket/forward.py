"""A client of PortForward that speaks WebSocket: two channels for each port of the request, for bytes and for an error.

Rule 1: there is one connection to each port, made at once; the first message on both of its channels is the port.
Rule 2: no message ends a channel: a client that has nothing more to send closes the whole.
Rule 3: when the last connection is over, the server closes.

Mirrors Kubernetes: staging/src/k8s.io/cri-streaming/pkg/streaming/portforward/websocket.go.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence

from kubesim.server.streaming.peers import Arrived, ForwardEvent, Opened, PeerClosed
from kubesim.server.websocket.channels import Channels, FromChannel


class WebSocketForward:
    """One connection of a client; `ports` are those of the request, and number the connections."""

    counts_pings = False
    """Mirrors Kubernetes: wsstream/conn.go, handle, which counts messages."""

    __slots__ = ("_channels", "_open", "_waiting")

    def __init__(self, protocol: str, ports: Sequence[int]) -> None:
        self._channels = Channels(protocol, count=2 * len(ports), wanted=range(0, 2 * len(ports), 2))
        self._waiting = list(enumerate(ports))
        """Connections that the session has not heard of."""
        self._open = set(range(len(ports)))
        for number, port in self._waiting:
            for channel in (2 * number, 2 * number + 1):
                self._channels.write(channel, struct.pack("<H", port))
        self._close_if_over()

    def receive(self, data: bytes) -> Iterator[ForwardEvent]:
        """What the client's bytes mean. Raises PeerError."""
        waiting, self._waiting = self._waiting, []
        for number, port in waiting:
            yield Opened(number, port)
        for event in self._channels.receive(data):
            match event:
                case FromChannel(channel, content):
                    if channel // 2 in self._open:
                        yield Arrived(channel // 2, content)
                case PeerClosed():
                    yield event

    def send(self, connection: int, data: bytes) -> None:
        """Bytes of the pod."""
        if data and connection in self._open:
            self._channels.write(2 * connection, data)

    def end(self, connection: int) -> None:
        """There is no message that says so."""

    def close(self, connection: int, error: str = "") -> None:
        """The connection is over, with the text of what went wrong if anything did."""
        if connection in self._open:
            if error:
                self._channels.write(2 * connection + 1, error.encode())
            self._open.discard(connection)
            self._close_if_over()

    def expire(self, now_ns: int) -> int | None:  # noqa: ARG002 - nothing waits
        """Nothing is ever half opened."""
        return None

    @property
    def is_over(self) -> bool:
        """Whether all connections are."""
        return not self._open

    def take_output(self) -> bytes:
        """The bytes for the socket since the last time."""
        return self._channels.take_output()

    def _close_if_over(self) -> None:
        if self.is_over:
            self._channels.close()
