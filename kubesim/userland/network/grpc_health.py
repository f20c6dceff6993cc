"""The health service of gRPC: its messages, and what its methods answer.

Mirrors grpc-go: health/server.go; grpc: src/proto/grpc/health/v1/health.proto.
"""

from __future__ import annotations

from typing import Protocol

from kubesim.model.service_spec import HealthStatus
from kubesim.userland.network.grpc_connection import GrpcCode, GrpcError
from kubesim.userland.network.grpc_server import Answer, Services

HEALTH_SERVICE = "grpc.health.v1.Health"
SERVICES_LISTED_MAX = 100

NUMBERS: dict[HealthStatus, int] = {"UNKNOWN": 0, "SERVING": 1, "NOT_SERVING": 2, "SERVICE_UNKNOWN": 3}

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_WIDTHS = {_FIXED64: 8, _FIXED32: 4}


class Health(Protocol):
    """Where the statuses come from."""

    def services(self) -> list[str]:
        """The names there are now, in order."""

    def status(self, service: str) -> HealthStatus | None:
        """The status of a service now, None when there is none of this name."""

    async def wait_change(self, service: str) -> None:
        """Wait until the status may be another, maybe for ever."""


def health_services(health: Health) -> Services:
    """The methods of the health service over these statuses."""

    async def check(message: bytes, answer: Answer) -> None:
        status = health.status(service_of(message))
        if status is None:
            raise GrpcError(GrpcCode.NOT_FOUND, "unknown service")
        await answer(health_response(status))

    async def list_all(_: bytes, answer: Answer) -> None:
        names = health.services()
        if len(names) > SERVICES_LISTED_MAX:
            text = f"server health list exceeds maximum capacity: {SERVICES_LISTED_MAX}"
            raise GrpcError(GrpcCode.RESOURCE_EXHAUSTED, text)
        found = ((name, health.status(name)) for name in names)
        await answer(b"".join(_entry(name, status) for name, status in found if status is not None))

    async def watch(message: bytes, answer: Answer) -> None:
        service, told = service_of(message), None
        while True:
            status = health.status(service) or "SERVICE_UNKNOWN"
            if status != told:
                told = status
                await answer(health_response(status))
            else:
                await health.wait_change(service)

    return {HEALTH_SERVICE: {"Check": check, "List": list_all, "Watch": watch}}


def health_response(status: HealthStatus) -> bytes:
    """A HealthCheckResponse. A number that is 0 is not written, as in all of proto3.

    >>> (health_response("SERVING"), health_response("UNKNOWN"))
    (b'\\x08\\x01', b'')
    """
    number = NUMBERS[status]
    return bytes((_VARINT | 1 << 3, number)) if number else b""


def _entry(name: str, status: HealthStatus) -> bytes:
    """One entry of a HealthListResponse."""
    key, value = name.encode(errors="surrogateescape"), health_response(status)
    entry = b"\x0a" + _length(key) + key + b"\x12" + _length(value) + value
    return b"\x0a" + _length(entry) + entry


def _length(data: bytes) -> bytes:
    """The length of a field as a varint."""
    size, encoded = len(data), bytearray()
    while size > 0x7F:
        encoded.append(size & 0x7F | 0x80)
        size >>= 7
    return bytes((*encoded, size))


def service_of(message: bytes) -> str:
    """The name in a HealthCheckRequest, "" for none; of several the last. Raises GrpcError.

    >>> service_of(b"\\n\\x02db")
    'db'
    """
    name, position = b"", 0
    while position < len(message):
        tag, position = _varint(message, position)
        field, kind = tag >> 3, tag & 7
        if kind == _VARINT:
            _, position = _varint(message, position)
            continue
        if kind == _BYTES:
            size, position = _varint(message, position)
        elif kind in _WIDTHS:
            size = _WIDTHS[kind]
        else:
            raise _unreadable("proto: cannot parse invalid wire-format data")
        end = position + size
        if end > len(message) or not field:
            raise _unreadable("proto: cannot parse invalid wire-format data")
        if (field, kind) == (1, _BYTES):
            name = message[position:end]
        position = end
    try:
        return name.decode()
    except UnicodeDecodeError:
        raise _unreadable("string field contains invalid UTF-8") from None


def _varint(message: bytes, position: int) -> tuple[int, int]:
    """A varint and the position behind it."""
    number = 0
    for shift in range(0, 70, 7):
        if position >= len(message):
            break
        byte = message[position]
        position += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, position
    raise _unreadable("proto: cannot parse invalid wire-format data")


def _unreadable(reason: str) -> GrpcError:
    return GrpcError(GrpcCode.INTERNAL, f"grpc: error unmarshalling request: {reason}")
