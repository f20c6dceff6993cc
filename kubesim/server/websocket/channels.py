"""Channels within WebSocket messages: each message begins with the number of its channel.

Rule 1: channels that are not wanted are read and thrown away, and so are those that the client has ended.
Rule 2: in the base64 forms a message is a digit and base64. From where it is none, the rest of the message is lost; Go,
which holds all of a message, loses all of it.
Rule 3: from the fifth version on a message of 255 and a channel is the end of that channel.
Rule 4: whatever a client did wrong, the last frame it gets is a normal close.

Mirrors Kubernetes: staging/src/k8s.io/streaming/pkg/httpstream/wsstream/conn.go.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64encode
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from kubesim.server.streaming.peers import PeerClosed, PeerError
from kubesim.server.websocket.frames import (
    NORMAL_CLOSURE,
    PROTOCOL_ERROR,
    Control,
    FrameReader,
    NotMasked,
    Opcode,
    Piece,
    close_frame,
    frame_head,
)

CLOSE_SIGNAL = 255

MESSAGE_BYTES_MAX = 64 * 1024
"""Of what is sent in one message, so that a pong does not wait behind megabytes."""

_QUANTUM = 4
"""Characters of base64 that stand for whole bytes."""

_BASE64 = re.compile(rb"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")

_NO_CHANNEL = -1


@dataclass(frozen=True, slots=True)
class FromChannel:
    """Bytes of the client on a channel that is wanted; maybe a part of a message, never none."""

    channel: int
    data: bytes


@dataclass(frozen=True, slots=True)
class ChannelEnded:
    """The client sends nothing more on a channel that is wanted."""

    channel: int


ChannelEvent: TypeAlias = FromChannel | ChannelEnded | PeerClosed


class Channels:
    """One connection of a client. `protocol` is the subprotocol that was negotiated, `count` how many channels it has,
    `wanted` are those whose bytes are asked for.
    """

    __slots__ = (
        "_channel",
        "_count",
        "_has_close_signal",
        "_is_base64",
        "_is_closed",
        "_output",
        "_pongs",
        "_reader",
        "_rest",
        "_wanted",
    )

    def __init__(self, protocol: str, *, count: int, wanted: Collection[int]) -> None:
        self._is_base64 = "base64" in protocol
        self._has_close_signal = protocol.startswith("v5.")
        self._count = count
        self._wanted = set(wanted)
        self._reader = FrameReader()
        self._channel = _NO_CHANNEL
        """Of the message that is coming; _NO_CHANNEL before its first byte, or when what comes of it is lost."""
        self._rest: bytes | None = None
        """Base64 that is no whole quantum yet, or the channel that ends; None before the first byte of a message."""
        self._is_closed = False
        self._pongs: list[bytes] = []
        """They go in front of everything else: whoever asks may have waited for long."""
        self._output: list[bytes | memoryview] = []

    def receive(self, data: bytes) -> Iterator[ChannelEvent]:
        """What the client's bytes mean. Raises PeerError, having said so."""
        try:
            for frame in self._reader.feed(data):
                if isinstance(frame, Piece):
                    yield from self._piece(frame)
                else:
                    yield from self._control(frame)
        except PeerError as error:
            if isinstance(error, NotMasked) and not self._is_closed:
                self._output.append(close_frame(PROTOCOL_ERROR))
            self.close()
            raise

    def write(self, channel: int, data: bytes) -> None:
        """Send bytes on a channel, or an empty message; nothing after `close`."""
        if self._is_closed:
            return
        view = memoryview(data)
        for start in range(0, len(data) or 1, MESSAGE_BYTES_MAX):
            part = view[start : start + MESSAGE_BYTES_MAX]
            if self._is_base64:
                text = chr((ord("0") + channel) % 256).encode() + b64encode(part)
                self._output += [frame_head(Opcode.TEXT, len(text)), text]
            else:
                self._output += [frame_head(Opcode.BINARY, len(part) + 1) + bytes((channel % 256,)), part]

    def close(self) -> None:
        """Say that nothing more comes."""
        if not self._is_closed:
            self._output.append(close_frame(NORMAL_CLOSURE))
            self._is_closed = True

    def take_output(self) -> bytes:
        """The bytes for the socket since the last time."""
        output = b"".join((*self._pongs, *self._output))
        self._pongs.clear()
        self._output.clear()
        return output

    # -- from the client --------------------------------------------------------------------------------------

    def _control(self, frame: Control) -> Iterator[ChannelEvent]:
        if frame.opcode is Opcode.PING and not self._is_closed:
            self._pongs.append(frame_head(Opcode.PONG, len(frame.payload)) + frame.payload)
        elif frame.opcode is Opcode.CLOSE:
            self.close()
            yield PeerClosed()

    def _piece(self, piece: Piece) -> Iterator[ChannelEvent]:
        data = piece.data
        if piece.is_first:
            self._channel, self._rest = _NO_CHANNEL, None
        if self._rest is None and data:
            first, data, self._rest = data[0], data[1:], b""
            self._channel = (first - ord("0")) % 256 if self._is_base64 else first
        if self._has_close_signal and self._channel == CLOSE_SIGNAL:
            yield from self._signal(data, is_last=piece.is_last)
        elif data and (channel := self._channel) in self._wanted:
            if self._is_base64:
                data = self._decoded(data, is_last=piece.is_last)
            if data:
                yield FromChannel(channel, data)

    def _signal(self, data: bytes, *, is_last: bool) -> Iterator[ChannelEvent]:
        self._rest = rest = (self._rest or b"") + data
        if not is_last and len(rest) < 2:
            return
        if len(rest) != 1 or rest[0] >= self._count:
            raise PeerError("a close signal is not followed by one byte, the number of a channel")
        if rest[0] in self._wanted:
            self._wanted.discard(rest[0])
            yield ChannelEnded(rest[0])

    def _decoded(self, data: bytes, *, is_last: bool) -> bytes:
        """What whole quanta of base64 stand for; the rest waits for the next piece.

        No channel is the message's any more when nothing of it can count.
        """
        # Go passes over line ends anywhere.
        text = (self._rest or b"") + data.translate(None, b"\r\n")
        whole = len(text) if is_last else len(text) - len(text) % _QUANTUM
        self._rest = text[whole:]
        try:
            found = binascii.a2b_base64(text[:whole], strict_mode=True)
        except binascii.Error:
            valid = _BASE64.match(text, 0, whole)
            assert valid is not None, "the pattern takes nothing too"
            self._channel = _NO_CHANNEL
            return binascii.a2b_base64(valid[0])
        if text.endswith(b"=", 0, whole):
            self._channel = _NO_CHANNEL  # nothing may come after it
        return found
