"""What a client of gRPC says of a server that is not there: the kubelet's is written in Go.

Mirrors grpc-go: internal/transport/http2_client.go (NewHTTP2Client, reader) and clientconn.go.
"""

from __future__ import annotations

import re

from kubesim.policy.go_net_error import dial_error

_UNIX = "unix:"
_NOT_CONNECTED = "failed to connect to all addresses"
_REASON = re.compile(r".*\b(Connection refused|No such file or directory|Permission denied)\b", re.DOTALL)
_LOST = re.compile(r"Socket closed|Stream removed\b.*|recvmsg:.*|Connection reset by peer", re.DOTALL)


def go_client_text(details: str, target: str) -> str:
    """Python's words for a connection in those of Go; all else is the server's own, and stays.

    `target` is `unix:/path` or `host:port`.

    >>> go_client_text("Socket closed", "unix:/run/s.sock")
    'error reading from server: EOF'
    """
    if _LOST.fullmatch(details):
        return "error reading from server: EOF"
    reason = _REASON.match(details) if details.startswith(_NOT_CONNECTED) else None
    if reason is None:
        return details
    network, address = ("unix", target.removeprefix(_UNIX)) if target.startswith(_UNIX) else ("tcp", target)
    return f'connection error: desc = "transport: Error while dialing: {dial_error(network, address, reason[1])}"'
