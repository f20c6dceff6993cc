"""Frames of RFC 6455, from a client to a server and back.

Rule 1: what has come of a frame is passed on at once: nobody can make us hold a long one.
Rule 2: control frames are passed on when they are whole. After a close nothing is read.
Rule 3: a reader is either strict, or takes what the library of the runtimes takes: unknown opcodes are messages,
reserved bits mean nothing, a control frame may be of any length or in parts, and every frame is a message of its own,
so that a client which cuts its messages is misunderstood. A frame of more than FRAME_BYTES_MAX it does not take.

Mirrors golang.org/x/net: websocket/hybi.go, NewFrameReader and HandleFrame; websocket/websocket.go, Codec.Receive; the
strict one gorilla/websocket: conn.go, advanceFrame. Text need not be UTF-8 for either.
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

LONG_BYTES = 4096
"""The first byte of a longer payload comes by itself: it is the number of a channel, and all the rest need not be
copied to be parted from it."""

FRAME_BYTES_MAX = 32 * 1024 * 1024
"""Of a message. Mirrors golang.org/x/net: DefaultMaxPayloadBytes."""

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


_OPCODES = frozenset(Opcode)
_CONTROLS = frozenset({Opcode.CLOSE, Opcode.PING, Opcode.PONG})


class NotMasked(PeerError):
    """A frame is none of a client."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes of a frame that is no control frame; maybe none."""

    data: bytes
    is_first: bool
    is_last: bool


@dataclass(frozen=True, slots=True)
class Control:
    """A ping or pong with at most CONTROL_BYTES_MAX of its payload, or a close without it."""

    opcode: Opcode
    payload: bytes = b""


Frame: TypeAlias = Piece | Control


class FrameReader:
    """Reads the frames of a client, however the bytes are cut."""

    __slots__ = (
        "_buffer",
        "_control",
        "_is_closed",
        "_is_in_message",
        "_is_start",
        "_is_strict",
        "_mask",
        "_opcode",
        "_rest_bytes",
    )

    def __init__(self, *, is_strict: bool = False) -> None:
        self._is_strict = is_strict
        self._buffer = b""
        """The beginning of a head."""
        self._control = b""
        """The beginning of the payload of a control frame."""
        self._is_in_message = False
        """Whether frames of a message have come, and its last has not."""
        self._opcode: int | None = None
        """Of the frame whose payload comes next; None: a head comes next."""
        self._is_start = False
        self._is_closed = False
        self._mask = b""
        self._rest_bytes = 0

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The control frames that are whole now, and what there is of messages. Raises PeerError.

        What is fed must be iterated to its end, or nothing more be fed.
        """
        if self._buffer:
            data, self._buffer = self._buffer + data, b""
        view = memoryview(data)
        at = 0
        while not self._is_closed:
            if self._opcode is None:
                head = _read_head(data, at, is_strict=self._is_strict)
                if head is None:
                    self._buffer = data[at:]
                    return
                at += head.size_bytes
                self._begin(head)
            if self._opcode == Opcode.CLOSE:
                self._is_closed = True
                yield Control(Opcode.CLOSE)
                return
            if at == len(data) and self._rest_bytes:
                return
            is_long = self._rest_bytes > LONG_BYTES and self._opcode not in _CONTROLS
            masked = view[at : at + 1] if self._is_start and is_long else view[at : at + self._rest_bytes]
            at += len(masked)
            frame = self._taken(masked)
            if frame is not None:
                yield frame

    def _begin(self, head: _Head) -> None:
        """The payload of a frame comes next."""
        if self._is_strict and head.opcode not in _CONTROLS:
            if (head.opcode == Opcode.CONTINUATION) is not self._is_in_message:
                what = "a frame continues no message" if not self._is_in_message else "a message begins within another"
                raise PeerError(what)
            self._is_in_message = not head.is_final
        self._opcode, self._mask, self._rest_bytes = head.opcode, head.mask, head.payload_bytes
        self._is_start, self._control = True, b""

    def _taken(self, masked: memoryview) -> Frame | None:
        """What some bytes of a payload make known."""
        opcode, is_first = self._opcode, self._is_start
        data = apply_mask(masked, self._mask)
        self._rest_bytes -= len(data)
        self._is_start = False
        is_last = not self._rest_bytes
        if is_last:
            self._opcode = None
        else:
            turn = len(data) % 4
            self._mask = self._mask[turn:] + self._mask[:turn]
        if opcode not in _CONTROLS:
            return Piece(data, is_first, is_last)
        self._control += data[: CONTROL_BYTES_MAX - len(self._control)]
        return Control(Opcode(opcode), self._control) if is_last else None


@dataclass(frozen=True, slots=True)
class _Head:
    """What stands in front of a payload."""

    opcode: int
    is_final: bool
    mask: bytes
    payload_bytes: int
    size_bytes: int


def _read_head(data: bytes, at: int, *, is_strict: bool) -> _Head | None:
    """The head that begins at `at`; None when it is not whole. Raises PeerError."""
    if len(data) - at < 2:
        return None
    first, second = data[at], data[at + 1]
    opcode, length, size = first & 0x0F, second & 0x7F, 6
    if is_strict:
        _check(first, length)
    if not second & _MASKED:
        raise NotMasked("a frame of a client is not masked")
    if length in (_TWO_BYTES, _EIGHT_BYTES):
        size += 2 if length == _TWO_BYTES else 8
    if len(data) - at < size:
        return None
    if length == _TWO_BYTES:
        (length,) = struct.unpack_from(">H", data, at + 2)
    elif length == _EIGHT_BYTES:
        (length,) = struct.unpack_from(">Q", data, at + 2)
        if is_strict and length >> 63:
            raise PeerError("a frame is longer than 2^63 bytes")
        length &= (1 << 63) - 1
    if not is_strict and opcode not in _CONTROLS and length > FRAME_BYTES_MAX:
        raise PeerError(f"a frame has {length} bytes; at most {FRAME_BYTES_MAX} are taken")
    return _Head(opcode, bool(first & _FIN), data[at + size - 4 : at + size], length, size)


def _check(first: int, length: int) -> None:
    """What only a strict reader minds."""
    opcode = first & 0x0F
    if opcode not in _OPCODES:
        raise PeerError(f"a frame has the unknown opcode {opcode}")
    if first & 0x70:
        raise PeerError("a frame has reserved bits, and no extension was agreed on")
    if opcode in _CONTROLS and (length > CONTROL_BYTES_MAX or not first & _FIN):
        raise PeerError("a control frame is longer than 125 bytes, or in parts")


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
