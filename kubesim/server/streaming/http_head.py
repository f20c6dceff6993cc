"""Requests of one connection until it is a stream, on h11. No sockets."""

from __future__ import annotations

from dataclasses import dataclass
from email.utils import formatdate
from http import HTTPStatus

import h11

from kubesim.policy.stream_upgrade import Headers, Refused, go_http_error

HEAD_BYTES_MAX = 64 * 1024
"""Of one request line with its headers; Go's server takes a mebibyte."""

_NS_PER_SECOND = 1_000_000_000


@dataclass(frozen=True, slots=True)
class RequestHead:
    """A request without its body, which is thrown away."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    """As they came: names in any case."""


class HttpHead:
    """Bytes in, requests out, one at a time: each is answered by `answer` or `switch` before the next."""

    __slots__ = ("_connection", "_is_head", "_request")

    def __init__(self) -> None:
        self._connection = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_BYTES_MAX)
        self._request: RequestHead | None = None
        self._is_head = False
        """Whether the last request wants no body in its answer."""

    def feed(self, data: bytes) -> None:
        """Bytes of the client."""
        self._connection.receive_data(data)

    @property
    def held_bytes(self) -> int:
        """What was not understood yet."""
        return len(self._connection.trailing_data[0])

    def next_request(self) -> RequestHead | Refused | None:
        """The next request once all of it is there; None until then. A refusal is the last answer."""
        try:
            while True:
                match self._connection.next_event():
                    case h11.Request() as event:
                        self._request = _request(event)
                        self._is_head = self._request.method == "HEAD"
                    case h11.EndOfMessage():
                        request, self._request = self._request, None
                        return request
                    case h11.Data():
                        pass
                    case _:
                        return None
        except h11.RemoteProtocolError as error:
            status = HTTPStatus(error.error_status_hint)
            return go_http_error(status, f"{status.value} {status.phrase}")

    def answer(self, refused: Refused, now_ns: int) -> tuple[bytes, bool]:
        """The bytes of a refusal, and whether the connection ends with it; if not, the next request may come."""
        body = refused.text.encode("utf-8", "replace")
        if refused.is_bare:
            lines = [f"HTTP/1.1 {refused.status} {HTTPStatus(refused.status).phrase}"]
            lines += [f"{name}: {value}" for name, value in refused.headers]
            return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace") + body, True
        date = formatdate(now_ns // _NS_PER_SECOND, usegmt=True)
        headers: Headers = (*refused.headers, ("Date", date), ("Content-Length", str(len(body))))
        connection = self._connection
        if connection.our_state is h11.IDLE:
            # Not even the request line was one: it still gets its answer.
            self._is_head = False
            connection = h11.Connection(h11.SERVER)
            connection.receive_data(b"GET / HTTP/1.0\r\n\r\n")
            connection.next_event()
        reason = HTTPStatus(refused.status).phrase.encode()
        response = h11.Response(status_code=refused.status, headers=_encoded(headers), reason=reason)
        sent = b"".join(
            part or b""
            for part in (
                connection.send(response),
                connection.send(h11.Data(data=b"" if self._is_head else body)),
                connection.send(h11.EndOfMessage()),
            )
        )
        is_last = connection is not self._connection or connection.our_state is not h11.DONE
        if not is_last and connection.their_state in (h11.DONE, h11.IDLE):
            connection.start_next_cycle()
        return sent, is_last

    def switch(self, headers: Headers) -> bytes:
        """The answer 101: what comes after it is the stream's."""
        return (
            self._connection.send(
                h11.InformationalResponse(status_code=101, headers=_encoded(headers), reason=b"Switching Protocols")
            )
            or b""
        )

    @property
    def early_bytes(self) -> bytes:
        """What came behind the request already."""
        return bytes(self._connection.trailing_data[0])


def _request(event: h11.Request) -> RequestHead:
    headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in event.headers.raw_items())
    return RequestHead(event.method.decode("ascii"), event.target.decode("latin-1"), headers)


def _encoded(headers: Headers) -> list[tuple[bytes, bytes]]:
    return [(name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in headers]
