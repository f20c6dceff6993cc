"""Reads tar archives that may come from anybody: every member, or one clear refusal.

Rule 1: nothing is written anywhere and no link is followed: members are values.
Rule 2: every number is checked before it is used, and each step goes on by at least one block, so no archive can make
the reader loop, or take more memory than the archive itself has. (The `tarfile` module of Python 3.11 loops on a
negative size: CVE-2025-8194.)
Rule 3: what the reader does not know it refuses by name; it skips nothing.

Read are ustar members and pax records, as `kubesim.images.oci` writes them: files, directories, pipes, symbolic links
and hard links. Formats: POSIX.1-2017, pax, "pax Interchange Format".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from kubesim.errors import KubesimError

BLOCK_BYTES = 512

MEMBERS_MAX = 200_000
"""A limit of ours: what a container writes has fewer files."""

PAX_RECORDS_BYTES_MAX = 1024 * 1024

MemberKind = Literal["file", "directory", "symlink", "hardlink", "fifo"]

_KINDS: Mapping[bytes, MemberKind] = {
    b"0": "file",
    b"\0": "file",
    b"1": "hardlink",
    b"2": "symlink",
    b"5": "directory",
    b"6": "fifo",
}
_REFUSED = {
    b"3": "a character device",
    b"4": "a block device",
    b"S": "a sparse file",
    b"g": "a global pax header",
    b"L": "a long name in GNU's own format",
    b"K": "a long link in GNU's own format",
}
_DECIMAL = re.compile(r"(-?)([0-9]{1,18})(?:\.([0-9]{1,18}))?")
_NS = 1_000_000_000


class ArchiveError(KubesimError):
    """An archive that cannot be used. `str(error)` says what is wrong with which member."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TarMember:
    """One member. The name is as it was written: whoever uses it as a path asks `member_path`."""

    name: str
    kind: MemberKind
    mode: int
    uid: int
    gid: int
    mtime_ns: int
    content: bytes
    """Bytes of a file; empty for other kinds."""
    target: str
    """Where a link points, as it was written."""
    attributes: Mapping[str, str]
    """All pax records, such as `SCHILY.xattr.user.name`."""


