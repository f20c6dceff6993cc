"""A client of Exec or Attach that speaks WebSocket: a channel for each of stdin, stdout, stderr, errors and sizes.

Channels that the request did not ask for are read and thrown away, and so is what a client sends on an output.

Mirrors Kubernetes: staging/src/k8s.io/cri-streaming/pkg/streaming/remotecommand/websocket.go.
"""

from __future__ import annotations

from collections.abc import Iterator

from kubesim.server.streaming.peers import CommandEvent, Input, InputEnded, Output, PeerClosed, Ready
from kubesim.server.streaming.terminal_size import SizeReader
from kubesim.server.websocket.channels import ChannelEnded, Channels, FromChannel

STDIN, STDOUT, STDERR, ERROR, RESIZE = range(5)
CHANNELS_COUNT = 5

_OUTPUTS: dict[Output, int] = {"stdout": STDOUT, "stderr": STDERR}


class WebSocketCommand:
    """One connection of a client; `protocol` is the subprotocol that was negotiated."""

    counts_pings = False
    """Mirrors Kubernetes: wsstream/conn.go, handle, which counts messages."""

    __slots__ = ("_channels", "_has", "_is_new", "_sizes")

    def __init__(self, protocol: str, *, stdin: bool, stdout: bool, stderr: bool) -> None:
        self._has = {STDIN: stdin, STDOUT: stdout, STDERR: stderr}
        wanted = (STDIN, RESIZE) if stdin else (RESIZE,)
        self._channels = Channels(protocol, count=CHANNELS_COUNT, wanted=wanted)
        self._sizes = SizeReader()
        self._is_new = True
        self._channels.write(next((channel for channel in (STDOUT, STDERR) if self._has[channel]), ERROR), b"")

    def receive(self, data: bytes) -> Iterator[CommandEvent]:
        """What the client's bytes mean. Raises PeerError."""
        if self._is_new:
            self._is_new = False
            yield Ready()
        for event in self._channels.receive(data):
            match event:
                case FromChannel(channel, content) if channel == RESIZE:
                    yield from self._sizes.feed(content)
                case FromChannel(_, content):
                    yield Input(content)
                case ChannelEnded(channel):
                    if channel == STDIN:
                        yield InputEnded()
                case PeerClosed():
                    yield event

    def send(self, output: Output, data: bytes) -> None:
        """Bytes of the process; lost where the client did not ask for this output."""
        channel = _OUTPUTS[output]
        if data and self._has[channel]:
            self._channels.write(channel, data)

    def end(self, output: Output) -> None:
        """There is no message that says so."""

    def finish(self, status: bytes) -> None:
        """Say how it went, if there is anything to say, and close."""
        if status:
            self._channels.write(ERROR, status)
        self._channels.close()

    def take_output(self) -> bytes:
        """The bytes for the socket since the last time."""
        return self._channels.take_output()
