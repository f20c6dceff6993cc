"""The deadline that each call of a kubelet has, over whatever it calls.

The runtime knows it (CRI-O's stops share it out), and when it passes the call fails for the kubelet and is cancelled
for the runtime. Mirrors cri-client: pkg/remote_runtime.go.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from google.protobuf.message import Message

from kubesim.cri.deadlines import CALL_SECONDS, call_seconds
from kubesim.cri.errors import deadline_exceeded
from kubesim.cri.methods import Method
from kubesim.cri.protocol import Cri
from kubesim.kernel import timeout


class Deadlines:
    """A `Cri` that waits as long as a kubelet's client does."""

    def __init__(self, cri: Cri, *, default_seconds: float = CALL_SECONDS) -> None:
        """`default_seconds` is the kubelet's runtimeRequestTimeout."""
        self._cri = cri
        self._default_seconds = default_seconds

    async def call(self, method: Method, request: Message) -> Message:
        """Pass the call on. Raises CriError: DeadlineExceeded when there is no answer in time."""
        seconds = call_seconds(method, request, default_seconds=self._default_seconds)
        if seconds is None:
            return await self._cri.call(method, request)
        try:
            async with timeout(int(seconds * 1e9)):
                return await self._cri.call(method, request)
        except TimeoutError:
            raise deadline_exceeded("context deadline exceeded") from None

    def stream(self, method: Method, request: Message) -> AsyncIterator[Message]:
        """Pass the stream on: a kubelet listens for events without end."""
        return self._cri.stream(method, request)