def read_tar(data: bytes) -> Iterator[TarMember]:
    """The members of an archive in their order. Raises ArchiveError, maybe after some of them."""
    offset = 0
    count = 0
    records: Mapping[str, str] = {}
    while True:
        header = data[offset : offset + BLOCK_BYTES]
        if len(header) < BLOCK_BYTES:
            raise ArchiveError("the archive is truncated: its end mark is missing" if data else "the archive is empty")
        if header.count(0) == BLOCK_BYTES:
            if records:
                raise ArchiveError("the archive ends behind a pax header without its member")
            return
        kind = header[156:157]
        _check_header(header, offset)
        size_bytes = _size(header, records if kind != b"x" else {})
        content = data[offset + BLOCK_BYTES : offset + BLOCK_BYTES + size_bytes]
        if len(content) < size_bytes:
            missing = size_bytes - len(content)
            raise ArchiveError(f"{_name(header, records)!r}: the archive is truncated: {missing} bytes are missing")
        offset += BLOCK_BYTES + -(-size_bytes // BLOCK_BYTES) * BLOCK_BYTES
        if kind == b"x":
            if records:
                raise ArchiveError("two pax headers for one member")
            records = _pax_records(content)
            continue
        count += 1
        if count > MEMBERS_MAX:
            raise ArchiveError(f"more than {MEMBERS_MAX} members")
        yield _member(header, records, content)
        records = {}


def member_path(name: str) -> str:
    """The absolute path that a member's name stands for below the root of its archive; the root itself is `/`.

    Raises ArchiveError for a name that would lead out, or that no file can have.
    """
    if name.startswith("/"):
        raise ArchiveError(f"{name!r}: the name is absolute")
    if "\0" in name:
        raise ArchiveError(f"{name!r}: the name holds a NUL byte")
    names = [part for part in name.split("/") if part not in ("", ".")]
    if ".." in names:
        raise ArchiveError(f"{name!r}: the name leads out of the archive")
    return "/" + "/".join(names)


# -- headers ----------------------------------------------------------------------------------------------


def _check_header(header: bytes, offset: int) -> None:
    digits = header[148:156].strip(b" \0")
    found = int(digits, 8) if digits and not digits.strip(b"01234567") else -1
    if found != sum(header[:148]) + 8 * ord(" ") + sum(header[156:]):
        # The file may be anything, and whoever asks may not be allowed to read it: no byte of it is shown.
        raise ArchiveError(f"no tar header at byte {offset}" if offset else "not a tar archive")


def _member(header: bytes, records: Mapping[str, str], content: bytes) -> TarMember:
    name = _name(header, records)
    flag = header[156:157]
    kind = _KINDS.get(flag)
    if kind is None or any(key.startswith("GNU.sparse.") for key in records):
        what = "a sparse file" if kind is not None else _REFUSED.get(flag, f"of the unknown kind {flag!r}")
        raise ArchiveError(f"{name!r} is {what}, which is not supported")
    if kind != "file" and content:
        raise ArchiveError(f"{name!r}: a {kind} cannot have content")
    if kind == "file" and name.endswith("/"):
        kind = "directory"  # as tar did before it had a kind for them
    return TarMember(
        name=name,
        kind=kind,
        mode=_octal(header, 100, 8, "mode") & 0o7777,
        uid=_number(header, records, 108, "uid"),
        gid=_number(header, records, 116, "gid"),
        mtime_ns=_time_ns(header, records),
        content=content,
        target=records.get("linkpath") or _text(header[157:257]),
        attributes=records,
    )


def _name(header: bytes, records: Mapping[str, str]) -> str:
    if "path" in records:
        return records["path"]
    name = _text(header[:100])
    prefix = _text(header[345:500]) if header[257:263] == b"ustar\0" else ""
    return f"{prefix}/{name}" if prefix else name


def _size(header: bytes, records: Mapping[str, str]) -> int:
    if "size" in records:
        return _decimal(records, "size")
    return _octal(header, 124, 12, "size")


def _number(header: bytes, records: Mapping[str, str], at: int, field: str) -> int:
    value = _decimal(records, field) if field in records else _octal(header, at, 8, field)
    if value > 0xFFFF_FFFF:
        raise ArchiveError(f"{_name(header, records)!r}: {field} {value} is out of range")
    return value


def _time_ns(header: bytes, records: Mapping[str, str]) -> int:
    if "mtime" not in records:
        return _octal(header, 136, 12, "mtime") * _NS
    match = _DECIMAL.fullmatch(records["mtime"])
    if match is None:
        raise ArchiveError(f"pax record mtime={records['mtime']!r} is no time")
    sign, seconds, fraction = match.groups(default="")
    time_ns = int(seconds) * _NS + int(fraction[:9].ljust(9, "0"))
    return -time_ns if sign else time_ns


def _decimal(records: Mapping[str, str], field: str) -> int:
    match = _DECIMAL.fullmatch(records[field])
    if match is None or match[1] or match[3]:
        raise ArchiveError(f"pax record {field}={records[field]!r} is no number")
    return int(match[2])


def _octal(header: bytes, at: int, length: int, field: str) -> int:
    digits = header[at : at + length].strip(b" \0")
    if digits and not all(digit in b"01234567" for digit in digits):
        raise ArchiveError(f"{_text(header[:100])!r}: {field} is no octal number")
    return int(digits or b"0", 8)


def _text(field: bytes) -> str:
    return field.partition(b"\0")[0].decode("utf-8", "surrogateescape")


def _pax_records(content: bytes) -> dict[str, str]:
    """Records `LENGTH KEY=VALUE` and a newline."""
    if len(content) > PAX_RECORDS_BYTES_MAX:
        raise ArchiveError(f"a pax header of {len(content)} bytes is longer than {PAX_RECORDS_BYTES_MAX}")
    records: dict[str, str] = {}
    at = 0
    while at < len(content):
        digits, _, _ = content[at : at + 8].partition(b" ")
        length = int(digits) if digits.isdigit() else 0
        record = content[at + len(digits) + 1 : at + length]
        key, equals, value = record.removesuffix(b"\n").partition(b"=")
        if not (equals and key and record.endswith(b"\n") and at + length <= len(content)):
            raise ArchiveError("a pax header holds something that is no record")
        records[key.decode("utf-8", "surrogateescape")] = value.decode("utf-8", "surrogateescape")
        at += length
    return records
