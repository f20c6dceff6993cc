"""Sockets as a program asks for them: with its user and capabilities, and as descriptors of it."""

from __future__ import annotations

from kubesim.kernel import timeout
from kubesim.userland.files.credentials import CAP_NET_BIND_SERVICE
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.files.open_file import OpenFile
from kubesim.userland.network.address import SocketAddress
from kubesim.userland.network.datagram import DatagramSocket
from kubesim.userland.network.stream import Listener, Stream
from kubesim.userland.processes.process_life import Process


def take_descriptor(process: Process, file: OpenFile) -> int:
    """Give a file the lowest free descriptor from 3 on."""
    taken = process.descriptors()
    fd = next(number for number in range(3, len(taken) + 4) if number not in taken)
    process.set_file(fd, file)
    return fd


def listen(process: Process, local: SocketAddress, *, backlog: int = 128) -> Listener:
    """A listener as a descriptor of the process. Raises FsError: EACCES, EADDRINUSE, EADDRNOTAVAIL."""
    who = process.credentials
    listener = process.network.listen(local, backlog=backlog, uid=who.uid, is_privileged=who.has(CAP_NET_BIND_SERVICE))
    take_descriptor(process, listener)
    return listener


def bind_datagrams(process: Process, local: SocketAddress) -> DatagramSocket:
    """A datagram socket as a descriptor of the process. Raises FsError: EACCES, EADDRINUSE, EADDRNOTAVAIL."""
    who = process.credentials
    socket = process.network.bind_datagrams(local, uid=who.uid, is_privileged=who.has(CAP_NET_BIND_SERVICE))
    take_descriptor(process, socket)
    return socket


async def connect(
    process: Process, target: SocketAddress, *, source_port: int = 0, timeout_ns: int | None = None
) -> Stream:
    """A connection, held once for the caller. Raises FsError as connect(2), and ETIMEDOUT after `timeout_ns`."""
    who = process.credentials
    asked = process.network.connect(
        target, uid=who.uid, source_port=source_port, is_privileged=who.has(CAP_NET_BIND_SERVICE)
    )
    if timeout_ns is None:
        return await asked
    try:
        async with timeout(timeout_ns):
            return await asked
    except TimeoutError:
        raise FsError("ETIMEDOUT") from None


def close_descriptor(process: Process, file: OpenFile) -> None:
    """Close whichever descriptors of the process stand for the file."""
    for fd in [fd for fd, other in process.descriptors().items() if other is file]:
        process.close(fd)
