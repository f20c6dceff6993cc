"""Streams that were asked for and not opened yet: a token in a URL stands for the request, once and for a minute.

Mirrors Kubernetes: staging/src/k8s.io/cri-streaming/pkg/streaming/request_cache.go, which both runtimes use.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections import OrderedDict

from google.protobuf.message import Message

from kubesim.kernel import Kernel

PENDING_MAX = 1000
"""Mirrors maxInFlight."""

TOKEN_BYTES = 6
"""Eight characters of base64."""

LIFE_NS = 60_000_000_000
"""Mirrors cacheTTL."""


class PendingStreams:
    """Requests of Exec, Attach and PortForward by their tokens, oldest first."""

    __slots__ = ("_kernel", "_requests")

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._requests: OrderedDict[str, tuple[int, Message]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._requests)

    def add(self, request: Message) -> str | None:
        """Keep a request; its token, or None when there are too many."""
        self._forget_old()
        if len(self._requests) >= PENDING_MAX:
            return None
        token = self._token()
        while token in self._requests:
            token = self._token()
        kept = type(request)()
        kept.CopyFrom(request)
        self._requests[token] = (self._kernel.now_ns + LIFE_NS, kept)
        return token

    def take(self, token: str) -> Message | None:
        """The request of a token, which is used up by this; None when it is unknown, used or too old."""
        self._forget_old()
        _, request = self._requests.pop(token, (0, None))
        return request

    def _token(self) -> str:
        return urlsafe_b64encode(bytes.fromhex(self._kernel.ids.hex(2 * TOKEN_BYTES))).decode()

    def _forget_old(self) -> None:
        now_ns = self._kernel.now_ns
        while self._requests:
            token, (ends_ns, _) = next(iter(self._requests.items()))
            if ends_ns >= now_ns:
                return
            del self._requests[token]
