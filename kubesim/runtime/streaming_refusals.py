"""What the runtimes say when they refuse Exec, Attach and PortForward.

CRI-O wraps what its streaming library says only in Exec, and gRPC takes the code of what is wrapped. Sources: see
`streaming`; grpc-go: status/status.go, FromError.
"""

from __future__ import annotations

from kubesim.cri.errors import Code
from kubesim.runtime.refusal import refusal, worded

_CRIO_ATTACH = "unable to prepare attach endpoint"
_CRIO_PORT_FORWARD = "unable to prepare portforward endpoint"
_INVALID = "unable to prepare exec endpoint: rpc error: code = InvalidArgument desc = "
_EXHAUSTED = "unable to prepare exec endpoint: rpc error: code = ResourceExhausted desc = "

_TOO_MANY = "maximum number of in-flight requests exceeded"
_TTY_STDERR = "tty and stderr cannot both be true"
_NO_EXEC_STREAM = "one of stdin, stdout, or stderr must be set"

EXEC_LOOKUP = refusal(
    "failed to find container {id!q} in store: {cause}", "could not find container {id!q}: {cause}", code=Code.NOT_FOUND
)
ATTACH_LOOKUP = refusal(
    "failed to find container in store: {cause}", "could not find container {id!q}: {cause}", code=Code.NOT_FOUND
)
PORT_FORWARD_LOOKUP = refusal("failed to find sandbox {id!q}: {cause}", code=Code.NOT_FOUND)
CONTAINER_STATE = refusal("container is in CONTAINER_{state} state")
SANDBOX_NOT_RUNNING = refusal("sandbox container is not running")

EXEC_TTY_STDERR = refusal(
    _TTY_STDERR, _INVALID + _TTY_STDERR, code=Code.INVALID_ARGUMENT, crio_code=Code.INVALID_ARGUMENT
)
EXEC_NO_STREAM = refusal(
    _NO_EXEC_STREAM, _INVALID + _NO_EXEC_STREAM, code=Code.INVALID_ARGUMENT, crio_code=Code.INVALID_ARGUMENT
)
EXEC_TOO_MANY = refusal(
    _TOO_MANY, _EXHAUSTED + _TOO_MANY, code=Code.RESOURCE_EXHAUSTED, crio_code=Code.RESOURCE_EXHAUSTED
)
ATTACH_TTY_STDERR = refusal(_TTY_STDERR, _CRIO_ATTACH, code=Code.INVALID_ARGUMENT)
ATTACH_NO_STREAM = refusal("one of stdin, stdout, and stderr must be set", _CRIO_ATTACH, code=Code.INVALID_ARGUMENT)
ATTACH_TOO_MANY = refusal(_TOO_MANY, _CRIO_ATTACH, code=Code.RESOURCE_EXHAUSTED)
# containerd looks the sandbox up first, so that an empty id never gets as far as this.
PORT_FORWARD_EMPTY = refusal(_CRIO_PORT_FORWARD)
PORT_FORWARD_TOO_MANY = refusal(_TOO_MANY, _CRIO_PORT_FORWARD, code=Code.RESOURCE_EXHAUSTED)

# What the error stream says once a URL was opened.
# CRI-O's errors here are gRPC statuses, which are printed whole.
_CRIO_NOT_FOUND = "rpc error: code = NotFound desc = "
_CRIO_NO_CONTAINER = _CRIO_NOT_FOUND + "could not find container {id!q}: {cause}"
_NO_CONTAINER = "failed to exec in container: failed to find container {id!q} in store: {cause}"
EXEC_STREAM_LOOKUP = refusal(_NO_CONTAINER, _CRIO_NO_CONTAINER, code=Code.NOT_FOUND)
ATTACH_STREAM_LOOKUP = refusal(
    "failed to find container {id!q} in store: {cause}", _CRIO_NO_CONTAINER, code=Code.NOT_FOUND
)
EXEC_STREAM_STATE = worded("exec_in_stopped")
EXEC_STREAM_EMPTY = refusal(
    "failed to exec in container: failed to start exec {exec_id!q}: OCI runtime exec failed: exec failed: process args "
    "cannot be empty{task_error_end}",
    "exec command cannot be empty",
)
EXEC_STREAM_FAILED = refusal(
    "failed to exec in container: failed to start exec {exec_id!q}: OCI runtime exec failed: exec failed: unable to "
    "start container process: {reason}{task_error_end}",
    "exec failed: unable to start container process: {reason}",
)
EXEC_EXIT = refusal("error executing command {words}, exit code {exit_code}", "exit status {exit_code}")
ATTACH_STATE = refusal("container is in CONTAINER_{state} state", "container is not created or running")

# What the error stream of a forwarded connection says; the first line is the library's, of both runtimes.
FORWARD_FAILED = refusal("error forwarding port {port} to pod {id}, uid : {cause}")
FORWARD_LOOKUP = refusal("failed to find sandbox {id!q} in store: {cause}", "{cause}")
FORWARD_CLOSED = refusal("network namespace for sandbox {id!q} is closed")
FORWARD_NOT_RUNNING = refusal("sandbox {id} is not running")
FORWARD_INSIDE = refusal(
    "failed to execute portforward in network namespace {path!q}: {cause}",
    "port forward into network namespace {path!q}: {cause}",
)
FORWARD_DIAL = refusal(
    "failed to connect to localhost:{port} inside namespace {id!q}, IPv4: {first} IPv6 {second} ",
    "failed to connect to localhost:{port} inside namespace {own_id}: {first}",
)
FORWARD_NODE_NAMESPACE = "host"
"""What containerd calls the node's network namespace."""

# These words are kubesim's own: no real runtime is without a streaming server, and one in a Python process is.
NO_SERVER = refusal("kubesim serves no streams here: there is no URL for {kind}", code=Code.UNIMPLEMENTED)
