"""What Go's net/http puts around an answer, for image programs that are written in Go.

Mirrors Go: net/http/server.go, Error, Redirect and (*response).finishRequest.
"""

from __future__ import annotations

from datetime import UTC, datetime

from kubesim.userland.network.http_message import BadMessage, Headers, ResponseHead
from kubesim.userland.network.http_server import Response, http_date
from kubesim.userland.processes.process_life import Process

TEXT = "text/plain; charset=utf-8"


def go_response(
    process: Process, body: str | bytes, *, status: int = 200, content_type: str = TEXT, headers: Headers = ()
) -> Response:
    """An answer with Go's headers in Go's order: the handler's own sorted, then date, length and type."""
    data = body.encode(errors="surrogateescape") if isinstance(body, str) else body
    own = tuple(sorted(headers))
    # A type is guessed from the content, and there is none to guess from without any.
    kind = (("Content-Type", content_type),) if data else ()
    head = ResponseHead(
        status=status,
        headers=(*own, ("Date", http_date(process.kernel.now_ns)), ("Content-Length", str(len(data))), *kind),
    )
    return Response(head=head, body=data)


def go_error(process: Process, text: str, status: int) -> Response:
    """http.Error."""
    data = f"{text}\n".encode(errors="surrogateescape")
    head = ResponseHead(
        status=status,
        headers=(
            ("Content-Type", TEXT),
            ("X-Content-Type-Options", "nosniff"),
            ("Date", http_date(process.kernel.now_ns)),
            ("Content-Length", str(len(data))),
        ),
    )
    return Response(head=head, body=data)


def go_refusal(error: BadMessage) -> Response:
    """What Go answers to bytes that are no request."""
    status = error.status if error.status in (413, 431, 501, 505) else 400
    head = ResponseHead(status=status, headers=(("Content-Type", TEXT), ("Connection", "close")))
    return Response(head=head, body=head.line.removeprefix("HTTP/1.1 ").encode() + b" " + _reason(head))


def _reason(head: ResponseHead) -> bytes:
    return head.encode().partition(b"\r\n")[0].split(b" ", 2)[2]


def go_log_time(now_ns: int) -> str:
    """The time before a line of Go's log package, with a blank behind it.

    >>> go_log_time(1_700_000_000_000_000_000)
    '2023/11/14 22:13:20 '
    """
    return datetime.fromtimestamp(now_ns // 1_000_000_000, UTC).strftime("%Y/%m/%d %H:%M:%S ")


async def go_log(process: Process, text: str) -> None:
    """log.Printf: a line on standard error."""
    line = f"{go_log_time(process.kernel.now_ns)}{text.rstrip(chr(10))}\n"
    await process.write(2, line.encode(errors="surrogateescape"))


def go_time(now_ns: int) -> str:
    """What time.Now prints in UTC.

    >>> go_time(1_700_000_000_000_000_000)
    '2023-11-14 22:13:20 +0000 UTC'
    """
    seconds, rest_ns = divmod(now_ns, 1_000_000_000)
    fraction = f".{rest_ns:09d}".rstrip("0").rstrip(".")
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}{fraction} +0000 UTC"
