"""The one shape of a CRI endpoint, whether it serves, forwards, records or breaks calls."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, Protocol, runtime_checkable

from google.protobuf.message import Message

from kubesim.cri.methods import Method
from kubesim.kernel import Looks


class Cri(Protocol):
    """Something that answers CRI calls: a runtime, a client of a remote one, or a wrapper around another `Cri`.

    These are coroutines of kubesim's kernel, not of asyncio: a kernel task awaits them, and a call that needs no
    simulated time finishes without suspending. One method shape serves all 43 RPCs, so that a wrapper (journal,
    faults, profile gate) is written once.

    Whoever passes a call on lets go of the request before it waits for the answer (by `del request`, or because it only
    gives out the coroutine of what is behind): as a message that of a container takes ten kilobytes, and a thousand
    pods may wait at once.
    """

    async def call(self, method: Method, request: Message) -> Message:
        """Answers a method that does not stream.

        `request` is a `method.request_type`; the answer is a `method.response_type`. The endpoint neither changes
        the request nor keeps it, and the caller owns the answer. Raises CriError when the call is refused or fails.
        """
        ...

    def stream(self, method: Method, request: Message) -> AsyncIterator[Message]:
        """Answers a method with `method.server_streaming`, one `method.response_type` after the other.

        The end of the iteration is status OK. Raises CriError, at the first step or at a later one, when the call
        is refused or fails.
        """
        ...


@runtime_checkable
class EncodingCri(Cri, Protocol):
    """A `Cri` that can give its answers as bytes: for servers, which would only serialise them.

    A runtime keeps the rows of its lists serialised, and joins them without ever building the message.
    """

    async def call_encoded(self, method: Method, request: Message) -> bytes:
        """As `call`; the answer is the serialised `method.response_type`."""
        ...


Again = Callable[[bytes, Looks], object]
"""Notes that a call was answered as before, with this serialised answer, at each of these looks."""


def uncounted(_answer: bytes, _looks: Looks) -> None:
    """The `Again` of where repeated calls leave no trace: nobody has to call it."""


Repeat = Callable[[Method, Message], Again]
"""Gives what notes the repetitions of one call, for who makes it again and again with the same request."""

Ask = Callable[[Method, Message], "bytes | None"]
"""Answers a call at once with the serialised response, or raises CriError; None for one that may have to wait."""


@runtime_checkable
class SteadyCri(EncodingCri, Protocol):
    """A `Cri` that changes by nothing but events of the kernel: as long as none fires, it answers as it did."""

    @property
    def repeat(self) -> Repeat | None:
        """For calls that are answered as before, and so need not be made; None when what is behind is not steady."""
        ...

    @property
    def ask(self) -> Ask | None:
        """As `call_encoded`, for questions that need no simulated time; None when what is behind is not steady."""
        ...

    @property
    def peek(self) -> Ask | None:
        """What `ask` would give, without making the call: nobody sees it. None also where that would be an error."""
        ...


def repeat_of(cri: Cri) -> Repeat | None:
    """`repeat` of an endpoint; None for one that is not steady."""
    return cri.repeat if isinstance(cri, SteadyCri) else None


def ask_of(cri: Cri) -> Ask | None:
    """`ask` of an endpoint; None for one that is not steady."""
    return cri.ask if isinstance(cri, SteadyCri) else None


def peek_of(cri: Cri) -> Ask | None:
    """`peek` of an endpoint; None for one that is not steady."""
    return cri.peek if isinstance(cri, SteadyCri) else None


def encoding(cri: Cri) -> Callable[[Method, Message], Coroutine[Any, Any, bytes]]:
    """`call_encoded` of an endpoint, or for one without it, `call` with its answer serialised."""
    call_encoded: Callable[[Method, Message], Coroutine[Any, Any, bytes]] | None = getattr(cri, "call_encoded", None)
    if call_encoded is not None:
        return call_encoded

    async def call(method: Method, request: Message) -> bytes:
        return (await cri.call(method, request)).SerializeToString()

    return call


@runtime_checkable
class EncodingStreams(Cri, Protocol):
    """A `Cri` that can give its streams as bytes: for servers, which would only serialise the messages.

    A runtime serialises an event once, however many listen.
    """

    def stream_encoded(self, method: Method, request: Message) -> AsyncIterator[bytes]:
        """As `stream`; each item is a serialised `method.response_type`."""
        ...
