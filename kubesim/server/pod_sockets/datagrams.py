"""A real UDP socket that stands for emulated ones, and who is answered through it."""

from __future__ import annotations

import asyncio
import socket
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from typing import TypeAlias

from kubesim.kernel import RealTimePump
from kubesim.userland.network.address import SocketAddress
from kubesim.userland.network.namespace import NetworkNamespace

DATAGRAM_BYTES_MAX = 65535
RECEIVED_AT_ONCE = 64
PEERS_MAX = 1024
"""Peers that are remembered for answers; the one that was silent for longest is forgotten first."""

_Way: TypeAlias = tuple[SocketAddress, SocketAddress]
"""A peer as the world knows it, and the address that it spoke to."""


class Datagrams:
    """Hands the datagrams of a bound socket to whoever has `target` of a namespace bound, and answers back."""

    def __init__(
        self,
        pump: RealTimePump,
        loop: asyncio.AbstractEventLoop,
        sock: socket.socket,
        namespace: NetworkNamespace,
        target: SocketAddress,
        source_of: Callable[[SocketAddress], SocketAddress],
    ) -> None:
        self._pump = pump
        self._loop = loop
        self._sock = sock
        self._namespace = namespace
        self._target = target
        self._source_of = source_of
        self._is_due = False
        self._is_closed = False
        self._peers: OrderedDict[_Way, _Answer] = OrderedDict()
        sock.setblocking(False)
        loop.add_reader(sock, self._readable)

    def close(self) -> None:
        """Take no more."""
        self._is_closed = True
        self._loop.remove_reader(self._sock)
        self._sock.close()
        while self._peers:
            self._forget_oldest()

    def _readable(self) -> None:
        # While the kernel is late the loop says so at every turn, and the datagrams wait or are lost in the machine's.
        if not self._is_due:
            self._is_due = True
            self._pump.enter(self._receive)

    def _receive(self) -> None:
        """An event of the kernel."""
        self._is_due = False
        if self._is_closed:
            return
        with suppress(OSError):  # there is nothing more
            for _ in range(RECEIVED_AT_ONCE):
                data, peer = self._sock.recvfrom(DATAGRAM_BYTES_MAX)
                self._arrived(data, peer)

    def _arrived(self, data: bytes, peer: tuple[str, int]) -> None:
        source = self._source_of(SocketAddress(peer[0], peer[1]))
        taker = self._namespace.datagrams_at(self._target, source)
        if taker is None:
            return
        local = taker.local
        # As the namespace names the sender of an answer.
        inside = SocketAddress(self._namespace.source_ip(source.ip), local.port) if local.is_any else local
        way = source, inside
        answer = self._peers.get(way)
        if answer is None or answer.peer != peer:
            answer = self._peers[way] = _Answer(self._sock, peer)
        if len(self._peers) > PEERS_MAX:
            self._forget_oldest()
        self._peers.move_to_end(way)
        # Each time: one peer may come to the same port by way of a host port, and is answered the way it came last.
        self._namespace.node.attach_outside(source, inside, answer)
        taker.take(data, source)

    def _forget_oldest(self) -> None:
        (source, inside), answer = self._peers.popitem(last=False)
        self._namespace.node.detach_outside(source, inside, answer)


class _Answer:
    """Sends to one real peer."""

    __slots__ = ("_sock", "peer")

    def __init__(self, sock: socket.socket, peer: tuple[str, int]) -> None:
        self._sock = sock
        self.peer = peer

    def __call__(self, data: bytes) -> None:
        with suppress(OSError):  # lost on its way: nobody tells the sender
            self._sock.sendto(data, self.peer)
