"""Frames of RFC 6455, from a client to a server and back.

Rule 1: what has come of a message is passed on at once: nobody can make us hold a long one.
Rule 2: control frames come between the frames of a message, whole.
Mirrors golang.org/x/net: websocket/hybi.go, HandleFrame, where RFC 6455 leaves a choice: text need not be UTF-8.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import TypeAlias

from kubesim.server.streaming.peers import PeerError

try:
    from websockets.speedups import apply_mask
except ImportError:  # a platform for which websockets has no compiled part
    from websockets.utils import apply_mask

CONTROL_BYTES_MAX = 125
NORMAL_CLOSURE = 1000
PROTOCOL_ERROR = 1002

_TWO_BYTES, _EIGHT_BYTES = 126, 127
_FIN, _MASKED = 0x80, 0x80


class Opcode(IntEnum):
    """What a frame is. RFC 6455, section 5.2."""

    CONTINUATION = 0
    TEXT = 1
    BINARY = 2
    CLOSE = 8
    PING = 9
    PONG = 10


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes of a message in the order of its frames; maybe none."""

    data: bytes
    is_first: bool
    is_last: bool


@dataclass(frozen=True, slots=True)
class Control:
    """A close, ping or pong frame."""

    opcode: Opcode
    payload: bytes


Frame: TypeAlias = Piece | Control


class FrameReader:
    """Reads the frames of a client, however the bytes are cut."""

    __slots__ = (
        "_buffer",
        "_is_in_message",
        "_is_start",
        "_mask",
        "_opcode",
        "_rest_bytes",
    )

    def __init__(self) -> None:
        self._buffer = bytearray()
        """The beginning of a head, or of a control frame."""
        self._is_in_message = False
        """Whether frames of a message have come, and its last has not."""
        self._opcode: Opcode | None = None
        """Of the message frame whose payload comes next; None: a head comes next."""
        self._is_start = False
        self._mask = b""
        self._rest_bytes = 0

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The control frames that are whole now, and what there is of messages. Raises PeerError.

        What is fed must be iterated to its end, or nothing more be fed.
        """
        if self._buffer:
            self._buffer += data
            data = bytes(self._buffer)
            self._buffer.clear()
        at, end = 0, len(data)
        while at < end or self._is_payload_empty:
            if self._opcode is None:
                head = _read_head(data, at)
                if head is None or (head.is_control and end - at < head.size_bytes + head.payload_bytes):
                    self._buffer += data[at:]  # a head and a control frame are short: they are read when they are whole
                    return
                at += head.size_bytes
                if head.is_control:
                    payload = apply_mask(data[at : at + head.payload_bytes], head.mask)
                    at += head.payload_bytes
                    yield Control(head.opcode, payload)
                    continue
                self._begin(head)
            piece = memoryview(data)[at : at + self._rest_bytes]
            at += len(piece)
            yield self._piece(piece)

    @property
    def _is_payload_empty(self) -> bool:
        return self._opcode is not None and not self._rest_bytes

    def _begin(self, head: _Head) -> None:
        """A frame of a message."""
        if (head.opcode is Opcode.CONTINUATION) is not self._is_in_message:
            what = "a frame continues no message" if not self._is_in_message else "a message begins within another"
            raise PeerError(what)
        self._is_start = not self._is_in_message
        self._is_in_message = not head.is_final
        self._opcode, self._mask, self._rest_bytes = head.opcode, head.mask, head.payload_bytes

    def _piece(self, masked: memoryview) -> Piece:
        data = apply_mask(masked, self._mask)
        self._rest_bytes -= len(data)
        is_first, self._is_start = self._is_start, False
        if self._rest_bytes:
            turn = len(data) % 4
            self._mask = self._mask[turn:] + self._mask[:turn]
            return Piece(data, is_first, is_last=False)
        self._opcode = None
        return Piece(data, is_first, is_last=not self._is_in_message)


@dataclass(frozen=True, slots=True)
class _Head:
    """What stands in front of a payload."""

    opcode: Opcode
    is_final: bool
    mask: bytes
    payload_bytes: int
    size_bytes: int

    @property
    def is_control(self) -> bool:
        return self.opcode >= Opcode.CLOSE


def _read_head(data: bytes, at: int) -> _Head | None:
    """The head that begins at `at`; None when it is not whole. Raises PeerError."""
    if len(data) - at < 2:
        return None
    first, second = data[at], data[at + 1]
    try:
        opcode = Opcode(first & 0x0F)
    except ValueError:
        raise PeerError(f"a frame has the unknown opcode {first & 0x0F}") from None
    if first & 0x70:
        raise PeerError("a frame has reserved bits, and no extension was agreed on")
    if not second & _MASKED:
        raise PeerError("a frame of a client is not masked")
    length, size = second & 0x7F, 6
    if opcode >= Opcode.CLOSE and (length > CONTROL_BYTES_MAX or not first & _FIN):
        raise PeerError("a control frame is longer than 125 bytes, or in parts")
    if length in (_TWO_BYTES, _EIGHT_BYTES):
        size += 2 if length == _TWO_BYTES else 8
        if len(data) - at < size:
            return None
        (length,) = struct.unpack_from(">H" if length == _TWO_BYTES else ">Q", data, at + 2)
        if length >> 63:
            raise PeerError("a frame is longer than 2^63 bytes")
    if len(data) - at < size:
        return None
    return _Head(opcode, bool(first & _FIN), data[at + size - 4 : at + size], length, size)


def frame_head(opcode: Opcode, size: int) -> bytes:
    """What stands in front of `size` bytes of a whole message or control frame of the server."""
    first = _FIN | opcode
    if size < _TWO_BYTES:
        return struct.pack(">BB", first, size)
    if size < 1 << 16:
        return struct.pack(">BBH", first, _TWO_BYTES, size)
    return struct.pack(">BBQ", first, _EIGHT_BYTES, size)


def close_frame(status: int) -> bytes:
    """The last frame of the server."""
    return frame_head(Opcode.CLOSE, 2) + struct.pack(">H", status)
