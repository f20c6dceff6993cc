"""HTTP/1.1 messages as bytes: heads, and where a body ends. No input or output here.

Strict where leniency would let two programs read one message differently: a length twice, a length beside chunks, a
header without a name. Lines may end in a bare newline, as nginx, Go and Apache take them too. Mirrors RFC 9112.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias
from urllib.parse import unquote

HEAD_BYTES_MAX = 32768
HEADERS_MAX = 100
CHUNK_LINE_BYTES_MAX = 1024
LENGTH_DIGITS_MAX = 18

Headers: TypeAlias = tuple[tuple[str, str], ...]

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VERSION = re.compile(r"HTTP/([0-9])\.([0-9])")
_HEAD_END = re.compile(rb"\r?\n\r?\n")

REASONS = {
    200: "OK",
    201: "Created",
    204: "No Content",
    206: "Partial Content",
    301: "Moved Permanently",
    302: "Found",
    303: "See Other",
    304: "Not Modified",
    307: "Temporary Redirect",
    308: "Permanent Redirect",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    412: "Precondition Failed",
    413: "Request Entity Too Large",
    416: "Requested Range Not Satisfiable",
    417: "Expectation Failed",
    418: "I'm a teapot",
    429: "Too Many Requests",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    501: "Not Implemented",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
    505: "HTTP Version Not Supported",
}


class BadMessage(ValueError):
    """The bytes are no HTTP message. `status` is what a server answers."""

    def __init__(self, text: str, status: int = 400) -> None:
        super().__init__(text)
        self.status = status


def header_of(headers: Sequence[tuple[str, str]], name: str) -> str | None:
    """The value of a header, several joined by commas; None without one."""
    values = [value for key, value in headers if key.lower() == name.lower()]
    return ", ".join(values) if values else None


def path_of(target: str) -> str:
    """The decoded path of a request's target, be it a path or a whole address.

    >>> [path_of(target) for target in ("/a%20b?c=d", "http://host:80/x", "http://host", "*")]
    ['/a b', '/x', '/', '*']
    """
    if target.startswith(("http://", "https://")):
        _, slash, rest = target.partition("://")[2].partition("/")
        target = slash + rest or "/"
    return unquote(target.partition("?")[0], errors="surrogateescape")


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestHead:
    """The first line of a request and its headers."""

    method: str
    target: str
    version: tuple[int, int]
    headers: Headers = ()

    @property
    def path(self) -> str:
        """The target up to the question mark, not decoded."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        """The target behind the question mark."""
        return self.target.partition("?")[2]

    @property
    def keeps_alive(self) -> bool:
        """Whether the client wants to send another request on this connection."""
        words = {word.strip().lower() for word in (header_of(self.headers, "connection") or "").split(",")}
        return "keep-alive" in words if self.version < (1, 1) else "close" not in words


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseHead:
    """The first line of a response and its headers."""

    status: int
    reason: str = ""
    version: tuple[int, int] = (1, 1)
    headers: Headers = ()

    @property
    def line(self) -> str:
        """The first line without the end of line."""
        text = f"HTTP/{self.version[0]}.{self.version[1]} {self.status:03d}"
        return f"{text} {self.reason}" if self.reason else text

    def encode(self) -> bytes:
        """The head with the empty line. The reason is the usual one when none is given."""
        line = self.line if self.reason else f"{self.line} {REASONS.get(self.status, 'Unknown')}"
        lines = [line, *(f"{name}: {value}" for name, value in self.headers)]
        return "".join(f"{text}\r\n" for text in [*lines, ""]).encode("latin-1", "replace")


def split_head(data: bytes) -> tuple[bytes, bytes] | None:
    """The head at the beginning of `data` and what follows it; None while it is not all there.

    Raises BadMessage for a head that is too long, and for one that begins with a byte that no message begins with: the
    client speaks something else, TLS for one, and may be waiting for an answer.
    """
    if data and data[0] not in b"\r\n" and not 0x20 < data[0] < 0x7F:
        raise BadMessage("no message of HTTP")
    end = _HEAD_END.search(data)
    if end is None or end.start() > HEAD_BYTES_MAX:
        if len(data) > HEAD_BYTES_MAX:
            raise BadMessage("the head is too long", 431)
        return None
    return data[: end.start()], data[end.end() :]


def parse_request(head: bytes) -> RequestHead:
    """A request's head as `split_head` gives it. Raises BadMessage."""
    line, *rest = _lines(head)
    words = line.split(" ")
    if len(words) != 3 or not _TOKEN.fullmatch(words[0]) or not words[1] or not words[1].isprintable():
        raise BadMessage(f"no request line: {line[:80]!r}")
    version = _VERSION.fullmatch(words[2])
    if version is None:
        raise BadMessage(f"no HTTP version: {words[2][:20]!r}")
    if version[1] != "1":
        raise BadMessage(f"HTTP/{version[1]} is not spoken here", 505)
    return RequestHead(method=words[0], target=words[1], version=(1, int(version[2])), headers=_parse_headers(rest))


