"""The journal: every CRI call, with its time, request, and answer.

`Journal` wraps any `Cri`. It keeps the entries in memory (the last `entries_max` of them) and hands each to `sink`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

from kubesim.cri.errors import CriError
from kubesim.cri.methods import Method
from kubesim.cri.protocol import Cri
from kubesim.kernel import Cancelled, Kernel

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
    method: str
    request: Message
    response: Message | None = None
    error: CriError | None = None

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready: field names as in the proto, ids and enum names as text."""
        row: dict[str, Any] = {"time_ns": self.time_ns, "end_ns": self.end_ns, "method": self.method}
        row["request"] = message_dict(self.request)
        if self.error is not None:
            row["error"] = {"code": self.error.code.name, "message": self.error.message}
        elif self.response is not None:
            row["response"] = message_dict(self.response)
        return row


def message_dict(message: Message) -> Mapping[str, Any]:
    """A message as plain data, with the proto's own field names."""
    return MessageToDict(message, preserving_proto_field_name=True)


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
        self._kernel = kernel
        self._sink = sink
        self.entries: deque[JournalEntry] = deque(maxlen=entries_max)

    async def call(self, method: Method, request: Message) -> Message:
        """Pass the call on and write it down."""
        time_ns = self._kernel.now_ns
        try:
            response = await self._cri.call(method, request)
        except CriError as error:
            self._write(method, request, time_ns, error=error)
            raise
        except Cancelled:
            self._write(method, request, time_ns, error=_cancelled())
            raise
        self._write(method, request, time_ns, response=response)
        return response

    async def stream(self, method: Method, request: Message) -> AsyncIterator[Message]:
        """Pass the stream on and write down each message."""
        time_ns = self._kernel.now_ns
        try:
            async for response in self._cri.stream(method, request):
                self._write(method, request, time_ns, response=response)
                yield response
        except CriError as error:
            self._write(method, request, time_ns, error=error)
            raise

    def _write(
        self,
        method: Method,
        request: Message,
        time_ns: int,
        *,
        response: Message | None = None,
        error: CriError | None = None,
    ) -> None:
        entry = JournalEntry(
            time_ns=time_ns,
            end_ns=self._kernel.now_ns,
            method=method.name,
            request=request,
            response=response,
            error=error,
        )
        self.entries.append(entry)
        if self._sink is not None:
            self._sink(entry)


def _cancelled() -> CriError:
    from kubesim.cri.errors import Code

    return CriError(Code.CANCELLED, "context canceled")
