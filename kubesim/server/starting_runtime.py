"""A runtime that answers before it is there: the socket opens first, and what stands behind it is made meanwhile.

A kubelet's first call is Version, which the profile answers. The world behind all other calls - images, userland, every
handler - takes longer to import than grpc itself, so it is made by the first call that needs it, or as soon as the loop
has nothing else to do.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Protocol

from google.protobuf.message import Message

from kubesim.cri import methods
from kubesim.cri.methods import Method
from kubesim.cri.protocol import EncodingCri, EncodingStreams
from kubesim.policy.runtime_profile import RuntimeProfile
from kubesim.runtime.version import version_response

if TYPE_CHECKING:
    # It comes with the runtime.
    from kubesim.runtime.daemon import Daemon


class Runtime(EncodingCri, EncodingStreams, Protocol):
    """What is made."""

    @property
    def daemon(self) -> Daemon:
        """What streams work on."""


class StartingRuntime:
    """The runtime of a profile; `make` makes it, once. It is a `Cri`, and gives encoded answers and streams too."""

    def __init__(self, profile: RuntimeProfile, make: Callable[[], Runtime]) -> None:
        self._profile = profile
        self._make = make
        self._made: Runtime | None = None

    def made(self) -> Runtime:
        """The runtime itself, made now if it was not."""
        if self._made is None:
            self._made = self._make()
        return self._made

    async def call(self, method: Method, request: Message) -> Message:
        """Answer a call. Raises CriError when it is refused."""
        if self._made is None and method is methods.VERSION:
            return version_response(self._profile)
        return await self.made().call(method, request)

    async def call_encoded(self, method: Method, request: Message) -> bytes:
        """Answer a call with the serialised response. Raises CriError when it is refused."""
        if self._made is None and method is methods.VERSION:
            return version_response(self._profile).SerializeToString()
        return await self.made().call_encoded(method, request)

    def stream(self, method: Method, request: Message) -> AsyncIterator[Message]:
        """Answer a call with a stream. Raises CriError when it is refused, or ends badly."""
        return self.made().stream(method, request)

    def stream_encoded(self, method: Method, request: Message) -> AsyncIterator[bytes]:
        """As `stream`, serialised."""
        return self.made().stream_encoded(method, request)
