"""A client of Exec or Attach that speaks WebSocket: each message begins with the number of its channel.

Rule 1: channels that the request did not ask for are read and thrown away, and so is what a client sends on an output.
Rule 2: in the base64 forms a message is a digit and base64; the rest of a message that is none is lost, as in Go.
Rule 3: from the fifth version on a message of 255 and a channel is the end of that channel.

Mirrors Kubernetes: staging/src/k8s.io/cri-streaming/pkg/streaming/remotecommand/websocket.go;
staging/src/k8s.io/streaming/pkg/httpstream/wsstream/conn.go.
"""

from __future__ import annotations

import binascii
from base64 import b64encode
from collections.abc import Iterator

from kubesim.server.streaming.peers import CommandEvent, Input, InputEnded, Output, PeerClosed, PeerError, Ready
from kubesim.server.streaming.terminal_size import SizeReader
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

STDIN, STDOUT, STDERR, ERROR, RESIZE = range(5)
CHANNELS_COUNT = 5
CLOSE_SIGNAL = 255

MESSAGE_BYTES_MAX = 32 * 1024
"""Of what is sent in one message, so that a pong does not wait behind megabytes."""

_OUTPUTS: dict[Output, int] = {"stdout": STDOUT, "stderr": STDERR}
_QUANTUM = 4
"""Characters of base64 that stand for whole bytes."""


class WebSocketCommand:
    """One connection of a client; `protocol` is the subprotocol that was negotiated."""

    __slots__ = (
        "_channel",
        "_has",
        "_has_close_signal",
        "_is_base64",
        "_is_closed",
        "_is_new",
        "_output",
        "_reader",
        "_rest",
        "_sizes",
    )

    def __init__(self, protocol: str, *, stdin: bool, stdout: bool, stderr: bool) -> None:
        self._is_base64 = "base64" in protocol
        self._has_close_signal = protocol.startswith("v5.")
        self._has = {STDIN: stdin, STDOUT: stdout, STDERR: stderr}
        self._reader = FrameReader()
        self._sizes = SizeReader()
        self._channel = -1
        """Of the message that is coming; -1 before its first byte, CLOSE_SIGNAL before the channel that ends."""
        self._rest = b""
        """Base64 that is no whole quantum yet."""
        self._is_new = True
        self._is_closed = False
        self._output: list[bytes | memoryview] = []
        self._write(next((channel for channel in (STDOUT, STDERR) if self._has[channel]), ERROR), b"")

    def receive(self, data: bytes) -> Iterator[CommandEvent]:
        """What the client's bytes mean. Raises PeerError."""
        if self._is_new:
            self._is_new = False
            yield Ready()
        try:
            for frame in self._reader.feed(data):
                if isinstance(frame, Piece):
                    yield from self._piece(frame)
                else:
                    yield from self._control(frame)
        except PeerError:
            self._close(PROTOCOL_ERROR)
            raise

    def send(self, output: Output, data: bytes) -> None:
        """Bytes of the process; lost where the client did not ask for this output."""
        channel = _OUTPUTS[output]
        if self._has[channel]:
            view = memoryview(data)
            for start in range(0, len(data), MESSAGE_BYTES_MAX):
                self._write(channel, view[start : start + MESSAGE_BYTES_MAX])

    def end(self, output: Output) -> None:
        """There is no message that says so."""

    def finish(self, status: bytes) -> None:
        """Say how it went, if there is anything to say, and close."""
        if status:
            self._write(ERROR, status)
        self._close(NORMAL_CLOSURE)

    def take_output(self) -> bytes:
        """The bytes for the socket since the last time."""
        output = b"".join(self._output)
        self._output.clear()
        return output

    # -- from the client --------------------------------------------------------------------------------------

    def _control(self, frame: Control) -> Iterator[CommandEvent]:
        if frame.opcode is Opcode.PING and not self._is_closed:
            # In front of everything else: whoever asks may have waited for long.
            self._output.insert(0, frame_head(Opcode.PONG, len(frame.payload)) + frame.payload)
        elif frame.opcode is Opcode.CLOSE:
            self._close(NORMAL_CLOSURE)
            yield PeerClosed()

    def _piece(self, piece: Piece) -> Iterator[CommandEvent]:
        data = piece.data
        if piece.is_first:
            self._channel, self._rest = -1, b""
        if self._channel < 0 and data:
            self._channel = data[0] - ord("0") if self._is_base64 else data[0]
            data = data[1:]
        if self._has_close_signal and self._channel == CLOSE_SIGNAL:
            yield from self._signal(data, is_last=piece.is_last)
        elif data:
            yield from self._content(data, is_last=piece.is_last)

    def _signal(self, data: bytes, *, is_last: bool) -> Iterator[CommandEvent]:
        self._rest += data
        if not is_last and len(self._rest) < 2:
            return
        if len(self._rest) != 1 or self._rest[0] >= CHANNELS_COUNT:
            raise PeerError("a close signal is not followed by one byte, the number of a channel")
        if self._rest[0] == STDIN and self._has[STDIN]:
            yield InputEnded()

    def _content(self, data: bytes, *, is_last: bool) -> Iterator[CommandEvent]:
        is_wanted = self._channel == RESIZE or (self._channel == STDIN and self._has[STDIN])
        if not is_wanted:
            return
        if self._is_base64:
            data = self._decoded(data, is_last=is_last)
        if self._channel == RESIZE:
            yield from self._sizes.feed(data)
        elif data:
            yield Input(data)

    def _decoded(self, data: bytes, *, is_last: bool) -> bytes:
        """What whole quanta of base64 stand for; the rest waits for the next piece."""
        # Go passes over line ends anywhere.
        text = self._rest + data.translate(None, b"\r\n")
        whole = len(text) if is_last else len(text) - len(text) % _QUANTUM
        self._rest = text[whole:]
        try:
            return binascii.a2b_base64(text[:whole], strict_mode=True)
        except binascii.Error:
            self._channel = CHANNELS_COUNT  # which nobody has
            return b""

    # -- to the client ----------------------------------------------------------------------------------------

    def _write(self, channel: int, data: bytes | memoryview) -> None:
        if self._is_closed:
            return
        if self._is_base64:
            text = b"%d%b" % (channel, b64encode(data))
            self._output += [frame_head(Opcode.TEXT, len(text)), text]
        else:
            self._output += [frame_head(Opcode.BINARY, len(data) + 1) + bytes((channel,)), data]

    def _close(self, status: int) -> None:
        if not self._is_closed:
            self._output.append(close_frame(status))
            self._is_closed = True
