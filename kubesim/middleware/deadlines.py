"""The deadline that each call of a kubelet has, over whatever it calls.

The runtime knows it (CRI-O's stops share it out), and when it passes the call fails for the kubelet and is cancelled
for the runtime. Mirrors cri-client: pkg/remote_runtime.go.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Coroutine
from typing import Any, TypeVar

from google.protobuf.message import Message

from kubesim.cri.deadlines import BY_REQUEST, CALL_SECONDS, call_seconds
from kubesim.cri.errors import CriError, deadline_exceeded
from kubesim.cri.methods import Method
from kubesim.cri.protocol import Cri, ask_of, encoding, peek_of, repeat_of
from kubesim.kernel import within

T = TypeVar("T")


class Deadlines:
    """A `Cri` that waits as long as a kubelet's client does."""

    def __init__(self, cri: Cri, *, default_seconds: float = CALL_SECONDS) -> None:
        """`default_seconds` is the kubelet's runtimeRequestTimeout."""
        self._cri = cri
        self._call_encoded = encoding(cri)
        self.repeat = repeat_of(cri)
        # A question takes no time.
        self.ask, self.peek = ask_of(cri), peek_of(cri)
        self._default_seconds = default_seconds
        self._limits_ns: dict[Method, int] = {}

    def call(self, method: Method, request: Message) -> Coroutine[Any, Any, Message]:
        """Pass the call on. Raises CriError: DeadlineExceeded when there is no answer in time."""
        return self._in_time(method, request, self._cri.call(method, request))

    def call_encoded(self, method: Method, request: Message) -> Coroutine[Any, Any, bytes]:
        """As `call`, with the serialised answer."""
        return self._in_time(method, request, self._call_encoded(method, request))

    def _in_time(self, method: Method, request: Message, call: Coroutine[Any, Any, T]) -> Coroutine[Any, Any, T]:
        limit_ns = self._limits_ns.get(method)
        if limit_ns is None:
            seconds = call_seconds(method, request, default_seconds=self._default_seconds)
            if seconds is None:
                return call
            limit_ns = int(seconds * 1e9)
            if method.name not in BY_REQUEST:
                self._limits_ns[method] = limit_ns
        return within(limit_ns, call, late=_late)

    def stream(self, method: Method, request: Message) -> AsyncIterator[Message]:
        """Pass the stream on: a kubelet listens for events without end."""
        return self._cri.stream(method, request)


def _late() -> CriError:
    return deadline_exceeded("context deadline exceeded")
