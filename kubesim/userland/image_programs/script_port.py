"""A port of a scripted program: when somebody listens on it, and what becomes of connections.

Rule 1: what the port's schedule says at an instant holds for whoever connects then; connections that are there already
stay as they are, and those that nobody has accepted are reset when nobody listens any more. Mirrors linux:
net/ipv4/inet_connection_sock.c, inet_csk_listen_stop.
Rule 2: a port has at most CONNECTIONS_MAX open connections; more wait until one of them ends.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeAlias

from kubesim.kernel import Event, Task, TaskGroup, sleep
from kubesim.model.service_script import GrpcService, HttpService, Listen
from kubesim.model.service_spec import TcpMode
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.image_programs.script_http import ScriptedHttp
from kubesim.userland.network.address import ANY_IPV6, SocketAddress
from kubesim.userland.network.http_server import send
from kubesim.userland.network.sockets import close_descriptor, listen
from kubesim.userland.network.stream import Listener, Stream
from kubesim.userland.processes.process_life import Process

CONNECTIONS_MAX = 1024
_READ_BYTES = 65536

ServeStream: TypeAlias = Callable[[Stream], Awaitable[None]]
"""Serves one connection until it is to be closed. May raise FsError."""


class ScriptPort:
    """One port of a running program. `start_ns` is when the program began."""

    __slots__ = ("_acceptor", "_connections_count", "_freed", "_group", "_listener", "_process", "_serve", "_spec",
                 "_start_ns")  # fmt: skip

    def __init__(self, process: Process, spec: Listen, start_ns: int) -> None:
        self._process = process
        self._spec = spec
        self._start_ns = start_ns
        self._listener: Listener | None = None
        self._acceptor: Task[None] | None = None
        self._group = TaskGroup()
        self._connections_count = 0
        self._freed: Event | None = None
        self._serve: ServeStream = self._hear
        if isinstance(spec.service, HttpService):
            self._serve = ScriptedHttp(process, spec.service, start_ns).serve_stream
        elif isinstance(spec.service, GrpcService):
            # Only whoever serves gRPC pays for what it brings.
            from kubesim.userland.image_programs.script_grpc import ScriptedGrpc

            self._serve = ScriptedGrpc(process, spec.service, start_ns).serve_stream

    def open(self) -> None:
        """Listen, if the schedule says so now. Raises FsError for a port that cannot be had, named by it."""
        self._listen_as(self._mode())

    async def run(self) -> None:
        """Follow the schedule and serve, until the task is cancelled. Raises FsError as `open` does."""
        async with self._group:
            while True:
                self._take_turn()
                change_ns = self._spec.modes.next_change_ns(self._elapsed_ns())
                if change_ns is None:
                    return  # whoever accepts goes on, and the group with it
                await sleep(change_ns - self._elapsed_ns())

    def _elapsed_ns(self) -> int:
        return self._process.kernel.now_ns - self._start_ns

    def _mode(self) -> TcpMode:
        return self._spec.modes.at(self._elapsed_ns())

    def _take_turn(self) -> None:
        mode = self._mode()
        self._listen_as(mode)
        accepts = mode not in ("refuse", "hang", "drop")
        if self._acceptor is not None and not accepts:
            self._acceptor.cancel()
            self._acceptor = None
        elif self._acceptor is None and accepts:
            assert self._listener is not None, "whoever accepts listens"
            name = f"port {self._spec.port} of process {self._process.host_pid}"
            self._acceptor = self._group.spawn(self._accept(self._listener), name=name)

    def _listen_as(self, mode: TcpMode) -> None:
        if mode == "refuse":
            if self._listener is not None:
                close_descriptor(self._process, self._listener)
                self._listener = None
            return
        if self._listener is None:
            try:
                everywhere = SocketAddress(ANY_IPV6, self._spec.port)
                self._listener = listen(self._process, everywhere, backlog=self._spec.backlog)
            except FsError as error:
                raise FsError(error.errno_name, f"port {self._spec.port}") from None
        self._listener.silence(is_silent=mode == "drop")

    # -- connections --------------------------------------------------------------------------------------

    async def _accept(self, listener: Listener) -> None:
        while True:
            while self._connections_count >= CONNECTIONS_MAX:
                self._freed = Event()
                await self._freed.wait()
            stream = await listener.accept()
            # Counted and held from here to the end of its task, also one that is cancelled before it began.
            self._connections_count += 1
            task = self._group.spawn(self._connection(stream, self._mode()), name="a connection")
            task.watch(partial(self._ended, stream))
            await self._process.step()

    def _ended(self, stream: Stream, _: Task[None]) -> None:
        stream.release()
        self._connections_count -= 1
        if self._freed is not None:
            self._freed.set()

    async def _connection(self, stream: Stream, mode: TcpMode) -> None:
        try:
            if mode == "reset":
                stream.abort()
            elif mode == "echo":
                await self._echo(stream)
            elif mode == "send":
                await send(stream, self._spec.banner)
                await self._hear(stream)
            elif mode == "accept":
                await self._serve(stream)
        except FsError:
            return  # it was reset, which ends a connection as well

    async def _hear(self, stream: Stream) -> None:
        """Read until the other side closes."""
        while await self._read(stream):
            await self._process.step()

    async def _echo(self, stream: Stream) -> None:
        while data := await self._read(stream):
            await send(stream, data)
            await self._process.step()

    @staticmethod
    async def _read(stream: Stream) -> bytes:
        while (data := stream.read_now(_READ_BYTES)) is None:
            await stream.wait_readable()
        return data
