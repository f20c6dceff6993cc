"""Attach, once its URL was opened: a client joins the streams of a container's first process.

Mirrors containerd: internal/cri/server/container_attach.go, attachContainer; CRI-O: server/container_attach.go.
"""

from __future__ import annotations

from kubesim.cri import api
from kubesim.runtime import streaming_refusals as say
from kubesim.runtime.container_state import ReportedState
from kubesim.runtime.container_streams import Attachment
from kubesim.runtime.daemon import Daemon


def attach_to(daemon: Daemon, request: api.AttachRequest) -> Attachment:
    """Join a container's streams from this moment on, for a request whose URL was opened.

    Raises CriError with what the runtime writes to the error stream behind `error attaching to container: `.
    """
    container = daemon.container(request.container_id, say.ATTACH_STREAM_LOOKUP)
    if not container.is_live or container.streams is None:
        # A first process that ended at this very instant has not been recorded yet.
        state = ReportedState.EXITED if container.life.is_running else container.life.reported_state
        raise daemon.refuse(say.ATTACH_STATE, state=state.upper())
    return Attachment(container.streams, request)
