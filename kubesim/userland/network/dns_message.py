"""DNS messages: one question out, its answers in. Mirrors RFC 1035, sections 4.1 and 4.1.4."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

TYPES = {"A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "PTR": 12, "MX": 15, "TXT": 16, "AAAA": 28, "SRV": 33}
NO_ERROR, NAME_ERROR = 0, 3
RCODE_NAMES = dict(
    enumerate(
        (
            "FORMERR",
            "SERVFAIL",
            "NXDOMAIN",
            "NOTIMP",
            "REFUSED",
            "YXDOMAIN",
            "YXRRSET",
            "NXRRSET",
            "NOTAUTH",
            "NOTZONE",
        ),
        start=1,
    )
)

_HEADER = struct.Struct("!HHHHHH")
_RECORD = struct.Struct("!HHIH")
_RECURSION_DESIRED = 0x0100
_RESPONSE = 0x8000
_AUTHORITATIVE = 0x0400
_POINTERS_MAX = 32
_LABEL_BYTES_MAX = 63
_KINDS = {number: kind for kind, number in TYPES.items()}


class BadDnsMessage(ValueError):
    """The bytes are no DNS message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One record of an answer; `value` is an address, a name, a text, or a preference and a name."""

    name: str
    kind: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """What a server said."""

    id: int
    rcode: int
    is_authoritative: bool
    records: tuple[Record, ...]

    @property
    def ips(self) -> list[str]:
        """The addresses among the records."""
        return [record.value for record in self.records if record.kind in ("A", "AAAA")]


def query(name: str, kind: str, message_id: int) -> bytes:
    """A question. Raises ValueError for a name that cannot be asked for.

    >>> query("a.b", "A", 1).hex()
    '000101000001000000000000016101620000010001'
    """
    return _HEADER.pack(message_id, _RECURSION_DESIRED, 1, 0, 0, 0) + _name(name) + struct.pack("!HH", TYPES[kind], 1)


def _name(name: str) -> bytes:
    parts = [part.encode("idna") if not part.isascii() else part.encode() for part in name.rstrip(".").split(".")]
    if any(not 0 < len(part) <= _LABEL_BYTES_MAX for part in parts):
        raise ValueError(f"{name!r} is no domain name")
    return b"".join(bytes([len(part)]) + part for part in parts) + b"\0"


def parse_response(data: bytes) -> Response:
    """What a server answered; SOA, SRV and unknown records are left out. Raises BadDnsMessage."""
    try:
        message_id, flags, questions, answers, _, _ = _HEADER.unpack_from(data)
        if not flags & _RESPONSE:
            raise BadDnsMessage("not a response")
        offset = _HEADER.size
        for _ in range(questions):
            offset = _read_name(data, offset)[1] + 4
        found = []
        for _ in range(answers):
            name, offset = _read_name(data, offset)
            kind, _, _, size = _RECORD.unpack_from(data, offset)
            offset += _RECORD.size
            value = _value(data, offset, size, _KINDS.get(kind, ""))
            offset += size
            if value is not None:
                found.append(Record(name=name, kind=_KINDS[kind], value=value))
    except (struct.error, IndexError) as error:
        raise BadDnsMessage(str(error)) from None
    is_authoritative = bool(flags & _AUTHORITATIVE)
    return Response(id=message_id, rcode=flags & 0xF, is_authoritative=is_authoritative, records=tuple(found))


def _value(data: bytes, offset: int, size: int, kind: str) -> str | None:
    """What a record says, as text; None for one that is not read. Of a text it is the first string."""
    if kind == "A" and size == 4:
        return str(IPv4Address(data[offset : offset + size]))
    if kind == "AAAA" and size == 16:
        return str(IPv6Address(data[offset : offset + size]))
    if kind in ("NS", "CNAME", "PTR"):
        return _read_name(data, offset)[0]
    if kind == "MX":
        (preference,) = struct.unpack_from("!H", data, offset)
        return f"{preference} {_read_name(data, offset + 2)[0]}"
    if kind == "TXT" and data[offset]:
        return data[offset + 1 : offset + 1 + data[offset]].decode("latin-1")
    return None


def _read_name(data: bytes, offset: int) -> tuple[str, int]:
    """A name and where it ends; it may go on elsewhere. Raises BadDnsMessage for one that goes in circles."""
    parts: list[str] = []
    end = 0
    pointers = 0
    while True:
        size = data[offset]
        if size & 0xC0 == 0xC0:
            end = end or offset + 2
            offset = ((size & 0x3F) << 8) | data[offset + 1]
            pointers += 1
            if pointers > _POINTERS_MAX:
                raise BadDnsMessage("a name that points to itself")
            continue
        if not size:
            return ".".join(parts), end or offset + 1
        parts.append(data[offset + 1 : offset + 1 + size].decode("latin-1"))
        offset += 1 + size
