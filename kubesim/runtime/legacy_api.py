"""Calls that come by the service names of CRI v1alpha2: the same answers, and a note that somebody uses them.

Mirrors containerd: pkg/cri/instrument/instrumented_service.go, instrumentedAlphaService; pkg/cri/server/version.go,
AlphaVersion; pkg/deprecation/deprecation.go (1.7).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from google.protobuf.message import Message

from kubesim.cri import api
from kubesim.runtime.daemon import Daemon

WARNING_ID = "io.containerd.deprecation/cri-api-v1alpha2"
_WARNING = (
    "CRI API v1alpha2 is deprecated since containerd v1.7 and removed in containerd v2.0. Use CRI API v1 instead."
)


def as_v1alpha2(
    handler: Callable[[Daemon, Any], Awaitable[Message | bytes]],
) -> Callable[[Daemon, Any], Awaitable[Message | bytes]]:
    """The handler of an RPC for callers of v1alpha2."""

    async def answer(daemon: Daemon, request: Any) -> Message | bytes:
        daemon.deprecations[WARNING_ID] = _WARNING
        response = await handler(daemon, request)
        if isinstance(response, api.VersionResponse):
            legacy = api.VersionResponse()
            legacy.CopyFrom(response)
            legacy.runtime_api_version = "v1alpha2"
            return legacy
        return response

    return answer
