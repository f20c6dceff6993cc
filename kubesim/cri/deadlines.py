"""How long the kubelet's client waits for an answer.

Twice the usual time for RunPodSandbox, the asked time on top for StopContainer and ExecSync, the asked time if it is
longer for CheckpointContainer, no end for pulls and events.
Mirrors cri-client: pkg/remote_runtime.go and pkg/remote_image.go.
"""

from __future__ import annotations

from google.protobuf.message import Message

from kubesim.cri.methods import Method

CALL_SECONDS = 120.0
"""The kubelet's default for runtimeRequestTimeout."""

_NO_DEADLINE = {"PullImage", "GetContainerEvents"}

BY_REQUEST = frozenset({"StopContainer", "ExecSync", "CheckpointContainer"})
"""The calls whose deadline depends on what is asked."""


def call_seconds(method: Method, request: Message, *, default_seconds: float = CALL_SECONDS) -> float | None:
    """The deadline of one call in seconds; None for no deadline."""
    if method.name in _NO_DEADLINE:
        return None
    if method.name == "RunPodSandbox":
        return 2 * default_seconds
    if method.name in {"StopContainer", "ExecSync"}:
        asked_seconds = int(getattr(request, "timeout", 0))
        if method.name == "ExecSync" and asked_seconds == 0:
            return None
        return default_seconds + max(0, asked_seconds)
    if method.name == "CheckpointContainer":
        return max(default_seconds, int(getattr(request, "timeout", 0)))
    return default_seconds
