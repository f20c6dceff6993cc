"""One header of a tar: its fields, and the records of a pax header.

Numbers are octal, or binary with the first bit set, as GNU tar writes those that octal digits cannot hold. Formats:
POSIX.1-2017, pax; GNU tar: "Basic Tar Format". What is taken and what refused follows Go: archive/tar, which both
runtimes read with.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass

from kubesim.images.layers.limits import LayerError

BLOCK_BYTES = 512
ID_MAX = 0xFFFF_FFFF

_NS = 1_000_000_000
_USUAL_NUMBERS = re.compile(rb"([0-7]{7})[\0 ]([0-7]{7})[\0 ]([0-7]{7})[\0 ]([0-7]{11})[\0 ]([0-7]{11})[\0 ]")
_DECIMAL = re.compile(r"[0-9]{1,19}")
_TIME = re.compile(r"(-?)([0-9]{1,18})(?:\.([0-9]*))?")
_ADLER_BASE = 65_521

Records = list[tuple[str, str]]
"""The records of a pax header in their order; a name can come twice."""


@dataclass(slots=True)
class Header:
    """The fields of one header, as they are written there."""

    name: str
    kind: bytes
    mode: int
    uid: int
    gid: int
    size_bytes: int
    mtime_ns: int
    target: str


def read_header(block: bytes) -> Header:
    """Raises LayerError for a block that is no header."""
    if not _has_checksum(block):
        raise LayerError("no tar header")
    usual = _USUAL_NUMBERS.match(block, 100)
    if usual is not None:
        mode, uid, gid, size_bytes, mtime = (int(digits, 8) for digits in usual.groups())
    else:
        mode, uid, gid = (_number(block, at, 8, field) for at, field in ((100, "mode"), (108, "uid"), (116, "gid")))
        size_bytes, mtime = _number(block, 124, 12, "size"), _number(block, 136, 12, "mtime")
    name = text(block[:100])
    if block[257:263] == b"ustar\0" and block[345]:
        name = f"{text(block[345:500])}/{name}"
    return Header(name, block[156:157], mode, uid, gid, size_bytes, mtime * _NS, text(block[157:257]))


def device_numbers(block: bytes) -> tuple[int, int]:
    """Major and minor number in the header of a device."""
    return _number(block, 329, 8, "major device number"), _number(block, 337, 8, "minor device number")


def text(field: bytes) -> str:
    """A field up to its NUL."""
    return field.partition(b"\0")[0].decode("utf-8", "surrogateescape")


def pax_records(content: bytes) -> Records:
    """Records `LENGTH KEY=VALUE` and a newline. Raises LayerError for anything else."""
    records: Records = []
    at = 0
    while at < len(content):
        digits, _, _ = content[at : at + 12].partition(b" ")
        length = int(digits) if digits.isdigit() else 0
        record = content[at + len(digits) + 1 : at + length]
        key, equals, value = record.removesuffix(b"\n").partition(b"=")
        if not (equals and key and record.endswith(b"\n") and at + length <= len(content)):
            raise LayerError("a pax header holds something that is no record")
        name = key.decode("utf-8", "surrogateescape")
        if b"\0" in key or (b"\0" in value and name in ("path", "linkpath")):
            raise LayerError(f"pax record {name!r} holds a NUL")
        records.append((name, value.decode("utf-8", "surrogateescape")))
        at += length
    return records


def apply_records(header: Header, records: Records) -> None:
    """Let the records of a pax header speak for the fields. Raises LayerError for a value that cannot be one."""
    for name, value in records:
        if name == "path":
            header.name = value or header.name
        elif name == "linkpath":
            header.target = value or header.target
        elif name == "size":
            header.size_bytes = decimal(value, "size")
        elif name == "uid":
            header.uid = decimal(value, "uid")
        elif name == "gid":
            header.gid = decimal(value, "gid")
        elif name == "mtime":
            header.mtime_ns = _time_ns(value)


def decimal(value: str, field: str) -> int:
    """A number in a record. Raises LayerError."""
    if not _DECIMAL.fullmatch(value):
        raise LayerError(f"pax record {field}={value[:40]!r} is no number")
    return int(value)


def _time_ns(value: str) -> int:
    match = _TIME.fullmatch(value)
    if match is None:
        raise LayerError(f"pax record mtime={value[:40]!r} is no time")
    sign, seconds, fraction = match.groups(default="")
    time_ns = int(seconds) * _NS + int(fraction[:9].ljust(9, "0") or 0)
    return -time_ns if sign else time_ns


def _has_checksum(block: bytes) -> bool:
    digits = block[148:156].strip(b" \0")
    if not digits or digits.strip(b"01234567"):
        return False
    wanted = int(digits, 8)
    blank = block[:148] + b"        " + block[156:]
    # The lower half of Adler-32 is 1 and the sum of all bytes, modulo a prime: ten times as fast as a sum in Python.
    if (wanted + 1) % _ADLER_BASE == zlib.adler32(blank) & 0xFFFF:
        return True
    # Some old tars took bytes for signed numbers.
    return wanted == sum(byte - 256 if byte > 127 else byte for byte in blank)


def _number(block: bytes, at: int, length: int, field: str) -> int:
    raw = block[at : at + length]
    if raw[0] & 0x80:
        value = int.from_bytes(raw, "big")
        bits = 8 * length
        # The first bit is the mark and the second the sign.
        value &= (1 << (bits - 1)) - 1
        return value - (1 << (bits - 1)) if raw[0] & 0x40 else value
    digits = raw.strip(b" \0").partition(b"\0")[0]
    if digits.strip(b"01234567"):
        raise LayerError(f"{text(block[:100])!r}: {field} is no octal number")
    return int(digits or b"0", 8)