def parse_response(head: bytes) -> ResponseHead:
    """A response's head as `split_head` gives it. Raises BadMessage."""
    line, *rest = _lines(head)
    first, _, status_and_reason = line.partition(" ")
    status, _, reason = status_and_reason.partition(" ")
    version = _VERSION.fullmatch(first)
    if version is None or len(status) != 3 or not (status.isascii() and status.isdecimal()):
        raise BadMessage(f"no status line: {line[:80]!r}")
    return ResponseHead(
        status=int(status),
        reason=reason,
        version=(int(version[1]), int(version[2])),
        headers=_parse_headers(rest),
    )


def _lines(head: bytes) -> list[str]:
    text = head.decode("latin-1")
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    if any("\r" in line or "\0" in line for line in lines):
        raise BadMessage("a carriage return or a zero within a line")
    return lines


def _parse_headers(lines: Sequence[str]) -> Headers:
    if len(lines) > HEADERS_MAX:
        raise BadMessage("too many headers", 431)
    headers = []
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not _TOKEN.fullmatch(name):
            raise BadMessage(f"no header: {line[:80]!r}")
        headers.append((name, value.strip(" \t")))
    return tuple(headers)


@dataclass(slots=True, kw_only=True)
class Body:
    """Where a body ends. `feed` bytes until `is_complete`; what follows the body is in `rest`.

    `kind` "close" is a body that ends with the connection: `finish` says that it did.
    """

    kind: Literal["length", "chunked", "close"]
    left: int = 0
    """Bytes of the body, or of the present chunk, that are still to come."""
    is_complete: bool = False
    rest: bytes = b""
    _step: Literal["size", "data", "data-end", "trailer"] = "size"
    _pending: bytearray = field(default_factory=bytearray)

    def __post_init__(self) -> None:
        """No bytes to come are a whole body."""
        if self.kind == "length" and not self.left:
            self.is_complete = True

    def feed(self, data: bytes) -> bytes:
        """The part of the body in `data`. Raises BadMessage for chunks that are none."""
        if self.is_complete:
            self.rest += data
            return b""
        if self.kind == "close":
            return data
        if self.kind == "length":
            part = data[: self.left]
            self.left -= len(part)
            if not self.left:
                self.is_complete = True
                self.rest = data[len(part) :]
            return part
        return self._feed_chunks(data)

    def finish(self) -> None:
        """The connection ended. Raises BadMessage when the body had not."""
        if self.kind == "close":
            self.is_complete = True
        if not self.is_complete:
            raise BadMessage("the body is cut off")

    def _feed_chunks(self, data: bytes) -> bytes:
        self._pending += data
        found = bytearray()
        while not self.is_complete:
            if self._step == "data":
                part = self._pending[: self.left]
                del self._pending[: len(part)]
                found += part
                self.left -= len(part)
                if self.left:
                    break
                self._step = "data-end"
                continue
            line = self._line()
            if line is None:
                break
            self._take_line(line)
        return bytes(found)

    def _line(self) -> bytes | None:
        end = self._pending.find(b"\n")
        if max(end, len(self._pending) if end < 0 else 0) > CHUNK_LINE_BYTES_MAX:
            raise BadMessage("a line between chunks is too long")
        if end < 0:
            return None
        line = bytes(self._pending[:end]).removesuffix(b"\r")
        del self._pending[: end + 1]
        return line

    def _take_line(self, line: bytes) -> None:
        if self._step == "data-end":
            if line:
                raise BadMessage("a chunk is longer than it says")
            self._step = "size"
        elif self._step == "trailer":
            if not line:
                self.is_complete = True
                self.rest = bytes(self._pending)
                self._pending.clear()
        else:
            digits = line.partition(b";")[0].strip(b" \t")
            if not re.fullmatch(rb"[0-9A-Fa-f]{1,15}", digits):
                raise BadMessage(f"no size of a chunk: {digits[:20]!r}")
            self.left = int(digits, 16)
            self._step = "data" if self.left else "trailer"


def request_body(head: RequestHead) -> Body:
    """Where a request's body ends. Raises BadMessage."""
    return _framed(head.headers) or Body(kind="length")


def response_body(head: ResponseHead, *, method: str) -> Body:
    """Where the body of a response to `method` ends. Raises BadMessage."""
    if method == "HEAD" or head.status in (204, 304) or head.status < 200:
        return Body(kind="length")
    return _framed(head.headers) or Body(kind="close")


def _framed(headers: Headers) -> Body | None:
    coding = header_of(headers, "transfer-encoding")
    length = header_of(headers, "content-length")
    if coding is not None:
        if coding.lower() != "chunked":
            raise BadMessage(f"transfer coding {coding[:40]!r} is not spoken here", 501)
        if length is not None:
            raise BadMessage("a length beside chunks")
        return Body(kind="chunked")
    if length is None:
        return None
    if not (length.isascii() and length.isdecimal()) or len(length) > LENGTH_DIGITS_MAX:
        raise BadMessage(f"no length: {length[:40]!r}")
    return Body(kind="length", left=int(length))
