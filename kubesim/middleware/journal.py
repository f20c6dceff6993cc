"""The journal: every CRI call, with its time, request, and answer.

`Journal` wraps any `Cri`. It keeps the entries in memory (the last `entries_max` of them) and hands each to `sink`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any, TypeVar

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

from kubesim.cri.errors import Code, CriError
from kubesim.cri.legacy_methods import LEGACY_METHODS
from kubesim.cri.methods import METHODS, Method
from kubesim.cri.protocol import Again, Ask, Cri, Repeat, ask_of, encoding, peek_of, repeat_of, uncounted
from kubesim.kernel import Cancelled, Kernel, Looks
from kubesim.middleware.journal_pages import Pages, Row

Answer = TypeVar("Answer", Message, bytes)

ENTRIES_MAX = 1_000_000
"""Entries kept in memory: a day of a real kubelet's calls. Older ones are dropped; a sink sees all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalEntry:
    """One call, written down when it ended; each message of a stream is an entry of its own.

    `time_ns` is when it began and `end_ns` when it ended, in ns since the Unix epoch. Exactly one of `response` and
    `error` is set; a cancelled call has the error Canceled.
    """

    time_ns: int
    end_ns: int
    rpc: Method
    request_bytes: bytes
    response_bytes: bytes | None
    error: CriError | None

    @property
    def method(self) -> str:
        """The name of the RPC, such as `RunPodSandbox`."""
        return self.rpc.name

    @property
    def request(self) -> Message:
        """What was asked: a message of its own at each look."""
        return self.rpc.request_type.FromString(self.request_bytes)

    @property
    def response(self) -> Message | None:
        """What was answered: a message of its own at each look. None when the call failed."""
        return None if self.response_bytes is None else self.rpc.response_type.FromString(self.response_bytes)

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready: field names as in the proto, ids and enum names as text."""
        row: dict[str, Any] = {"time_ns": self.time_ns, "end_ns": self.end_ns, "method": self.method}
        row["request"] = message_dict(self.request)
        if self.error is not None:
            row["error"] = {"code": self.error.code.name, "message": self.error.message}
        elif (response := self.response) is not None:
            row["response"] = message_dict(response)
        return row


def message_dict(message: Message) -> Mapping[str, Any]:
    """A message as plain data, with the proto's own field names."""
    return MessageToDict(message, preserving_proto_field_name=True)


_BY_PATH = {method.full_name: method for method in chain(METHODS.values(), *LEGACY_METHODS.values())}


class Journal:
    """A `Cri` that writes down what passes through it."""

    def __init__(
        self,
        cri: Cri,
        kernel: Kernel,
        *,
        sink: Callable[[JournalEntry], object] | None = None,
        entries_max: int = ENTRIES_MAX,
    ) -> None:
        self._cri = cri
        self._call_encoded = encoding(cri)
        self._repeat = repeat_of(cri)
        self._ask, self._peek = ask_of(cri), peek_of(cri)
        self._kernel = kernel
        self._sink = sink
        if sink is not None:
            # It sees each call when it is made.
            kernel.idles_one_by_one = True
        self._pages = Pages(entries_max)

    @property
    def entries(self) -> list[JournalEntry]:
        """What is kept, oldest first."""
        return [_entry(row) for row in self._pages]

    @property
    def repeat(self) -> Repeat | None:
        """Writes down calls that were answered as before; None when what is behind can change unseen."""
        repeat = self._repeat
        return None if repeat is None else lambda method, request: self._written_again(method, request, repeat)

    @property
    def ask(self) -> Ask | None:
        """Writes down questions that are answered at once; None when what is behind is not steady."""
        if self._ask is None:
            return None
        kernel, append, sink = self._kernel, self._pages.append, self._sink

        def asked(method: Method, request: Message) -> bytes | None:
            ask = self._ask
            if ask is None:
                return None
            try:
                answer = ask(method, request)
            except CriError as error:
                self._write(method, request.SerializeToString(), kernel.now_ns, None, error)
                raise
            if answer is not None:
                now_ns = kernel.now_ns
                row = (now_ns, now_ns, method.full_name, request.SerializeToString(), answer, None)
                append(row)
                if sink is not None:
                    sink(_entry(row))
            return answer

        return asked

    @property
    def peek(self) -> Ask | None:
        """Who peeks makes no call."""
        return None if self._peek is None else self._peeked

    def _written_again(self, method: Method, request: Message, repeat: Repeat) -> Again:
        asked, again, append = request.SerializeToString(), repeat(method, request), self._pages.append_at
        call = (method.full_name, asked, b"")
        is_counted = again is not uncounted

        def write_again(response: bytes, looks: Looks) -> None:
            nonlocal call
            if is_counted:
                again(response, looks)
            if looks.stretch is None:
                self._write(method, asked, looks.last_ns, response)
                return
            if call[2] is not response:
                call = (method.full_name, asked, response)
            append(looks, call)

        return write_again

    def call(self, method: Method, request: Message) -> Coroutine[Any, Any, Message]:
        """Pass the call on and write it down."""
        # The answer is written as bytes: a message of it is made once, for the caller.
        call = self._call_encoded(method, request)
        return self._written(method, request.SerializeToString(), call, method.response_type.FromString)

    def call_encoded(self, method: Method, request: Message) -> Coroutine[Any, Any, bytes]:
        """As `call`, with the serialised answer."""
        return self._written(method, request.SerializeToString(), self._call_encoded(method, request), bytes)

    def _peeked(self, method: Method, request: Message) -> bytes | None:
        return None if self._peek is None else self._peek(method, request)

    async def _written(
        self, method: Method, asked: bytes, call: Coroutine[Any, Any, bytes], given: Callable[[bytes], Answer]
    ) -> Answer:
        time_ns = self._kernel.now_ns
        try:
            answer = await call
        except (CriError, Cancelled) as error:
            self._write(method, asked, time_ns, None, error)
            raise
        row = (time_ns, self._kernel.now_ns, method.full_name, asked, answer, None)
        self._pages.append(row)
        if self._sink is not None:
            self._sink(_entry(row))
        return given(answer)

    async def stream(self, method: Method, request: Message) -> AsyncIterator[Message]:
        """Pass the stream on and write down each message."""
        time_ns, asked = self._kernel.now_ns, request.SerializeToString()
        try:
            async for response in self._cri.stream(method, request):
                self._write(method, asked, time_ns, response.SerializeToString())
                yield response
        except CriError as error:
            self._write(method, asked, time_ns, None, error)
            raise

    def _write(
        self,
        method: Method,
        request: bytes,
        time_ns: int,
        response: bytes | None,
        error: CriError | Cancelled | None = None,
    ) -> None:
        row = (
            time_ns,
            self._kernel.now_ns,
            method.full_name,
            request,
            response,
            None if error is None else _code_and_message(error),
        )
        self._pages.append(row)
        if self._sink is not None:
            self._sink(_entry(row))


def _entry(row: Row) -> JournalEntry:
    time_ns, end_ns, method, request, response, error = row
    return JournalEntry(
        time_ns=time_ns,
        end_ns=end_ns,
        rpc=_BY_PATH[method],
        request_bytes=request,
        response_bytes=response,
        error=None if error is None else CriError(Code(error[0]), error[1]),
    )


def _code_and_message(error: CriError | Cancelled) -> tuple[int, str]:
    """What the caller gets of an error, without the frames that it went through: those hold all they worked on."""
    if isinstance(error, CriError):
        return int(error.code), error.message
    return int(Code.CANCELLED), "context canceled"
