"""/etc/passwd and /etc/group, read byte for byte as both runtimes read them.

Names are `str`, decoded as UTF-8 with surrogate escapes, so that any bytes survive and compare equal to the text of a
CRI request. Numbers keep the value that Go's Atoi gives: garbage is 0, an overflow is the nearest 64-bit number. Only
`to_uint32` makes an id of them, and it wraps as Go's conversion does.

Mirrors moby/sys: user/user.go, ParsePasswdFilter, ParseGroupFilter and parseLine, and Go: bufio/scan.go, Scanner.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from kubesim.errors import KubesimError

PASSWD_LINE_BYTES_MAX = 65_536
"""A line of so many bytes, without its newline, is more than Go's Scanner takes."""

_INT64_MAX = (1 << 63) - 1
_INT64_MIN = -(1 << 63)
_DECIMAL = re.compile(r"[+-]?[0-9]+")
# Go's unicode.IsSpace: str.strip() alone would also take the separators 0x1c to 0x1f.
_SPACE = "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"  # noqa: E501  one literal per set reads best


class AccountFileError(KubesimError):
    """A passwd or group file cannot be read to its end. `str(error)` is the runtime's own message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswdEntry:
    """One line of a passwd file, as far as a runtime looks at it."""

    name: str
    uid: int
    """A 64-bit number, not yet an id."""
    gid: int
    """A 64-bit number, not yet an id."""
    home: str
    line: int
    """The line's number in the file, from 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupEntry:
    """One line of a group file."""

    name: str
    gid: int
    """A 64-bit number, not yet an id."""
    gid_text: str
    """The field as written; "zz" has the gid 0, which grants group 0 to its members."""
    members: tuple[str, ...]
    """As written between the commas: neither trimmed nor rid of empty names."""
    line: int
    """The line's number in the file, from 1."""


FILES_KEPT = 64
"""A thousand containers of one image read the same two files; so many of each kind are parsed once."""

KEPT_BYTES_MAX = 1 << 16
"""Larger files are parsed again: what they become is not kept for a look that may never come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Atoi:
    """What Go's strconv.Atoi makes of a text."""

    value: int
    """The number; 0 for a syntax error, the nearest 64-bit number for a range error."""
    error: Literal["", "syntax", "range"]


def atoi(text: str) -> Atoi:
    """Go's strconv.Atoi on a 64-bit machine: an optional sign and decimal digits, nothing else."""
    if _DECIMAL.fullmatch(text) is None:
        return Atoi(value=0, error="syntax")
    # 20 digits already overflow; int() of an endless line of digits would be slow, and Python refuses it.
    sign, digits = ("-", text[1:]) if text[0] == "-" else ("", text.lstrip("+"))
    digits = digits.lstrip("0") or "0"
    number = int(sign + digits) if len(digits) < 20 else int(sign + "9" * 20)
    if _INT64_MIN <= number <= _INT64_MAX:
        return Atoi(value=number, error="")
    return Atoi(value=_INT64_MAX if number > 0 else _INT64_MIN, error="range")


def to_uint32(number: int) -> int:
    """Go's conversion of a 64-bit integer to uint32: the low 32 bits."""
    return number & 0xFFFF_FFFF


def parse_passwd(data: bytes, *, bytes_max: int | None = None, name: str = "etc/passwd") -> tuple[PasswdEntry, ...]:
    """The entries of a passwd file, in file order. There are no comments: `#x:...` is a user named `#x`.

    `bytes_max` is how much a runtime reads at most, None for no bound; `name` is what it calls the file then.

    Raises:
        AccountFileError: a line is too long, or the file is. No entry counts then, not even one before that line.
    """
    parse = _kept_passwd if len(data) <= KEPT_BYTES_MAX else _passwd
    return parse(data, bytes_max, name)


def _passwd(data: bytes, bytes_max: int | None, name: str) -> tuple[PasswdEntry, ...]:
    entries = []
    for number, line in _lines(data, line_bytes_max=PASSWD_LINE_BYTES_MAX, bytes_max=bytes_max, name=name):
        fields = line.split(":")
        entries.append(
            PasswdEntry(
                name=fields[0],
                uid=_number(fields, 2),
                gid=_number(fields, 3),
                home=_field(fields, 5),
                line=number,
            )
        )
    return tuple(entries)


def parse_group(
    data: bytes, *, line_bytes_max: int | None = None, bytes_max: int | None = None, name: str = "etc/group"
) -> tuple[GroupEntry, ...]:
    """The entries of a group file, in file order. Lines that start with `#` after spaces are comments.

    `line_bytes_max` is 1 MiB from moby/sys/user 0.4.1 on, and None before. `bytes_max`, `name`: as for parse_passwd.

    Raises:
        AccountFileError: a line is too long, or the file is.
    """
    parse = _kept_group if len(data) <= KEPT_BYTES_MAX else _group
    return parse(data, line_bytes_max, bytes_max, name)


def _group(data: bytes, line_bytes_max: int | None, bytes_max: int | None, name: str) -> tuple[GroupEntry, ...]:
    entries = []
    for number, line in _lines(data, line_bytes_max=line_bytes_max, bytes_max=bytes_max, name=name):
        if line.startswith("#"):
            continue
        fields = line.split(":")
        members = _field(fields, 3)
        entries.append(
            GroupEntry(
                name=fields[0],
                gid=_number(fields, 2),
                gid_text=_field(fields, 2),
                members=tuple(members.split(",")) if members else (),
                line=number,
            )
        )
    return tuple(entries)


_kept_passwd = lru_cache(maxsize=FILES_KEPT)(_passwd)
_kept_group = lru_cache(maxsize=FILES_KEPT)(_group)


def _lines(data: bytes, *, line_bytes_max: int | None, bytes_max: int | None, name: str) -> Iterator[tuple[int, str]]:
    readable = data if bytes_max is None else data[:bytes_max]
    for number, raw in enumerate(readable.split(b"\n"), start=1):
        if line_bytes_max is not None and len(raw) >= line_bytes_max:
            raise AccountFileError("bufio.Scanner: token too long")
        line = raw.decode("utf-8", "surrogateescape").strip(_SPACE)
        if line:
            yield number, line
    if len(readable) < len(data):
        raise AccountFileError(f'"{name}" exceeds {bytes_max} bytes')


def _field(fields: list[str], index: int) -> str:
    return fields[index] if index < len(fields) else ""


def _number(fields: list[str], index: int) -> int:
    return atoi(_field(fields, index)).value
