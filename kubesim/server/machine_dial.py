"""Connections of an emulated kubelet over the machine's own network, to the pods of a runtime behind a socket.

Each is a real socket on one side and an emulated stream on the other: what the kubelet does with it is the same code
as in virtual time.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl

from kubesim.kernel import Cancelled, Kernel, Promise, RealTimePump
from kubesim.policy.go_net_error import address_text, dial_error
from kubesim.server.pod_sockets.connection import Connection
from kubesim.userland.network.address import SocketAddress
from kubesim.userland.network.socket_file import SocketFile
from kubesim.userland.network.stream import Stream

_PLAIN_ANSWERS = frozenset({"HTTP_REQUEST", "WRONG_VERSION_NUMBER"})
"""What OpenSSL calls a server that answers in plain text."""


class MachineDial:
    """Makes connections on the asyncio loop that the pump runs on."""

    def __init__(self, kernel: Kernel, pump: RealTimePump) -> None:
        self._kernel = kernel
        self._pump = pump
        self._loop = asyncio.get_running_loop()
        self._living: set[Connection] = set()
        self._tls: ssl.SSLContext | None = None

    def close(self) -> None:
        """Cut the connections that are left."""
        for connection in list(self._living):
            connection.abort()

    async def plain(self, host: str, port: int) -> Stream:
        """A connection. Raises OSError with Go's text."""
        return await self._dial(host, port, None)

    async def secure(self, host: str, port: int) -> Stream:
        """A connection with TLS, whose certificates nobody checks. Raises OSError with Go's text."""
        if self._tls is None:
            self._tls = ssl.create_default_context()
            self._tls.check_hostname = False
            self._tls.verify_mode = ssl.CERT_NONE
        return await self._dial(host, port, self._tls)

    async def _dial(self, host: str, port: int, tls: ssl.SSLContext | None) -> Stream:
        address = SocketAddress(host, port)
        near, far = _pair(address)
        promise = Promise[SocketAddress]()
        work = self._loop.create_task(self._connect(address, far, tls, promise))
        try:
            near.local = await promise.wait()
        except Cancelled:
            # The caller's time is over. A connection that comes about all the same is let go of.
            work.cancel()
            near.release()
            raise
        return near

    async def _connect(
        self, address: SocketAddress, far: Stream, tls: ssl.SSLContext | None, promise: Promise[SocketAddress]
    ) -> None:
        try:
            transport, _ = await self._loop.create_connection(
                lambda: Connection(self._kernel, self._pump, far, self._living), address.ip, address.port, ssl=tls
            )
        except OSError as error:
            self._pump.enter(promise.fail, OSError(_go_text(error, address)))
            return
        host, port = transport.get_extra_info("sockname")[:2]
        self._pump.enter(promise.resolve, SocketAddress(host, port))


class _Nobody:
    """The owner of streams that are in no namespace."""

    def forget(self, socket: SocketFile) -> None:
        """Nothing remembers it."""


def _pair(peer: SocketAddress) -> tuple[Stream, Stream]:
    """Two ends of one connection: that of the kubelet, and the one that the real socket hangs on."""
    unknown = SocketAddress("0.0.0.0", 0)  # noqa: S104 - until the machine has chosen an address
    near = Stream(_Nobody(), unknown, peer, inode=0, uid=0)
    far = Stream(_Nobody(), peer, unknown, inode=0, uid=0)
    near.other, far.other = far, near
    near.hold()
    far.hold()
    return near, far


def _go_text(error: OSError, address: SocketAddress) -> str:
    """What Go says of a connection that was not made."""
    if isinstance(error, ssl.SSLError):
        if error.reason in _PLAIN_ANSWERS:
            return "http: server gave HTTP response to HTTPS client"
        return f"tls: {(error.reason or str(error)).lower().replace('_', ' ')}"
    if isinstance(error, socket.gaierror):
        return f"dial tcp: lookup {address.ip}: no such host"
    target = address_text(address.ip, address.port)
    return dial_error("tcp", target, os.strerror(error.errno) if error.errno else str(error))
