"""Clients of the streaming benchmark that cost next to nothing: frames are made before the clock starts."""

from __future__ import annotations

import os
import selectors
import socket
import struct
import zlib
from time import perf_counter  # noqa: TID251 - a benchmark lives in real time
from urllib.parse import urlsplit

from kubesim.server.spdy.headers import DICTIONARY

WRITE_BYTES = 64 * 1024
RECEIVE_BYTES = 1 << 20


class Exec:
    """An upgraded connection of Exec with stdin and stdout. `framed` is what carries WRITE_BYTES of input."""

    framed: bytes

    def __init__(self, url: str, request: str) -> None:
        parts = urlsplit(url)
        assert parts.hostname is not None
        self.socket = socket.create_connection((parts.hostname, parts.port or 80))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.sendall(
            f"{request} {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: Upgrade\r\n".encode()
        )

    def wait_for_answer(self) -> None:
        """Read the head of the answer 101, byte by byte: what follows is counted."""
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += self.socket.recv(1)
        if b" 101 " not in head.partition(b"\r\n")[0]:
            raise ConnectionError(head.decode())


class SpdyExec(Exec):
    """Over SPDY, as client-go speaks it."""

    def __init__(self, url: str) -> None:
        super().__init__(url, "POST")
        self.socket.sendall(b"Upgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: v4.channel.k8s.io\r\n\r\n")
        self.wait_for_answer()
        packer = zlib.compressobj(9, zlib.DEFLATED, 15, 8, 0, DICTIONARY)
        for stream_id, kind in ((1, "error"), (3, "stdin"), (5, "stdout")):
            plain = struct.pack(">II", 1, 10) + b"streamtype" + struct.pack(">I", len(kind)) + kind.encode()
            payload = struct.pack(">IIH", stream_id, 0, 0) + packer.compress(plain) + packer.flush(zlib.Z_SYNC_FLUSH)
            self.socket.sendall(struct.pack(">HHI", 0x8003, 1, len(payload)) + payload)
        self.framed = struct.pack(">II", 3, WRITE_BYTES) + bytes(WRITE_BYTES)


class WebSocketExec(Exec):
    """Over a WebSocket, masked as clients have to."""

    def __init__(self, url: str) -> None:
        super().__init__(url, "GET")
        self.socket.sendall(
            b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            b"Sec-WebSocket-Protocol: v4.channel.k8s.io\r\n\r\n"
        )
        self.wait_for_answer()
        self.framed = MASKED_FRAME


def _masked_frame() -> bytes:
    mask = os.urandom(4)
    plain = b"\0" + bytes(WRITE_BYTES)
    masked = bytes(byte ^ mask[index % 4] for index, byte in enumerate(plain))
    return struct.pack(">BBQ", 0x82, 0xFF, len(plain)) + mask + masked


MASKED_FRAME = _masked_frame()


def echoed_seconds(connection: socket.socket, framed: bytes, writes: int, expected_bytes: int) -> float:
    """How long it takes to send `framed` so many times, and to get at least `expected_bytes` back."""
    connection.setblocking(False)
    with selectors.DefaultSelector() as selector:
        selector.register(connection, selectors.EVENT_READ | selectors.EVENT_WRITE)
        rest = memoryview(framed)
        received = 0
        into = bytearray(RECEIVE_BYTES)
        start = perf_counter()
        while received < expected_bytes:
            for _, events in selector.select(10):
                if events & selectors.EVENT_READ:
                    size = connection.recv_into(into)
                    if not size:
                        raise ConnectionError(f"the stream ended after {received} of {expected_bytes} bytes")
                    received += size
                if events & selectors.EVENT_WRITE:
                    rest = rest[connection.send(rest) :]
                    if not rest:
                        writes -= 1
                        if writes:
                            rest = memoryview(framed)
                        else:
                            selector.modify(connection, selectors.EVENT_READ)
        seconds = perf_counter() - start
    connection.setblocking(True)
    return seconds
