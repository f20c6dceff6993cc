"""A real UDP socket that stands for emulated ones, and who is answered through it."""

from __future__ import annotations

import asyncio
import socket
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from kubesim.kernel import RealTimePump
from kubesim.userland.network.address import PORT_MAX, SocketAddress
from kubesim.userland.network.namespace import NetworkNamespace

DATAGRAM_BYTES_MAX = 65535
UNPRIVILEGED_PORT_FIRST = 1024
RECEIVED_AT_ONCE = 64
PEERS_MAX = 1024
"""Peers that are remembered for answers; the one that was silent for longest is forgotten first."""


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
        self._peers: OrderedDict[tuple[str, int], SocketAddress] = OrderedDict()
        """What the world knows of each real address, the one heard of last at the end."""
        sock.setblocking(False)
        loop.add_reader(sock, self._readable)

    def close(self) -> None:
        """Take no more."""
        self._loop.remove_reader(self._sock)
        self._sock.close()
        while self._peers:
            self._forget_oldest()

    def _readable(self) -> None:
        for _ in range(RECEIVED_AT_ONCE):
            try:
                data, peer = self._sock.recvfrom(DATAGRAM_BYTES_MAX)
            except OSError:  # nothing more, or an answer that could not be delivered
                return
            self._pump.enter(self._arrived, data, peer)

    def _arrived(self, data: bytes, peer: tuple[str, int]) -> None:
        source = self._peers.get(peer) or self._known_as(peer)
        taker = self._namespace.datagrams_at(self._target, source)
        if taker is None:
            return
        if peer not in self._peers:
            if len(self._peers) >= PEERS_MAX:
                self._forget_oldest()
            self._namespace.node.attach_outside(source, partial(self._answer, peer))
            self._peers[peer] = source
        self._peers.move_to_end(peer)
        taker.take(data, source)

    def _known_as(self, peer: tuple[str, int]) -> SocketAddress:
        """An address that nobody else outside has, on another port where one peer speaks to two sockets."""
        source = self._source_of(SocketAddress(peer[0], peer[1]))
        node = self._namespace.node
        while node.is_attached_outside(source):
            port = source.port + 1 if source.port < PORT_MAX else UNPRIVILEGED_PORT_FIRST
            source = SocketAddress(source.ip, port)
        return source

    def _forget_oldest(self) -> None:
        _, source = self._peers.popitem(last=False)
        self._namespace.node.detach_outside(source)

    def _answer(self, peer: tuple[str, int], data: bytes, _sender: SocketAddress) -> None:
        with suppress(OSError):  # a datagram that is lost on its way
            self._sock.sendto(data, peer)
