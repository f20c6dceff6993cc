"""Frames of SPDY/3.1: bytes to values and back.

Rule 1: control frames are short and come as one value. Data frames may be 16 MiB long, so their bytes are handed on in
the pieces in which they arrive.
Rule 2: a frame that breaks the format ends the connection; one that only says something we do not use is passed over.

Mirrors moby/spdystream: spdy/types.go and spdy/read.go.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import TypeAlias

from kubesim.server.spdy.errors import SpdyError

__all__ = ["Frame", "FrameReader", "ResetStatus", "SpdyError"]

VERSION = 3
HEADER_BYTES = 8
CONTROL_BYTES_MAX = 64 * 1024
"""A control frame: it holds a few compressed headers. A longer one would have to be kept until it is whole."""

FIN = 0x01
UNIDIRECTIONAL = 0x02
STREAM_ID_MAX = 0x7FFFFFFF


class FrameType(IntEnum):
    """Types of control frames."""

    SYN_STREAM = 1
    SYN_REPLY = 2
    RST_STREAM = 3
    SETTINGS = 4
    PING = 6
    GOAWAY = 7
    HEADERS = 8
    WINDOW_UPDATE = 9


class ResetStatus(IntEnum):
    """Why a stream is reset."""

    PROTOCOL_ERROR = 1
    INVALID_STREAM = 2
    REFUSED_STREAM = 3
    UNSUPPORTED_VERSION = 4
    CANCEL = 5
    INTERNAL_ERROR = 6
    FLOW_CONTROL_ERROR = 7
    STREAM_IN_USE = 8
    STREAM_ALREADY_CLOSED = 9


@dataclass(frozen=True, slots=True)
class SynStream:
    """The peer opens a stream; `block` is the compressed header block."""

    stream_id: int
    block: bytes
    is_last: bool
    is_unidirectional: bool


@dataclass(frozen=True, slots=True)
class SynReply:
    """The peer takes a stream, or tells more headers of one."""

    stream_id: int
    block: bytes
    is_last: bool


@dataclass(frozen=True, slots=True)
class RstStream:
    """The peer gives a stream up."""

    stream_id: int
    status: int


@dataclass(frozen=True, slots=True)
class Ping:
    """A question, or its answer."""

    ping_id: int


@dataclass(frozen=True, slots=True)
class GoAway:
    """The peer opens no more streams."""

    last_stream_id: int
    status: int


@dataclass(frozen=True, slots=True)
class Data:
    """Bytes of a stream, maybe only a part of a frame; `is_last` comes with the last part of the last frame."""

    stream_id: int
    data: bytes
    is_last: bool


_HEADER = struct.Struct(">II")

Frame: TypeAlias = SynStream | SynReply | RstStream | Ping | GoAway | Data


class FrameReader:
    """Reads the frames of one direction, however the bytes are cut."""

    __slots__ = ("_buffer", "_data_flags", "_data_rest_bytes", "_data_stream_id", "_needed_bytes")

    def __init__(self) -> None:
        self._buffer = bytearray()
        """The beginning of a header or a control frame that is not whole yet."""
        self._needed_bytes = 0
        self._data_stream_id = 0
        self._data_flags = 0
        self._data_rest_bytes = 0

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The frames that are whole now, and what there is of a data frame. Raises SpdyError.

        What is fed must be iterated to its end, or nothing more be fed.
        """
        if self._buffer:
            self._buffer += data
            if len(self._buffer) < self._needed_bytes:
                return
            data = bytes(self._buffer)
            self._buffer.clear()
        at, end = 0, len(data)
        while at < end:
            if self._data_rest_bytes:
                piece = data[at : at + self._data_rest_bytes]
                at += len(piece)
                self._data_rest_bytes -= len(piece)
                is_last = not self._data_rest_bytes and bool(self._data_flags & FIN)
                yield Data(self._data_stream_id, piece, is_last)
                continue
            size = HEADER_BYTES
            if end - at >= HEADER_BYTES:
                word, length = _HEADER.unpack_from(data, at)
                flags, length = length >> 24, length & 0xFFFFFF
                if not word & 0x80000000:
                    at += HEADER_BYTES
                    if length:
                        self._data_stream_id, self._data_flags, self._data_rest_bytes = word, flags, length
                    else:
                        yield Data(word, b"", bool(flags & FIN))
                    continue
                size += _control_length(word, length)
            if end - at < size:
                self._needed_bytes = size
                self._buffer += data[at:]
                return
            payload = data[at + HEADER_BYTES : at + size]
            at += size
            frame = _control_frame(word & 0xFFFF, flags, payload)
            if frame is not None:
                yield frame


