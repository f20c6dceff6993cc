"""What runs for an opened URL of Exec or Attach: the command, or the client's place at a container."""

from __future__ import annotations

from typing import Protocol

from kubesim.cri import api
from kubesim.cri.errors import CriError
from kubesim.policy.stream_status import Failed, StreamOutcome
from kubesim.runtime.attach import attach_to
from kubesim.runtime.daemon import Daemon
from kubesim.runtime.exec_session import start_exec_session
from kubesim.runtime.stream_buffer import StreamBuffer


class StreamCommand(Protocol):
    """A running command or an attached client. An output is None where the client did not ask for it."""

    @property
    def stdout(self) -> StreamBuffer | None:
        """The output, until it ends."""

    @property
    def stderr(self) -> StreamBuffer | None:
        """The output, until it ends."""

    async def write_stdin(self, data: bytes) -> None:
        """Hand the client's bytes over; waits while nobody reads them."""

    def close_stdin(self) -> None:
        """The client has no more."""

    def resize(self, *, columns: int, rows: int) -> None:
        """The client's window has another size."""

    def hang_up(self) -> None:
        """The client is gone."""

    async def outcome(self) -> StreamOutcome:
        """How it ended. The outputs may go on after that, and are read to their ends."""


def start_command(daemon: Daemon, request: api.ExecRequest | api.AttachRequest) -> StreamCommand | Failed:
    """Begin what a request asked for; what is wrong otherwise.

    Mirrors Kubernetes: staging/src/k8s.io/cri-streaming/pkg/streaming/remotecommand/exec.go, ServeExec; attach.go.
    """
    try:
        if isinstance(request, api.ExecRequest):
            return start_exec_session(daemon, request)
        return attach_to(daemon, request)
    except CriError as error:
        what = "executing command in" if isinstance(request, api.ExecRequest) else "attaching to"
        return Failed(f"error {what} container: {error.message}")
