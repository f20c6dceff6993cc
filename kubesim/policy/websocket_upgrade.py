"""How a request becomes a WebSocket, or why it cannot, in the words of the library that both runtimes use.

That library answers over the raw connection and closes it. Mirrors golang.org/x/net: websocket/server.go,
newServerConn; websocket/hybi.go, ReadHandshake and AcceptHandshake; Kubernetes:
staging/src/k8s.io/streaming/pkg/httpstream/wsstream/conn.go, handshake.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass

from kubesim.policy.stream_upgrade import Headers, Refused, values_of

_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
"""RFC 6455, section 1.3."""


@dataclass(frozen=True, slots=True)
class WebSocketAccepted:
    """The stream goes on in WebSocket frames; `protocol` is "" for a client that named none."""

    protocol: str
    accept: str

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """Those of the answer 101, in the order of the Go server."""
        return (
            ("Upgrade", "websocket"),
            ("Connection", "Upgrade"),
            ("Sec-WebSocket-Accept", self.accept),
            ("Sec-WebSocket-Protocol", self.protocol),
        )


def websocket_upgrade(method: str, headers: Headers, offered: Sequence[str]) -> WebSocketAccepted | Refused:
    """Whether a request that asks for a WebSocket gets one; `offered` are the subprotocols of the server."""
    if method != "GET":
        return _bare(405, "bad method")
    # The request asks for a WebSocket, maybe in a second Connection header; here only the first of each name counts.
    if "upgrade" not in _first(headers, "connection").lower():
        return _bare(400, "not websocket protocol")
    key = _first(headers, "sec-websocket-key")
    if not key:
        return _bare(400, "mismatch challenge/response")
    if _first(headers, "sec-websocket-version") != "13":
        return _bare(400, "missing or bad WebSocket Version", (("Sec-WebSocket-Version", "13"),))
    named = _first(headers, "sec-websocket-protocol").strip()
    wanted = [name.strip() for name in named.split(",")] if named else [""]
    protocol = next((name for name in wanted if name in offered), None)
    if protocol is None:
        return _bare(403, "")
    digest = hashlib.sha1(f"{key}{_GUID}".encode("latin-1", "replace"), usedforsecurity=False).digest()
    return WebSocketAccepted(protocol, b64encode(digest).decode("ascii"))


def _bare(status: int, text: str, headers: tuple[tuple[str, str], ...] = ()) -> Refused:
    return Refused(status, text, headers, is_bare=True)


def _first(headers: Headers, name: str) -> str:
    return next(iter(values_of(headers, name)), "")
