"""A real socket that listens in place of an emulated program, and hands its connections into the world."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

from kubesim.kernel import Kernel, RealTimePump, Task
from kubesim.server.pod_sockets.connection import Connection, reset
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.network.address import SocketAddress
from kubesim.userland.network.namespace import NetworkNamespace

BACKLOG = 128
ACCEPTED_AT_ONCE = 64
"""Connections that are taken in one turn of the loop, so that one busy port does not keep the others waiting."""


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
    ) -> None:
        self._kernel = kernel
        self._pump = pump
        self._loop = loop
        self._sock = sock
        self._namespace = namespace
        self._target = target
        self._source_of = source_of
        self._opening: set[asyncio.Task[object]] = set()
        self._waiting: Task[None] | None = None
        self._is_closed = False
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
        self._pump.enter(self._accept)

    def _accept(self) -> None:
        """An event of the kernel."""
        for _ in range(ACCEPTED_AT_ONCE):
            if self._is_closed:
                return
            listener = self._namespace.listener_at(self._target)
            if listener is not None and listener.is_full:
                self._loop.remove_reader(self._sock)
                self._waiting = self._kernel.spawn(self._wait_for_room(), name="pod socket backlog")
                return
            try:
                sock, peer = self._sock.accept()
            except OSError:  # nobody is there any more, or the machine has no descriptor left for it
                return
            self._accepted(sock, SocketAddress(peer[0], peer[1]))

    def _accepted(self, sock: socket.socket, peer: SocketAddress) -> None:
        try:
            stream = self._namespace.inject(self._target, self._source_of(peer))
        except FsError:
            reset(sock)
            return
        sock.setblocking(False)
        opening = self._loop.create_task(
            self._loop.connect_accepted_socket(lambda: Connection(self._kernel, self._pump, stream), sock)
        )
        self._opening.add(opening)
        opening.add_done_callback(self._opening.discard)

    async def _wait_for_room(self) -> None:
        while (listener := self._namespace.listener_at(self._target)) is not None and listener.is_full:
            await listener.wait_changed()
        self._waiting = None
        if not self._is_closed:
            self._loop.add_reader(self._sock, self._readable)
