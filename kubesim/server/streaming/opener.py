"""From a request for a URL to a running session: takes the token, negotiates the protocol, begins.

Mirrors Kubernetes: staging/src/k8s.io/cri-streaming/pkg/streaming/server.go, serveExec, serveAttach and
servePortForward.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeAlias

from kubesim.cri import api
from kubesim.kernel import Kernel
from kubesim.policy.stream_status import status_bytes
from kubesim.policy.stream_upgrade import (
    NOT_FOUND,
    Refused,
    SpdyAccepted,
    StreamTarget,
    asks_for_websocket,
    spdy_upgrade,
)
from kubesim.policy.websocket_upgrade import WebSocketAccepted, websocket_upgrade
from kubesim.runtime.daemon import Daemon
from kubesim.runtime.port_forward import forward
from kubesim.runtime.stream_command import start_command
from kubesim.server.streaming.command_session import CommandSession
from kubesim.server.streaming.forward_session import ForwardSession
from kubesim.server.streaming.front import Begun
from kubesim.server.streaming.http_head import RequestHead
from kubesim.server.streaming.link import Link
from kubesim.server.streaming.peers import CommandPeer, ForwardPeer
from kubesim.server.streaming.spdy_command import SpdyCommand
from kubesim.server.streaming.spdy_forward import SpdyForward
from kubesim.server.websocket.command import WebSocketCommand
from kubesim.server.websocket.forward import WebSocketForward
from kubesim.server.websocket.tunnel import TUNNEL_PREFIX, TunnelledForward

FORWARD_PROTOCOLS = ("portforward.k8s.io",)
"""Of PortForward over SPDY; there is no other version."""

CommandRequest: TypeAlias = api.ExecRequest | api.AttachRequest


class DaemonStreams:
    """Opens the streams of one runtime. `daemon` gives it, made if it was not."""

    def __init__(self, kernel: Kernel, daemon: Callable[[], Daemon]) -> None:
        self._kernel = kernel
        self._daemon = daemon

    def open(
        self, target: StreamTarget, head: RequestHead, link: Link, on_data: Callable[[], object]
    ) -> Refused | Begun:
        """See StreamOpener."""
        daemon = self._daemon()
        request = daemon.pending_streams.take(target.token)
        if isinstance(request, api.ExecRequest if target.kind == "exec" else api.AttachRequest):
            return self._open_command(daemon, request, head, link, on_data)
        if isinstance(request, api.PortForwardRequest) and target.kind == "portforward":
            return self._open_forward(daemon, request, head, link, on_data)
        return NOT_FOUND

    def _open_command(
        self, daemon: Daemon, request: CommandRequest, head: RequestHead, link: Link, on_data: Callable[[], object]
    ) -> Refused | Begun:
        switches = daemon.profile.streaming
        peer: CommandPeer
        accepted: SpdyAccepted | WebSocketAccepted | Refused
        if asks_for_websocket(head.headers):
            accepted = websocket_upgrade(head.method, head.headers, switches.websocket_protocols)
            if isinstance(accepted, Refused):
                return accepted
            peer = WebSocketCommand(
                accepted.protocol, stdin=request.stdin, stdout=request.stdout, stderr=request.stderr
            )
        else:
            accepted = spdy_upgrade(head.headers, switches.spdy_protocols, switches.missing_protocol_header)
            if isinstance(accepted, Refused):
                return accepted
            peer = SpdyCommand(
                accepted.protocol, stdin=request.stdin, stdout=request.stdout, stderr=request.stderr, tty=request.tty
            )
        begin = partial(
            CommandSession,
            self._kernel,
            link,
            peer,
            say=partial(status_bytes, protocol=accepted.protocol, form=switches.status_form),
            start=partial(start_command, daemon, request),
            on_data=on_data,
        )
        return Begun(headers=accepted.headers, begin=begin)

    def _open_forward(
        self,
        daemon: Daemon,
        request: api.PortForwardRequest,
        head: RequestHead,
        link: Link,
        on_data: Callable[[], object],
    ) -> Refused | Begun:
        switches = daemon.profile.streaming
        peer: ForwardPeer
        accepted: SpdyAccepted | WebSocketAccepted | Refused
        if asks_for_websocket(head.headers):
            accepted = websocket_upgrade(head.method, head.headers, switches.websocket_forward_protocols)
            if isinstance(accepted, Refused):
                return accepted
            if accepted.protocol.startswith(TUNNEL_PREFIX):
                peer = TunnelledForward(SpdyForward())
            else:
                peer = WebSocketForward(accepted.protocol, request.port)
        else:
            accepted = spdy_upgrade(head.headers, FORWARD_PROTOCOLS, switches.missing_protocol_header)
            if isinstance(accepted, Refused):
                return accepted
            peer = SpdyForward()
        begin = partial(
            ForwardSession,
            self._kernel,
            link,
            peer,
            forward=partial(forward, daemon, request.pod_sandbox_id),
            on_data=on_data,
        )
        return Begun(headers=accepted.headers, begin=begin)
