"""gRPC calls of one HTTP/2 connection, the server's side: bytes in, calls out. No input or output here.

Rule 1: a call is handed out once its first message is complete. Every method takes one, so what follows is dropped.
Rule 2: what a client can make us hold is bounded: one block of headers, the 100 calls at one time that h2 tells it of,
a message of MESSAGE_BYTES_MAX in each.
Rule 3: what makes no sense within a call ends the call, in grpc-go's words; what is no HTTP/2 ends the connection.

Mirrors grpc-go: internal/transport/http2_server.go, operateHeaders; server.go, handleStream; rpc_util.go, recvMsg.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TypeAlias

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    RemoteSettingsChanged,
    RequestReceived,
    StreamEnded,
    StreamReset,
    WindowUpdated,
)
from h2.exceptions import FrameTooLargeError, NoSuchStreamError, ProtocolError, StreamIDTooLowError

from kubesim.policy.go_quote import go_quote

MESSAGE_BYTES_MAX = 65536
"""grpc-go takes 4 MiB; no emulated service has a use for more than a name."""

CONTENT_TYPE = "application/grpc"
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
FRAME_HEAD_BYTES = 9
FRAME_BYTES_MAX = 16384
"""What HTTP/2 allows where nothing else was agreed. Mirrors RFC 9113, section 4.2."""

_PREFIX_BYTES = 5


class GrpcCode(IntEnum):
    """Mirrors grpc-go: codes/codes.go."""

    OK = 0
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    NOT_FOUND = 5
    RESOURCE_EXHAUSTED = 8
    UNIMPLEMENTED = 12
    INTERNAL = 13


class GrpcError(Exception):
    """A call that fails: its code and words."""

    def __init__(self, code: GrpcCode, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request that is complete; `number` is its stream."""

    number: int
    service: str
    method: str
    message: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class CallGone:
    """Nobody waits for the answer to a call any more."""

    number: int


Happening: TypeAlias = Call | CallGone


@dataclass(slots=True, kw_only=True)
class _OpenCall:
    """What is known of a call until it has ended."""

    service: str
    method: str
    encoding: str
    received: bytearray = field(default_factory=bytearray)
    is_handed_out: bool = False
    is_request_over: bool = False
    has_answered: bool = False
    outbox: bytearray = field(default_factory=bytearray)
    trailers: list[tuple[str, str]] | None = None


class _H2Connection(H2Connection):
    MAX_CLOSED_STREAMS = 1024  # of each the number and how it ended are kept; 65536 are more than anybody asks about


class FrameLengths:
    """Follows the frames of what arrives, to refuse one that is too long by its first bytes: h2 waits for the whole."""

    __slots__ = ("_head", "_left")

    def __init__(self, *, preface_bytes: int = 0) -> None:
        self._head = bytearray()
        """What there is of the head of the present frame."""
        self._left = preface_bytes
        """Bytes until the next frame begins."""

    def pass_over(self, data: bytes) -> None:
        """Raises FrameTooLargeError."""
        position = 0
        while True:
            passed = min(self._left, len(data) - position)
            position += passed
            self._left -= passed
            if position == len(data):
                return
            missing = FRAME_HEAD_BYTES - len(self._head)
            self._head += data[position : position + missing]
            position += missing
            if len(self._head) < FRAME_HEAD_BYTES:
                return
            self._left = int.from_bytes(self._head[:3], "big")
            self._head.clear()
            if self._left > FRAME_BYTES_MAX:
                raise FrameTooLargeError(f"a frame of {self._left} bytes")


