"""Exec, Attach and PortForward: each answers with the URL at which the stream can be opened.

What is checked here is what the RPCs check; the rest shows when the URL is opened. A streaming server plugs in by
`Daemon.streaming_url`: it serves `URL/exec/TOKEN` and its sisters, and takes the request of a token out of
`Daemon.pending_streams`. Without one a request that is fine is refused all the same.

Mirrors containerd: internal/cri/server/container_exec.go, container_attach.go and sandbox_portforward.go; CRI-O:
server/container_exec.go, container_attach.go and container_portforward.go; Kubernetes:
staging/src/k8s.io/cri-streaming/pkg/streaming/server.go.
"""

from __future__ import annotations

from google.protobuf.message import Message

from kubesim.cri import api
from kubesim.cri.errors import CriError
from kubesim.runtime import streaming_refusals as say
from kubesim.runtime.daemon import Daemon
from kubesim.runtime.refusal import Refusal


async def exec_(daemon: Daemon, request: api.ExecRequest) -> api.ExecResponse:
    """A URL to run a command in a container."""
    _find_container(daemon, request.container_id, say.EXEC_LOOKUP)
    _check_streams(daemon, request, no_stream=say.EXEC_NO_STREAM, tty_stderr=say.EXEC_TTY_STDERR)
    return api.ExecResponse(url=_url(daemon, "exec", request, too_many=say.EXEC_TOO_MANY))


async def attach(daemon: Daemon, request: api.AttachRequest) -> api.AttachResponse:
    """A URL to join the streams of a container's first process."""
    _find_container(daemon, request.container_id, say.ATTACH_LOOKUP)
    _check_streams(daemon, request, no_stream=say.ATTACH_NO_STREAM, tty_stderr=say.ATTACH_TTY_STDERR)
    return api.AttachResponse(url=_url(daemon, "attach", request, too_many=say.ATTACH_TOO_MANY))


async def port_forward(daemon: Daemon, request: api.PortForwardRequest) -> api.PortForwardResponse:
    """A URL to reach ports of a pod."""
    if daemon.profile.streaming.checks_state:
        sandbox = daemon.sandbox(request.pod_sandbox_id, say.PORT_FORWARD_LOOKUP)
        if not sandbox.life.is_ready:
            raise daemon.refuse(say.SANDBOX_NOT_RUNNING)
    elif not request.pod_sandbox_id:
        raise daemon.refuse(say.PORT_FORWARD_EMPTY)
    return api.PortForwardResponse(url=_url(daemon, "portforward", request, too_many=say.PORT_FORWARD_TOO_MANY))


def _find_container(daemon: Daemon, prefix: str, row: Refusal) -> None:
    container = daemon.container(prefix, row)
    if daemon.profile.streaming.checks_state and not container.life.is_running:
        raise daemon.refuse(say.CONTAINER_STATE, state=container.life.reported_state.upper())


def _check_streams(
    daemon: Daemon, request: api.ExecRequest | api.AttachRequest, *, no_stream: Refusal, tty_stderr: Refusal
) -> None:
    if request.tty and request.stderr:
        raise daemon.refuse(tty_stderr)
    if not (request.stdin or request.stdout or request.stderr):
        raise daemon.refuse(no_stream)


def _url(daemon: Daemon, kind: str, request: Message, *, too_many: Refusal) -> str:
    if not daemon.streaming_url:
        raise _no_server(daemon, kind)
    token = daemon.pending_streams.add(request)
    if token is None:
        raise daemon.refuse(too_many)
    return f"{daemon.streaming_url}/{kind}/{token}"


def _no_server(daemon: Daemon, kind: str) -> CriError:
    return daemon.refuse(say.NO_SERVER, kind=kind)
