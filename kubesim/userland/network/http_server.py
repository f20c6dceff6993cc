"""HTTP/1.1 over streams of the emulated network: the loop of a server, and the exchange of a client.

What a program answers, its headers and their order among them, is its own.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from email.utils import formatdate
from enum import StrEnum
from typing import TypeAlias

from kubesim.kernel import TaskGroup, timeout
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.network.address import SocketAddress
from kubesim.userland.network.http_message import (
    BadMessage,
    Body,
    RequestHead,
    ResponseHead,
    header_of,
    parse_request,
    request_body,
    split_head,
)
from kubesim.userland.network.stream import QUEUE_BYTES_MAX, Listener, Stream
from kubesim.userland.processes.process_life import Process

READ_BYTES = 65536
REQUEST_BODY_BYTES_MAX = 1024 * 1024
"""Longer bodies are refused: no emulated server has a use for them."""

IDLE_SECONDS = 60
_SECOND = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a client asked for."""

    head: RequestHead
    body: bytes
    local: SocketAddress
    peer: SocketAddress


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """What a server answers: the head as it goes out, and the body."""

    head: ResponseHead
    body: bytes = b""


class NoAnswer(StrEnum):
    """What a server does instead of answering."""

    HANG = "hang"
    """It says nothing, until the client is gone."""
    CLOSE = "close"
    RESET = "reset"


Respond: TypeAlias = Callable[[Request], Awaitable[Response | NoAnswer]]
Refuse: TypeAlias = Callable[[BadMessage], Response]


def http_date(now_ns: int) -> str:
    """A time as HTTP writes it.

    >>> http_date(0)
    'Thu, 01 Jan 1970 00:00:00 GMT'
    """
    return formatdate(now_ns // _SECOND, usegmt=True)


class MessageReader:
    """Takes heads and bodies off a stream."""

    __slots__ = ("_buffer", "_stream")

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._buffer = b""

    async def head(self) -> bytes | None:
        """The next head; None when the connection ends before one begins. Raises BadMessage and FsError."""
        while (found := split_head(self._buffer)) is None:
            data = await self._more()
            if not data:
                if self._buffer.strip(b"\r\n"):
                    raise BadMessage("the head is cut off")
                return None
            # Empty lines before a message are skipped, as RFC 9112 advises.
            self._buffer = (self._buffer + data).lstrip(b"\r\n")
        head, self._buffer = found
        return head

    async def part(self, body: Body) -> bytes:
        """The next bytes of a body, b"" once it is complete. Raises BadMessage and FsError."""
        while not body.is_complete:
            data, self._buffer = self._buffer, b""
            data = data or await self._more()
            if not data:
                body.finish()
                break
            part = body.feed(data)
            if part:
                return part
        self._buffer, body.rest = body.rest + self._buffer, b""
        return b""

    async def _more(self) -> bytes:
        while (data := self._stream.read_now(READ_BYTES)) is None:
            await self._stream.wait_readable()
        return data


async def send(stream: Stream, data: bytes) -> None:
    """Write all of it. Raises FsError."""
    # In parts: what does not fit is copied each time, and a client that reads little by little makes that often.
    view = memoryview(data)
    for start in range(0, len(data), QUEUE_BYTES_MAX):
        rest: bytes | None = bytes(view[start : start + QUEUE_BYTES_MAX])
        while (rest := stream.write_now(rest)) is not None:  # type: ignore[arg-type]  # it is None only once
            await stream.wait_writable()


async def serve(process: Process, listener: Listener, respond: Respond, refuse: Refuse) -> None:
    """Answer whoever connects, until the task is cancelled."""
    async with TaskGroup() as group:
        while True:
            stream = await listener.accept()
            group.spawn(serve_stream(process, stream, respond, refuse), name=f"http of process {process.host_pid}")


async def serve_stream(process: Process, stream: Stream, respond: Respond, refuse: Refuse) -> None:
    """Answer the requests of one connection, and let go of it."""
    try:
        await answer_requests(process, stream, respond, refuse)
    finally:
        stream.release()


async def answer_requests(process: Process, stream: Stream, respond: Respond, refuse: Refuse) -> None:
    """Answer the requests of one connection until it is to be closed."""
    reader = MessageReader(stream)
    try:
        while True:
            try:
                async with timeout(IDLE_SECONDS * _SECOND):
                    request = await _request(reader, stream)
            except BadMessage as error:
                await send(stream, _encoded(refuse(error), "GET"))
                return
            if request is None:
                return
            response = await respond(request)
            if isinstance(response, NoAnswer):
                await _leave_unanswered(stream, response)
                return
            await send(stream, _encoded(response, request.head.method))
            await process.step()
            closes = "close" in (header_of(response.head.headers, "connection") or "").lower()
            if closes or not request.head.keeps_alive:
                return
    except (FsError, TimeoutError):
        return  # the client is gone, or says nothing: a server forgets it


async def until_gone(stream: Stream) -> None:
    """Wait until the peer has let go of the connection, whatever it still sends."""
    while not stream.is_peer_gone:
        await stream.wait_changed()


async def _leave_unanswered(stream: Stream, how: NoAnswer) -> None:
    if how is NoAnswer.HANG:
        await until_gone(stream)
    elif how is NoAnswer.RESET:
        stream.abort()


async def _request(reader: MessageReader, stream: Stream) -> Request | None:
    raw = await reader.head()
    if raw is None:
        return None
    head = parse_request(raw)
    body = request_body(head)
    if body.left > REQUEST_BODY_BYTES_MAX:
        raise BadMessage("the body is too long", 413)
    content = bytearray()
    while part := await reader.part(body):
        content += part
        if len(content) > REQUEST_BODY_BYTES_MAX:
            raise BadMessage("the body is too long", 413)
    assert stream.peer is not None, "a stream has a peer"
    return Request(head=head, body=bytes(content), local=stream.local, peer=stream.peer)


def _encoded(response: Response, method: str) -> bytes:
    return response.head.encode() + (b"" if method == "HEAD" else response.body)
