"""A client of gRPC's health service on virtual time: h2's, over a connection into a pod."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
)

from kubesim.userland.files.fs_error import FsError
from kubesim.userland.network.address import SocketAddress
from kubesim.userland.network.namespace import NetworkNamespace

from .conftest import World

CHECK, LIST, WATCH = (f"/grpc.health.v1.Health/{method}" for method in ("Check", "List", "Watch"))
SERVING, NOT_SERVING, SERVICE_UNKNOWN = b"\x08\x01", b"\x08\x02", b"\x08\x03"


@dataclass(slots=True)
class Answer:
    """What came back on one stream."""

    headers: dict[str, str] = field(default_factory=dict)
    data: bytearray = field(default_factory=bytearray)
    trailers: dict[str, str] = field(default_factory=dict)
    is_over: bool = False
    reset_code: int | None = None

    @property
    def messages(self) -> list[bytes]:
        found, rest = [], bytes(self.data)
        while rest:
            assert rest[0] == 0
            size = int.from_bytes(rest[1:5], "big")
            found.append(rest[5 : 5 + size])
            rest = rest[5 + size :]
        return found

    @property
    def status(self) -> tuple[int, str]:
        """The code and words of gRPC, wherever they came."""
        found = self.headers | self.trailers
        return int(found["grpc-status"]), found["grpc-message"]


class HealthClient:
    """One HTTP/2 connection to the server."""

    def __init__(self, world: World, pod: NetworkNamespace, address: SocketAddress) -> None:
        self.world = world
        self.stream = pod.inject(address, SocketAddress("192.0.2.9", 40000))
        config = H2Configuration(validate_outbound_headers=False, normalize_outbound_headers=False)
        self.h2 = H2Connection(config)
        self.h2.initiate_connection()
        self.answers: dict[int, Answer] = {}
        self.events: list[Event] = []
        self.flush()

    def flush(self) -> None:
        data = self.h2.data_to_send()
        assert not data or self.stream.write_now(data) is None
        self.world.advance(0)
        try:
            while arrived := self.stream.read_now(1 << 20):
                for event in self.h2.receive_data(arrived):
                    self.take(event)
        except FsError:
            self.events.append(ConnectionTerminated())

    def take(self, event: Any) -> None:
        self.events.append(event)
        answer = self.answers.get(getattr(event, "stream_id", 0))
        if isinstance(event, ResponseReceived):
            answer.headers = texts(event.headers)
        elif isinstance(event, DataReceived):
            answer.data += event.data
        elif isinstance(event, TrailersReceived):
            answer.trailers = texts(event.headers)
        elif isinstance(event, StreamEnded):
            answer.is_over = True
        elif isinstance(event, StreamReset):
            answer.reset_code = event.error_code

    def call(self, path: str, body: bytes = b"\0\0\0\0\0", *, end: bool = True, **headers: str) -> Answer:
        """Send a request and read what comes at once."""
        number = self.h2.get_next_available_stream_id()
        answer = self.answers[number] = Answer()
        wanted = {":method": "POST", ":scheme": "http", ":authority": "a", ":path": path}
        wanted |= {"content-type": "application/grpc", "te": "trailers"}
        wanted |= {name.replace("_", "-"): text for name, text in headers.items()}
        if "method" in wanted:
            wanted[":method"] = wanted.pop("method")
        self.h2.send_headers(number, list(wanted.items()), end_stream=end and not body)
        for start in range(0, len(body), 16384):
            self.h2.send_data(number, body[start : start + 16384], end_stream=end and start + 16384 >= len(body))
        self.flush()
        return answer

    def later(self, seconds: float) -> None:
        self.world.advance(seconds)
        self.flush()


def texts(headers: Any) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in headers}


def framed(message: bytes, flag: int = 0) -> bytes:
    return bytes([flag]) + len(message).to_bytes(4, "big") + message


def asking(service: str) -> bytes:
    """A HealthCheckRequest."""
    name = service.encode()
    return framed(b"\x0a" + bytes([len(name)]) + name if name else b"")
