"""A SPDY client of a streaming server, on a blocking socket, as far as tests need one."""

import json
import socket
import struct
import zlib
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from kubesim.server.spdy.headers import DICTIONARY

PROTOCOLS = ("v5.channel.k8s.io", "v4.channel.k8s.io", "v3.channel.k8s.io", "v2.channel.k8s.io", "channel.k8s.io")


def head(url: str, *, method: str = "POST", headers: Sequence[tuple[str, str]] = ()) -> bytes:
    """A request without a body."""
    parts = urlsplit(url)
    lines = [
        f"{method} {parts.path} HTTP/1.1",
        f"Host: {parts.netloc}",
        *(f"{name}: {value}" for name, value in headers),
    ]
    return "\r\n".join([*lines, "", ""]).encode()


def upgrade(url: str, protocols: Sequence[str] = PROTOCOLS) -> bytes:
    """The request of client-go."""
    named = [("X-Stream-Protocol-Version", protocol) for protocol in protocols]
    return head(url, headers=[("Connection", "Upgrade"), ("Upgrade", "SPDY/3.1"), *named, ("Content-Length", "0")])


def connect(url: str, timeout_seconds: float = 20) -> socket.socket:
    """A connection to the server of a URL."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    return socket.create_connection((parts.hostname, parts.port), timeout_seconds)


def answer_of(connection: socket.socket) -> tuple[int, dict[str, list[str]], bytes]:
    """Status, headers by names in lower case, and what came behind the head (all of a body with a length)."""
    data = b""
    while b"\r\n\r\n" not in data:
        part = connection.recv(65536)
        if not part:
            raise ConnectionError(f"the answer ends early: {data!r}")
        data += part
    top, _, rest = data.partition(b"\r\n\r\n")
    first, *lines = top.decode().split("\r\n")
    headers: dict[str, list[str]] = {}
    for line in lines:
        name, _, value = line.partition(": ")
        headers.setdefault(name.lower(), []).append(value)
    size = int(headers.get("content-length", ["0"])[0])
    while len(rest) < size:
        rest += connection.recv(65536)
    return int(first.split()[1]), headers, rest


class SpdyClient:
    """An upgraded connection. Output is gathered by stream."""

    def __init__(self, url: str, *, protocols: Sequence[str] = PROTOCOLS, sock: socket.socket | None = None) -> None:
        self.socket = connect(url) if sock is None else sock
        self.socket.sendall(upgrade(url, protocols))
        self.status, self.headers, self._rest = answer_of(self.socket)
        self._packer = zlib.compressobj(9, zlib.DEFLATED, 15, 8, 0, DICTIONARY)
        self._next_id = 1
        self.streams: dict[str, int] = {}
        self.data: dict[int, bytearray] = {}
        self.ended: set[int] = set()
        self.resets: dict[int, int] = {}
        self.replies: list[int] = []
        self.is_going_away = False

    def open(self, headers: dict[str, str], *, is_last: bool = False) -> int:
        """Open a stream; its number."""
        plain = struct.pack(">I", len(headers))
        for name, value in headers.items():
            for text in (name.lower(), value):
                plain += struct.pack(">I", len(text)) + text.encode()
        block = self._packer.compress(plain) + self._packer.flush(zlib.Z_SYNC_FLUSH)
        stream_id, self._next_id = self._next_id, self._next_id + 2
        payload = struct.pack(">IIBB", stream_id, 0, 0, 0) + block
        self.socket.sendall(struct.pack(">HHI", 0x8003, 1, int(is_last) << 24 | len(payload)) + payload)
        self.data[stream_id] = bytearray()
        return stream_id

    def open_streams(self, *kinds: str) -> None:
        """Open streams by their types, in order."""
        for kind in kinds:
            self.streams[kind] = self.open({"streamType": kind})

    def send(self, stream_id: int, data: bytes = b"", *, is_last: bool = False) -> None:
        """One frame of data."""
        self.socket.sendall(struct.pack(">II", stream_id, int(is_last) << 24 | len(data)) + data)

    def ping(self, number: int) -> None:
        """Ask for a sign of life."""
        self.socket.sendall(struct.pack(">HHII", 0x8003, 6, 4, number))

    def read_frame(self) -> bool:
        """Take one frame; False at the end of the connection."""
        first = self._take(8)
        if first is None:
            return False
        word, rest = struct.unpack(">II", first)
        payload = self._take(rest & 0xFFFFFF)
        assert payload is not None, "the connection ends within a frame"
        if not word & 0x80000000:
            self.data[word] += payload
            if rest >> 24 & 1:
                self.ended.add(word)
        elif word & 0xFFFF == 2:
            self.replies.append(struct.unpack(">I", payload[:4])[0])
        elif word & 0xFFFF == 3:
            stream_id, status = struct.unpack(">II", payload)
            self.resets[stream_id] = status
        elif word & 0xFFFF == 7:
            self.is_going_away = True
        return True

    def read_until_end(self) -> None:
        """Take everything that comes, and hang up."""
        while self.read_frame():
            pass
        self.close()

    def output(self, kind: str) -> bytes:
        """What came on a stream so far."""
        return bytes(self.data[self.streams[kind]])

    def result(self) -> Any:
        """The status on the error stream."""
        return json.loads(self.output("error"))

    def close(self) -> None:
        """Hang up."""
        self.socket.close()

    def _take(self, size: int) -> bytes | None:
        while len(self._rest) < size:
            part = self.socket.recv(1 << 18)
            if not part:
                assert not self._rest, f"left over: {self._rest!r}"
                return None
            self._rest += part
        data, self._rest = self._rest[:size], self._rest[size:]
        return data
