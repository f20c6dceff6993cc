"""How a request to a streaming server becomes a stream: which protocol it asks for, which version, or why it cannot.

The answers are those of the library that both runtimes serve streams with. Mirrors Kubernetes:
staging/src/k8s.io/streaming/pkg/httpstream/httpstream.go, Handshake; spdy/upgrade.go, UpgradeResponse; go-restful
answers what has no route.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from kubesim.policy.go_quote import go_quote

SPDY = "SPDY/3.1"
PROTOCOL_HEADER = "X-Stream-Protocol-Version"
ACCEPTED_HEADER = "X-Accepted-Stream-Protocol-Versions"

StreamKind: TypeAlias = Literal["exec", "attach", "portforward"]
MissingProtocol: TypeAlias = Literal["bad-request", "empty-answer"]
Headers: TypeAlias = Sequence[tuple[str, str]]
"""Names and values in the order of the request; names in any case."""

_KINDS: dict[str, StreamKind] = {"exec": "exec", "attach": "attach", "portforward": "portforward"}


@dataclass(frozen=True, slots=True)
class StreamTarget:
    """What the path of a URL names."""

    kind: StreamKind
    token: str


@dataclass(frozen=True, slots=True)
class Refused:
    """An answer that is no stream. `headers` come besides those that every answer has.

    A bare one has no others, and the connection is closed after it.
    """

    status: int
    text: str
    headers: tuple[tuple[str, str], ...] = ()
    is_bare: bool = False


@dataclass(frozen=True, slots=True)
class SpdyAccepted:
    """The stream goes on in SPDY/3.1, with this version of the protocol within it."""

    protocol: str

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """Those of the answer 101, in the order of the Go server."""
        return (("Connection", "Upgrade"), ("Upgrade", SPDY), (PROTOCOL_HEADER, self.protocol))


def go_http_error(status: int, text: str, headers: tuple[tuple[str, str], ...] = ()) -> Refused:
    """A refusal as Go writes it. Mirrors Go: net/http, Error."""
    kind = (("Content-Type", "text/plain; charset=utf-8"), ("X-Content-Type-Options", "nosniff"))
    return Refused(status, f"{text}\n", (*headers, *kind))


NOT_FOUND = go_http_error(404, "404 page not found")
"""The token is unknown, used or too old. Mirrors Go: net/http, NotFound."""


EMPTY_ANSWER = Refused(200, "")


def stream_target(method: str, path: str) -> StreamTarget | Refused:
    """What a request is for. Mirrors go-restful: curly.go, SelectRoute; container.go, writeServiceError."""
    if path.startswith(("http://", "https://")):  # as clients of a proxy write it
        path = path.partition("://")[2].partition("/")[2]
    parts = path.partition("?")[0].strip("/").split("/")
    kind = _KINDS.get(parts[0])
    if len(parts) != 2 or kind is None:
        return Refused(404, "404: Page Not Found")
    if method not in ("GET", "POST"):
        return Refused(405, "405: Method Not Allowed", (("Allow", "GET, POST"),))
    return StreamTarget(kind, parts[1])


def asks_for_websocket(headers: Headers) -> bool:
    """Whether the request is one for a WebSocket. Mirrors Kubernetes: wsstream/conn.go, IsWebSocketRequest."""
    is_websocket = any(value.lower() == "websocket" for value in values_of(headers, "upgrade")[:1])
    return is_websocket and any("upgrade" in value.lower() for value in values_of(headers, "connection"))


def spdy_upgrade(
    headers: Headers, offered: Sequence[str], missing: MissingProtocol = "bad-request"
) -> SpdyAccepted | Refused:
    """Whether a request becomes a SPDY stream; `offered` are the versions of the server.

    `missing` is the answer to one that names no version: before Kubernetes 1.35 the library gave none, which Go makes
    an empty 200.
    """
    wanted = _wanted_protocols(headers)
    if isinstance(wanted, Refused) and missing == "empty-answer":
        return EMPTY_ANSWER
    if isinstance(wanted, Refused):
        return wanted
    protocol = next((name for name in wanted if name in offered), None)
    if protocol is None:
        text = (
            f"unable to upgrade: unable to negotiate protocol: client supports {go_list(wanted)}, "
            f"server accepts {go_list(offered)}"
        )
        return go_http_error(403, text, tuple((ACCEPTED_HEADER, name) for name in offered))
    connection = next(iter(values_of(headers, "connection")), "").lower()
    upgrade = next(iter(values_of(headers, "upgrade")), "").lower()
    if "upgrade" not in connection or SPDY.lower() not in upgrade:
        text = f"unable to upgrade: missing upgrade headers in request: {_go_header(headers)}"
        return go_http_error(400, text, ((PROTOCOL_HEADER, protocol),))
    return SpdyAccepted(protocol)


def values_of(headers: Headers, name: str) -> list[str]:
    """The values of a header, in order. `name` is in lower case."""
    return [value for other, value in headers if other.lower() == name]


def go_list(items: Iterable[str]) -> str:
    """A list of strings as Go's `%v` prints it."""
    return f"[{' '.join(items)}]"


def _wanted_protocols(headers: Headers) -> list[str] | Refused:
    values = values_of(headers, PROTOCOL_HEADER.lower())
    if not values:
        count = len({name.lower() for name, _ in headers} - {"host"})
        return go_http_error(
            400, f"unable to upgrade: header {PROTOCOL_HEADER} does not exist in request with {count} headers"
        )
    wanted = [name for value in values for part in value.split(",") if (name := part.strip(" "))]
    if not wanted:
        text = f"unable to upgrade: header {PROTOCOL_HEADER} contains {go_list(values)}, but no valid protocols"
        return go_http_error(400, text)
    return wanted


def _go_header(headers: Headers) -> str:
    """The headers as Go's `%#v` prints them: sorted, names in canonical form, without Host."""
    values: dict[str, list[str]] = {}
    for name, value in headers:
        if name.lower() != "host":
            values.setdefault("-".join(part.capitalize() for part in name.split("-")), []).append(value)
    rows = (
        f"{go_quote(name)}:[]string{{{', '.join(go_quote(value) for value in found)}}}"
        for name, found in sorted(values.items())
    )
    return f"http.Header{{{', '.join(rows)}}}"
