"""The deadline that each call of a kubelet has, over whatever it calls.

The runtime knows it (CRI-O's stops share it out), and when it passes the call fails for the kubelet and is cancelled
for the runtime. Mirrors cri-client: pkg/remote_runtime.go.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Coroutine
from typing import Any, TypeVar

from google.protobuf.message import Message

from kubesim.cri.deadlines import CALL_SECONDS, call_seconds
from kubesim.cri.errors import deadline_exceeded
from kubesim.cri.methods import Method
from kubesim.cri.protocol import Cri, encoding, repeat_of
from kubesim.kernel import within

T = TypeVar("T")


class Deadlines:
    """A `Cri` that waits as long as a kubelet's client does."""

    def __init__(self, cri: Cri, *, default_seconds: float = CALL_SECONDS) -> None:
        """`default_seconds` is the kubelet's runtimeRequestTimeout."""
        self._cri = cri
        self._call_encoded = encoding(cri)
        self.repeat = repeat_of(cri)
        self._default_seconds = default_seconds

    async def call(self, method: Method, request: Message) -> Message:
        """Pass the call on. Raises CriError: DeadlineExceeded when there is no answer in time."""
        call = _in_time(self._seconds(method, request), self._cri.call(method, request))
        del request
        return await call

    async def call_encoded(self, method: Method, request: Message) -> bytes:
        """As `call`, with the serialised answer."""
        call = _in_time(self._seconds(method, request), self._call_encoded(method, request))
        del request
        return await call

    def _seconds(self, method: Method, request: Message) -> float | None:
        return call_seconds(method, request, default_seconds=self._default_seconds)

    def stream(self, method: Method, request: Message) -> AsyncIterator[Message]:
        """Pass the stream on: a kubelet listens for events without end."""
        return self._cri.stream(method, request)


async def _in_time(seconds: float | None, call: Coroutine[Any, Any, T]) -> T:
    if seconds is None:
        return await call
    try:
        return await within(int(seconds * 1e9), call)
    except TimeoutError:
        raise deadline_exceeded("context deadline exceeded") from None