def _control_length(word: int, length: int) -> int:
    if word >> 16 != 0x8000 | VERSION:
        raise SpdyError(f"a frame has version {word >> 16 & 0x7FFF}; this is SPDY/{VERSION}.1")
    if length > CONTROL_BYTES_MAX:
        raise SpdyError(f"a control frame has {length} bytes; at most {CONTROL_BYTES_MAX} are taken")
    return length


def _control_frame(number: int, flags: int, payload: bytes) -> Frame | None:
    try:
        kind = FrameType(number)
    except ValueError:
        raise SpdyError(f"a control frame has the unknown type {number}") from None
    match kind:
        case FrameType.SYN_STREAM:
            (stream_id, _associated) = _numbers(kind, payload[:8], 2)
            if len(payload) < 10:
                raise SpdyError("a SYN_STREAM frame is too short for its priority")
            is_unidirectional = bool(flags & UNIDIRECTIONAL)
            return SynStream(_stream(kind, stream_id), payload[10:], bool(flags & FIN), is_unidirectional)
        case FrameType.SYN_REPLY | FrameType.HEADERS:
            (stream_id,) = _numbers(kind, payload[:4], 1)
            return SynReply(_stream(kind, stream_id), payload[4:], bool(flags & FIN))
        case FrameType.RST_STREAM:
            stream_id, status = _numbers(kind, payload, 2)
            if not status:
                raise SpdyError("a RST_STREAM frame has no status")
            return RstStream(_stream(kind, stream_id), status)
        case FrameType.PING:
            (ping_id,) = _numbers(kind, payload, 1)
            if not ping_id:
                raise SpdyError("a PING frame has no id")
            return Ping(ping_id)
        case FrameType.GOAWAY:
            last_stream_id, status = _numbers(kind, payload, 2)
            return GoAway(last_stream_id, status)
        case FrameType.WINDOW_UPDATE:
            _numbers(kind, payload, 2)
            return None
        case FrameType.SETTINGS:
            (count,) = _numbers(kind, payload[:4], 1)
            _numbers(kind, payload[4:], 2 * count)
            return None


def _numbers(kind: FrameType, payload: bytes, count: int) -> tuple[int, ...]:
    if len(payload) != 4 * count:
        raise SpdyError(f"a {kind.name} frame has {len(payload)} bytes where {4 * count} belong")
    return struct.unpack(f">{count}I", payload)


def _stream(kind: FrameType, stream_id: int) -> int:
    if not 0 < stream_id <= STREAM_ID_MAX:
        raise SpdyError(
            f"a {kind.name} frame names the stream {stream_id}; they are numbered from 1 to {STREAM_ID_MAX}"
        )
    return stream_id


def control_bytes(kind: FrameType, payload: bytes, *, flags: int = 0) -> bytes:
    """A control frame as it is on the wire."""
    return struct.pack(">HHI", 0x8000 | VERSION, kind, flags << 24 | len(payload)) + payload


def data_head(stream_id: int, size: int, *, is_last: bool) -> bytes:
    """What stands in front of `size` bytes of data."""
    return _HEADER.pack(stream_id, (FIN if is_last else 0) << 24 | size)
