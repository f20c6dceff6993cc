"""One call of gRPC's Check, the client's side: bytes out, bytes in, then the answer. No input or output here.

Mirrors grpc-go: internal/transport/http2_client.go; grpc: src/proto/grpc/health/v1/health.proto.
"""

from __future__ import annotations

from urllib.parse import unquote

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    RemoteSettingsChanged,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
)
from h2.exceptions import ProtocolError

from kubesim.userland.network.grpc_connection import FrameLengths
from kubesim.userland.network.grpc_health import HEALTH_SERVICE, NUMBERS

CODE_NAMES = (
    "OK", "Canceled", "Unknown", "InvalidArgument", "DeadlineExceeded", "NotFound", "AlreadyExists",
    "PermissionDenied", "ResourceExhausted", "FailedPrecondition", "Aborted", "OutOfRange", "Unimplemented",
    "Internal", "Unavailable", "DataLoss", "Unauthenticated",
)  # fmt: skip
"""Mirrors grpc-go: codes/code_string.go."""

_UNKNOWN, _INTERNAL, _UNAVAILABLE = 2, 13, 14
_PREFIX_BYTES = 5
_STATUS_NAMES = {number: name for name, number in NUMBERS.items()}


class NotHttp2(Exception):
    """What came is no HTTP/2: there is no connection."""


class HealthCall:
    """A connection for one Check. It is ready once the server has sent its settings; then `ask`."""

    def __init__(self, authority: str, *, agent: str) -> None:
        self._authority = authority
        self._agent = agent
        self._h2 = H2Connection(H2Configuration(header_encoding="utf-8"))
        self._h2.initiate_connection()
        self._frames = FrameLengths()
        self._headers: dict[str, str] = {}
        self._body = bytearray()
        self.is_ready = False
        self.is_over = False
        self.code = 0
        self.message = ""

    def data_to_send(self) -> bytes:
        """What is to go out, once."""
        return self._h2.data_to_send()

    def ask(self, service: str) -> None:
        """Send the request."""
        number = self._h2.get_next_available_stream_id()
        headers = [
            (":method", "POST"),
            (":scheme", "http"),
            (":path", f"/{HEALTH_SERVICE}/Check"),
            (":authority", self._authority),
            ("content-type", "application/grpc"),
            ("user-agent", f"{self._agent} grpc-go/1.72.2"),
            ("te", "trailers"),
        ]
        self._h2.send_headers(number, headers)
        name = service.encode()
        message = b"\x0a" + _varint(len(name)) + name if name else b""
        self._h2.send_data(number, b"\0" + len(message).to_bytes(4, "big") + message, end_stream=True)

    def receive(self, data: bytes) -> None:
        """Take what arrived, b"" for the end of the connection. Raises NotHttp2."""
        if not data:
            self._lose("error reading from server: EOF")
            return
        try:
            self._frames.pass_over(data)
            events = self._h2.receive_data(data)
        except ProtocolError as error:
            if not self.is_ready:
                raise NotHttp2(str(error)) from None
            self._lose(f"connection error: {error}")
            return
        for event in events:
            self._take(event)

    @property
    def code_name(self) -> str:
        """The code as Go prints it."""
        return CODE_NAMES[self.code] if self.code < len(CODE_NAMES) else f"Code({self.code})"

    @property
    def status(self) -> str:
        """The name of the status in the answer; a number without one stands for itself."""
        message = bytes(self._body[_PREFIX_BYTES:])
        number = 0
        if message[:1] == b"\x08":
            for shift, byte in enumerate(message[1:]):
                number |= (byte & 0x7F) << 7 * shift
                if byte < 0x80:
                    break
        return _STATUS_NAMES.get(number, str(number))

    def _take(self, event: Event) -> None:
        if isinstance(event, RemoteSettingsChanged):
            self.is_ready = True
        elif isinstance(event, ResponseReceived | TrailersReceived):
            self._headers |= {str(name): str(value) for name, value in event.headers}
        elif isinstance(event, DataReceived):
            self._body += event.data
        elif isinstance(event, StreamEnded):
            self._finish()
        elif isinstance(event, StreamReset):
            code = ErrorCodes(event.error_code).name if event.error_code in list(ErrorCodes) else str(event.error_code)
            self._fail(_INTERNAL, f"stream terminated by RST_STREAM with error code: {code}")
        elif isinstance(event, ConnectionTerminated):
            self._lose("the connection is draining")

    def _finish(self) -> None:
        if "grpc-status" in self._headers:
            text = self._headers["grpc-status"]
            code = int(text) if text.isascii() and text.isdecimal() else _UNKNOWN
            self._fail(code, unquote(self._headers.get("grpc-message", "")))
        elif self._headers.get(":status") == "200":
            self._fail(_INTERNAL, "server closed the stream without sending trailers")
        else:
            self._fail(_UNKNOWN, f"unexpected HTTP status code received from server: {self._headers.get(':status')}")

    def _lose(self, text: str) -> None:
        if not self.is_ready:
            raise NotHttp2(text)
        self._fail(_UNAVAILABLE, text)

    def _fail(self, code: int, message: str) -> None:
        if not self.is_over:
            self.is_over, self.code, self.message = True, code, message


def _varint(number: int) -> bytes:
    parts = bytearray()
    while number > 0x7F:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    parts.append(number)
    return bytes(parts)
