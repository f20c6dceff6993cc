"""The streams of one SPDY connection, as its server sees them: bytes in, events out; commands in, bytes out.

Rule 1: each stream that the client opens is answered, with no headers, as soon as the caller has seen it: the Go client
opens the next one only then. A caller that does not want it says `refuse` before it asks for the next event.
Rule 2: a stream is forgotten when both sides have ended it, or one has reset it; what still comes for it is dropped.
A side that has ended its half need not be told of a reset, and is not.
Rule 3: pings of the client are answered before anything else that the caller sends.

Mirrors moby/spdystream: connection.go, handleStreamFrame, handleDataFrame, handleResetFrame and handlePingFrame, and
stream.go, Reset; Kubernetes: staging/src/k8s.io/streaming/pkg/httpstream/spdy/connection.go, newSpdyStream.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from kubesim.server.spdy.frames import (
    FIN,
    Data,
    Frame,
    FrameReader,
    FrameType,
    GoAway,
    Ping,
    ResetStatus,
    RstStream,
    SynReply,
    SynStream,
    control_bytes,
    data_head,
)
from kubesim.server.spdy.headers import HeaderPacker, HeaderUnpacker

STREAMS_MAX = 10_000
"""Streams that are open at once: a forwarded port has two for each connection through it."""

FRAME_BYTES_MAX = 64 * 1024
"""Data of one frame that is sent, so that a ping does not wait behind megabytes."""


@dataclass(frozen=True, slots=True)
class StreamOpened:
    """The client opened a stream. Names of headers are in lower case."""

    stream_id: int
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class DataArrived:
    """Bytes of the client."""

    stream_id: int
    data: bytes


@dataclass(frozen=True, slots=True)
class StreamEnded:
    """The client sends nothing more on a stream; it may still read."""

    stream_id: int


@dataclass(frozen=True, slots=True)
class StreamReset:
    """The client gave a stream up: nothing can be sent on it any more."""

    stream_id: int
    status: int


@dataclass(frozen=True, slots=True)
class PeerLeaves:
    """The client opens no more streams; those that are open go on."""


Event: TypeAlias = StreamOpened | DataArrived | StreamEnded | StreamReset | PeerLeaves


class _Stream:
    """Which of the two sides may still send."""

    __slots__ = ("is_answered", "is_local_open", "is_remote_open")

    def __init__(self, *, is_remote_open: bool, is_local_open: bool) -> None:
        self.is_remote_open = is_remote_open
        self.is_local_open = is_local_open
        self.is_answered = False


class SpdyConnection:
    """The server's side. `receive` takes what came from the socket, `take_output` gives what has to go there."""

    __slots__ = (
        "_has_peer_left",
        "_last_stream_id",
        "_output",
        "_packer",
        "_pongs",
        "_reader",
        "_streams",
        "_unpacker",
    )

    def __init__(self) -> None:
        self._reader = FrameReader()
        self._packer = HeaderPacker()
        self._unpacker = HeaderUnpacker()
        self._streams: dict[int, _Stream] = {}
        self._last_stream_id = 0
        self._has_peer_left = False
        self._pongs: list[bytes] = []
        self._output: list[bytes | memoryview] = []

    def receive(self, data: bytes) -> Iterator[Event]:
        """What the bytes of the client mean. Raises SpdyError: the connection is over then."""
        for frame in self._reader.feed(data):
            yield from self._take(frame)

    def take_output(self) -> bytes:
        """The bytes to send since the last time."""
        output = b"".join((*self._pongs, *self._output))
        self._pongs.clear()
        self._output.clear()
        return output

    @property
    def open_streams_count(self) -> int:
        """Streams on which one of the two sides may still send."""
        return len(self._streams)

    def can_send(self, stream_id: int) -> bool:
        """Whether the client still takes data on a stream."""
        stream = self._streams.get(stream_id)
        return stream is not None and stream.is_local_open

    def send(self, stream_id: int, data: bytes, *, is_last: bool = False) -> None:
        """Send data, and end our side with `is_last`. Nothing happens on a stream that is ended or reset."""
        stream = self._streams.get(stream_id)
        if stream is None or not stream.is_local_open:
            return
        self._answer(stream_id, stream)
        view = memoryview(data)
        for start in range(0, len(data), FRAME_BYTES_MAX):
            piece = view[start : start + FRAME_BYTES_MAX]
            ends = is_last and start + FRAME_BYTES_MAX >= len(data)
            self._output += [data_head(stream_id, len(piece), is_last=ends), piece]
        if is_last:
            if not data:
                self._output.append(data_head(stream_id, 0, is_last=True))
            stream.is_local_open = False
            self._forget_if_over(stream_id, stream)

    def reset(self, stream_id: int, status: ResetStatus = ResetStatus.CANCEL) -> None:
        """Give a stream up; fine when it is over already. What the client still sends on it is dropped."""
        stream = self._streams.pop(stream_id, None)
        if stream is not None and stream.is_local_open:
            self._answer(stream_id, stream)
            self._send_reset(stream_id, status)

    def refuse(self, stream_id: int, status: ResetStatus = ResetStatus.CANCEL) -> None:
        """Reset a stream instead of answering it: for the one whose StreamOpened came last."""
        if self._streams.pop(stream_id, None) is not None:
            self._send_reset(stream_id, status)

    def go_away(self) -> None:
        """Say that no more streams are taken."""
        self._output.append(control_bytes(FrameType.GOAWAY, struct.pack(">II", self._last_stream_id, 0)))

    # -- frames of the client -------------------------------------------------------------------------------

    def _take(self, frame: Frame) -> Iterator[Event]:
        match frame:
            case Data():
                yield from self._data(frame)
            case SynStream():
                yield from self._opened(frame)
            case SynReply():
                # We open no streams, and ask for no headers later; the block counts for the decompressor all the same.
                self._unpacker.unpack(frame.block)
                if frame.is_last:
                    yield from self._ended(frame.stream_id)
            case RstStream(stream_id, status):
                if self._streams.pop(stream_id, None) is not None:
                    yield StreamReset(stream_id, status)
            case Ping(ping_id):
                if ping_id % 2:  # an even one would be the answer to a ping of ours
                    self._pongs.append(control_bytes(FrameType.PING, struct.pack(">I", ping_id)))
            case GoAway():
                self._has_peer_left = True
                yield PeerLeaves()

    def _opened(self, frame: SynStream) -> Iterator[Event]:
        headers = self._unpacker.unpack(frame.block)
        stream_id = frame.stream_id
        if not stream_id % 2 or stream_id <= self._last_stream_id:
            self._send_reset(stream_id, ResetStatus.PROTOCOL_ERROR)
            return
        self._last_stream_id = stream_id
        if self._has_peer_left or len(self._streams) >= STREAMS_MAX:
            self._send_reset(stream_id, ResetStatus.REFUSED_STREAM)
            return
        stream = _Stream(is_remote_open=True, is_local_open=not frame.is_unidirectional)
        self._streams[stream_id] = stream
        yield StreamOpened(stream_id, headers)
        if stream_id in self._streams:
            self._answer(stream_id, stream)
        if frame.is_last:
            yield from self._ended(stream_id)

    def _data(self, frame: Data) -> Iterator[Event]:
        stream = self._streams.get(frame.stream_id)
        if stream is None or not stream.is_remote_open:
            return
        if frame.data:
            yield DataArrived(frame.stream_id, frame.data)
        if frame.is_last:
            yield from self._ended(frame.stream_id)

    def _ended(self, stream_id: int) -> Iterator[Event]:
        stream = self._streams.get(stream_id)
        if stream is None or not stream.is_remote_open:
            return
        stream.is_remote_open = False
        self._forget_if_over(stream_id, stream)
        yield StreamEnded(stream_id)

    def _forget_if_over(self, stream_id: int, stream: _Stream) -> None:
        if not stream.is_remote_open and not stream.is_local_open:
            self._streams.pop(stream_id, None)

    def _answer(self, stream_id: int, stream: _Stream) -> None:
        if stream.is_answered:
            return
        stream.is_answered = True
        payload = struct.pack(">I", stream_id) + self._packer.pack()
        flags = 0 if stream.is_local_open else FIN
        self._output.append(control_bytes(FrameType.SYN_REPLY, payload, flags=flags))

    def _send_reset(self, stream_id: int, status: ResetStatus) -> None:
        self._output.append(control_bytes(FrameType.RST_STREAM, struct.pack(">II", stream_id, status)))