class GrpcConnection:
    """One connection. `methods` names the methods of each service."""

    def __init__(self, methods: Mapping[str, Collection[str]]) -> None:
        self._methods = methods
        self._calls: dict[int, _OpenCall] = {}
        self._frames = FrameLengths(preface_bytes=len(PREFACE))
        self._h2 = _H2Connection(H2Configuration(client_side=False, header_encoding=None))
        self._h2.initiate_connection()
        self.has_begun = False
        """The client has said that it speaks HTTP/2."""
        self.is_over = False
        """Nothing more is read; what is left to send is the reason."""

    def receive(self, data: bytes) -> list[Happening]:
        """Take what arrived: the calls that are complete, and those that were handed out and are gone."""
        if self.is_over:
            return []
        try:
            self._frames.pass_over(data)
            events = self._h2.receive_data(data)
        except ProtocolError:
            return self._end()
        happenings: list[Happening] = []
        for event in events:
            happenings += self._take(event)
        return happenings

    def data_to_send(self) -> bytes:
        """What is to go out, once."""
        return self._h2.data_to_send()

    def unsent_bytes(self, number: int) -> int:
        """What the client's flow control keeps back of a call's messages; 0 for a call that has ended."""
        call = self._calls.get(number)
        return 0 if call is None else len(call.outbox)

    def send_message(self, number: int, message: bytes) -> None:
        """Answer a call with one more message. Does nothing for a call that has ended."""
        call = self._calls.get(number)
        if call is not None:
            call.outbox += b"\0" + len(message).to_bytes(4, "big") + message
            self._pump(number, call)

    def finish(self, number: int, code: GrpcCode, text: str = "") -> None:
        """End a call, once its messages have gone. Does nothing for a call that has ended."""
        call = self._calls.get(number)
        if call is not None and call.trailers is None:
            call.trailers = [("grpc-status", str(int(code))), ("grpc-message", encoded_message(text))]
            self._pump(number, call)

    # -- what comes in ------------------------------------------------------------------------------------

    def _take(self, event: Event) -> Iterator[Happening]:
        if isinstance(event, RequestReceived):
            self._open(event)
        elif isinstance(event, DataReceived):
            yield from self._feed(event)
        elif isinstance(event, StreamEnded):
            self._request_over(event.stream_id)
        elif isinstance(event, StreamReset):
            yield from self._forget(event.stream_id)
        elif isinstance(event, ConnectionTerminated):
            # h2 sends nothing more on a connection that the client has said goodbye to.
            yield from self._end()
        elif isinstance(event, RemoteSettingsChanged | WindowUpdated):
            self.has_begun = True
            for number, call in list(self._calls.items()):
                self._pump(number, call)

    def _open(self, event: RequestReceived) -> None:
        number = event.stream_id
        headers = {_text(name): _text(value) for name, value in event.headers}
        verb, path, content_type = (headers.get(name, "") for name in (":method", ":path", "content-type"))
        service, slash, method = path.removeprefix("/").rpartition("/")
        call = _OpenCall(service=service, method=method, encoding=headers.get("grpc-encoding", ""))
        self._calls[number] = call
        call.is_request_over = event.stream_ended is not None
        if not _is_grpc(content_type):
            text = f"invalid gRPC request content-type {go_quote(content_type)}"
            self._abort(number, call, 415, GrpcError(GrpcCode.INVALID_ARGUMENT, text))
        elif verb != "POST":
            text = f"Received a HEADERS frame with :method {go_quote(verb)} which should be POST"
            self._abort(number, call, 405, GrpcError(GrpcCode.INTERNAL, text))
        elif not path.startswith("/") or not slash:
            text = f"malformed method name: {go_quote(path)}"
            self.finish(number, GrpcCode.UNIMPLEMENTED, text)
        elif service not in self._methods:
            self.finish(number, GrpcCode.UNIMPLEMENTED, f"unknown service {service}")
        elif method not in self._methods[service]:
            self.finish(number, GrpcCode.UNIMPLEMENTED, f"unknown method {method} for service {service}")

    def _feed(self, event: DataReceived) -> Iterator[Happening]:
        number = event.stream_id
        if event.flow_controlled_length:
            self._h2.acknowledge_received_data(event.flow_controlled_length, number)
        call = self._calls.get(number)
        if call is None or call.is_handed_out or call.trailers is not None:
            return
        call.received += event.data
        try:
            message = _message(call)
        except GrpcError as error:
            self.finish(number, error.code, error.text)
            return
        if message is not None:
            call.is_handed_out = True
            call.received.clear()
            yield Call(number=number, service=call.service, method=call.method, message=message)

    def _request_over(self, number: int) -> None:
        call = self._calls.get(number)
        if call is None:
            return
        call.is_request_over = True
        if not call.is_handed_out and call.trailers is None:
            self.finish(number, GrpcCode.UNKNOWN, "unexpected EOF" if call.received else "EOF")

    def _forget(self, number: int) -> Iterator[Happening]:
        call = self._calls.pop(number, None)
        if call is not None and call.is_handed_out:
            yield CallGone(number=number)

    def _end(self) -> list[Happening]:
        self.is_over = True
        return [gone for number in list(self._calls) for gone in self._forget(number)]

    # -- what goes out ------------------------------------------------------------------------------------

    def _abort(self, number: int, call: _OpenCall, status: int, error: GrpcError) -> None:
        """End a call that is none of gRPC, with a status of HTTP. Mirrors grpc-go: writeEarlyAbort."""
        call.has_answered = True
        call.trailers = [
            (":status", str(status)),
            ("content-type", CONTENT_TYPE),
            ("grpc-status", str(int(error.code))),
            ("grpc-message", encoded_message(error.text)),
        ]
        self._pump(number, call)

    def _pump(self, number: int, call: _OpenCall) -> None:
        """Send what flow control allows."""
        try:
            if not call.has_answered:
                call.has_answered = True
                start = [(":status", "200"), ("content-type", CONTENT_TYPE)]
                if call.trailers is not None and not call.outbox:
                    call.trailers = [*start, *call.trailers]
                else:
                    self._h2.send_headers(number, start)
            while call.outbox:
                size = min(self._h2.local_flow_control_window(number), self._h2.max_outbound_frame_size)
                if size <= 0:
                    return
                self._h2.send_data(number, bytes(call.outbox[:size]))
                del call.outbox[:size]
            if call.trailers is not None:
                self._h2.send_headers(number, call.trailers, end_stream=True)
                del self._calls[number]
                if not call.is_request_over:
                    self._h2.reset_stream(number, ErrorCodes.NO_ERROR)
        except (NoSuchStreamError, StreamIDTooLowError):
            # The client has let go of the call, which an event behind the present one tells.
            call.outbox.clear()


