"""Errors of connections, printed the way Go's net package prints them.

Mirrors Go: net/net.go, OpError.Error; net/tcpsock.go, TCPConn.ReadFrom and TCPConn.WriteTo.
"""

from __future__ import annotations


def dial_error(network: str, target: str, reason: str) -> str:
    """A connection that was not made. `reason` is the text of the errno.

    >>> dial_error("tcp4", "127.0.0.1:80", "Connection refused")
    'dial tcp4 127.0.0.1:80: connect: connection refused'
    """
    return f"dial {network} {target}: connect: {reason.lower()}"


def copy_error(operation: str, copy: str, network: str, ends: tuple[str, str], reason: str) -> str:
    """A connection that broke while it was copied from or to: a `read` or `write` that failed within a `copy`.

    `copy` is `writeto`, `readfrom`, or empty when the connection itself did not do the copying; `ends` are the local
    and the remote address.

    >>> copy_error("write", "readfrom", "tcp", ("[::1]:5", "[::1]:80"), "Broken pipe")
    'readfrom tcp [::1]:5->[::1]:80: write tcp [::1]:5->[::1]:80: write: broken pipe'
    """
    where = f"{network} {ends[0]}->{ends[1]}"
    inner = f"{operation} {where}: {operation}: {reason.lower()}"
    return f"{copy} {where}: {inner}" if copy else inner


def address_text(host: str, port: int) -> str:
    """`host:port`, with brackets around an IPv6 address. Mirrors Go: net/ipsock.go, JoinHostPort.

    >>> address_text("fd00::2", 80)
    '[fd00::2]:80'
    """
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
