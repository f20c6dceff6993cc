"""A real socket that listens in place of an emulated program, and hands its connections into the world."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from kubesim.kernel import Kernel, RealTimePump, Task, sleep
from kubesim.server.pod_sockets.connection import Connection, reset
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.network.address import SocketAddress
from kubesim.userland.network.namespace import NetworkNamespace

BACKLOG = 128
ACCEPTED_AT_ONCE = 64
"""Connections that are taken in one turn of the loop, so that one busy port does not keep the others waiting."""

OUT_OF_FILES = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
RETRY_NS = 1_000_000_000
"""How long the machine has to find room for one more socket; meanwhile the clients wait in its kernel."""


class Listening:
    """Takes connections at a bound socket, for whoever listens at `target` of a namespace at that moment.

    Where nobody does a connection is reset, as a port that the node maps resets it. While the queue of the program is
    full no connection is taken: the machine's kernel holds them.
    """

    def __init__(
        self,
        kernel: Kernel,
        pump: RealTimePump,
        loop: asyncio.AbstractEventLoop,
        sock: socket.socket,
        namespace: NetworkNamespace,
        target: SocketAddress,
        source_of: Callable[[SocketAddress], SocketAddress],
        living: set[Connection],
    ) -> None:
        """`living` has the connections that are made here and elsewhere while they last."""
        self._kernel = kernel
        self._pump = pump
        self._loop = loop
        self._sock = sock
        self._namespace = namespace
        self._target = target
        self._source_of = source_of
        self._living = living
        self._opening: set[asyncio.Task[object]] = set()
        self._waiting: Task[None] | None = None
        self._is_closed = False
        self._is_due = False
        sock.setblocking(False)
        sock.listen(BACKLOG)
        loop.add_reader(sock, self._readable)

    def close(self) -> None:
        """Take no more; connections that were made go on."""
        if not self._is_closed:
            self._is_closed = True
            self._loop.remove_reader(self._sock)
            self._sock.close()
            if self._waiting is not None:
                self._waiting.cancel()

    def _readable(self) -> None:
        # While the kernel is late the loop says so at every turn.
        if not self._is_due:
            self._is_due = True
            self._pump.enter(self._accept)

    def _accept(self) -> None:
        """An event of the kernel."""
        self._is_due = False
        for _ in range(ACCEPTED_AT_ONCE):
            if self._is_closed:
                return
            listener = self._namespace.listener_at(self._target)
            if listener is not None and listener.is_full:
                self._pause(self._has_room)
                return
            try:
                sock, peer = self._sock.accept()
            except OSError as error:
                if error.errno in OUT_OF_FILES:
                    self._pause(partial(sleep, RETRY_NS))
                return  # or nobody is there any more
            self._accepted(sock, SocketAddress(peer[0], peer[1]))

    def _accepted(self, sock: socket.socket, peer: SocketAddress) -> None:
        try:
            stream = self._namespace.inject(self._target, self._source_of(peer))
        except FsError:
            reset(sock)
            return
        sock.setblocking(False)
        opening = self._loop.create_task(
            self._loop.connect_accepted_socket(lambda: Connection(self._kernel, self._pump, stream, self._living), sock)
        )
        self._opening.add(opening)
        opening.add_done_callback(self._opening.discard)

    def _pause(self, until: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Take no connections until something has come to its end."""
        self._loop.remove_reader(self._sock)

        async def wait() -> None:
            await until()
            self._waiting = None
            self._loop.add_reader(self._sock, self._readable)

        self._waiting = self._kernel.spawn(wait(), name="pod socket pause")

    async def _has_room(self) -> None:
        while (listener := self._namespace.listener_at(self._target)) is not None and listener.is_full:
            await listener.wait_changed()
