"""What runtimes differ in when they serve Exec, Attach and PortForward."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

AttachEnd = Literal["with-input-unless-once", "with-input-without-terminal"]


class StreamingSwitches(Struct, frozen=True, kw_only=True):
    """Exec, Attach and PortForward."""

    checks_state: bool
    """Whether the RPC looks at the state of the container or the sandbox (and PortForward at its existence); without
    that a client learns of it when it opens the URL."""
    attach_ends: AttachEnd
    """When an attached client whose input has ended is detached; see policy.attach_end."""
    pipes_break: bool
    """What a command without a terminal finds when its client is gone and it writes on: a broken pipe; or a pipe that
    fills, because the runtime holds its other end open, so that the command waits for ever."""
    terminal_sets_term: bool
    """Whether a command with a terminal gets TERM=xterm; else it has what the container has."""
    status_form: Literal["metav1", "bare"]
    """The JSON of the error stream: a metav1.Status with its empty metadata; or only what says something."""
    missing_protocol_header: Literal["bad-request", "empty-answer"]
    """A request for SPDY that names no version: refused with 400, or answered with 200 and nothing."""
    spdy_protocols: tuple[str, ...]
    """Versions of the protocol within SPDY of Exec and Attach, in the order in which a refusal lists them."""
    websocket_protocols: tuple[str, ...]
    """Subprotocols of WebSockets for Exec and Attach; "" is a client that names none."""
    websocket_forward_protocols: tuple[str, ...]
    """Subprotocols of WebSockets for PortForward."""
    forward_dial: Literal["ipv4-first", "ipv6-first"]
    """Which loopback address of a pod PortForward tries first; the other one follows when that is refused."""
    forward_read_error: Literal["read", "writeto"]
    """How it says that it cannot read from a pod: by what failed, or by the copy within which it failed, as Go does
    since 1.22 (`TCPConn.WriteTo`)."""