def _is_grpc(content_type: str) -> bool:
    """Mirrors grpc-go: internal/grpcutil/method.go, ContentSubtype."""
    folded = content_type.lower()
    return folded == CONTENT_TYPE or folded.startswith((f"{CONTENT_TYPE}+", f"{CONTENT_TYPE};"))


def encoded_message(text: str) -> str:
    """A text as a grpc-message header. Mirrors grpc-go: internal/transport/http_util.go, encodeGrpcMessage.

    >>> encoded_message("100 % sure\\n")
    '100 %25 sure%0A'
    """
    data = text.encode(errors="surrogateescape")
    return "".join(chr(byte) if 0x20 <= byte <= 0x7E and byte != 0x25 else f"%{byte:02X}" for byte in data)


def _message(call: _OpenCall) -> bytes | None:
    """The first message of a call; None while it is not all there. Raises GrpcError."""
    if len(call.received) < _PREFIX_BYTES:
        return None
    flag, size = call.received[0], int.from_bytes(call.received[1:_PREFIX_BYTES], "big")
    if size > MESSAGE_BYTES_MAX:
        text = f"grpc: received message larger than max ({size} vs. {MESSAGE_BYTES_MAX})"
        raise GrpcError(GrpcCode.RESOURCE_EXHAUSTED, text)
    if len(call.received) < _PREFIX_BYTES + size:
        return None
    if flag == 1 and call.encoding in ("", "identity"):
        raise GrpcError(GrpcCode.INTERNAL, "grpc: compressed flag set with identity or empty encoding")
    if flag == 1:
        text = f"grpc: Decompressor is not installed for grpc-encoding {go_quote(call.encoding)}"
        raise GrpcError(GrpcCode.UNIMPLEMENTED, text)
    if flag:
        raise GrpcError(GrpcCode.INTERNAL, f"grpc: received unexpected payload format {flag}")
    return bytes(call.received[_PREFIX_BYTES : _PREFIX_BYTES + size])


def _text(header: bytes | str) -> str:
    return header.decode(errors="surrogateescape") if isinstance(header, bytes) else header
