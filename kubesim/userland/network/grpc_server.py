"""A gRPC server over HTTP/2 without TLS, on streams of the emulated network.

Rule 1: one task writes; nothing more is read, and nothing more is answered, while the client does not take what is to
go out. So what is held for a client has a bound, whatever it asks for.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import TypeAlias

from kubesim.kernel import Event, Task, TaskGroup, timeout
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.network.grpc_connection import Call, GrpcCode, GrpcConnection, GrpcError
from kubesim.userland.network.http_server import READ_BYTES, send
from kubesim.userland.network.stream import Listener, Stream
from kubesim.userland.processes.process_life import Process

HANDSHAKE_SECONDS = 120
"""How long a client may take to say that it speaks HTTP/2. Mirrors grpc-go: server.go, defaultServerOptions."""

_SECOND = 1_000_000_000

Answer: TypeAlias = Callable[[bytes], Awaitable[None]]
"""Sends one message, and waits until the client's flow control has let it go."""

Method: TypeAlias = Callable[[bytes, Answer], Awaitable[None]]
"""Takes the request's message. Raises GrpcError for a call that fails."""

Services: TypeAlias = Mapping[str, Mapping[str, Method]]


async def serve_calls(process: Process, listener: Listener, services: Services) -> None:
    """Answer whoever connects, until the task is cancelled."""
    async with TaskGroup() as group:
        while True:
            stream = await listener.accept()
            group.spawn(_serve_stream(process, stream, services), name=f"gRPC of process {process.host_pid}")


async def _serve_stream(process: Process, stream: Stream, services: Services) -> None:
    try:
        await answer_calls(process, stream, services)
    finally:
        stream.release()


async def answer_calls(process: Process, stream: Stream, services: Services) -> None:
    """Answer the calls of one connection until it is to be closed."""
    await _Server(process, stream, services).run()


class _Server:
    __slots__ = ("_changed", "_connection", "_group", "_is_writing", "_process", "_services", "_stream", "_tasks")

    def __init__(self, process: Process, stream: Stream, services: Services) -> None:
        self._process = process
        self._stream = stream
        self._services = services
        self._connection = GrpcConnection(services)
        self._group = TaskGroup()
        self._tasks: dict[int, Task[None]] = {}
        """Those who work on calls, by the call's number."""
        self._is_writing = False
        self._changed = Event()

    async def run(self) -> None:
        try:
            async with self._group:
                self._group.spawn(self._write(), name="writer of a gRPC connection")
                await self._read()
                self._group.cancel()
            rest = self._connection.data_to_send()
            if rest:  # why the connection ends, for a client that has room for it
                self._stream.write_now(rest)
        except FsError:
            return  # the client is gone

    async def _read(self) -> None:
        connection = self._connection
        try:
            async with timeout(HANDSHAKE_SECONDS * _SECOND):
                while not connection.has_begun:
                    if not await self._take():
                        return
        except TimeoutError:
            return
        while await self._take():
            await self._process.step()

    async def _take(self) -> bool:
        """Take what arrives; False when the connection is over."""
        await self._quiet()
        while (data := self._stream.read_now(READ_BYTES)) is None:
            await self._stream.wait_readable()
        if not data:
            return False
        for happening in self._connection.receive(data):
            if isinstance(happening, Call):
                task = self._group.spawn(self._answer(happening), name=f"gRPC {happening.method}")
                self._tasks[happening.number] = task
                task.watch(partial(self._answered, happening.number))
            elif (gone := self._tasks.get(happening.number)) is not None:
                gone.cancel()
        self._wake()
        return not self._connection.is_over

    def _answered(self, number: int, _: Task[None]) -> None:
        del self._tasks[number]

    async def _answer(self, call: Call) -> None:
        code, text = GrpcCode.OK, ""
        try:
            await self._services[call.service][call.method](call.message, partial(self._send, call.number))
        except GrpcError as error:
            code, text = error.code, error.text
        await self._quiet()
        self._connection.finish(call.number, code, text)
        self._wake()

    async def _send(self, number: int, message: bytes) -> None:
        await self._quiet()
        self._connection.send_message(number, message)
        self._wake()
        while self._connection.unsent_bytes(number):
            await self._changed.wait()

    # -- writing ------------------------------------------------------------------------------------------

    async def _write(self) -> None:
        while True:
            data = self._connection.data_to_send()
            self._is_writing = bool(data)
            if data:
                await send(self._stream, data)
            else:
                self._wake()
                await self._changed.wait()

    async def _quiet(self) -> None:
        """Wait until all that was to go out has gone to the client."""
        while self._is_writing:
            await self._changed.wait()

    def _wake(self) -> None:
        self._changed.set()
        self._changed.clear()
