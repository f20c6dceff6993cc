"""The lines of /etc/passwd and /etc/group, read byte for byte as both runtimes read them.

Names are `str`, decoded as UTF-8 with surrogate escapes, so that any bytes survive and compare equal to the text of a
CRI request. Numbers keep the value that Go's Atoi gives: garbage is 0, an overflow is the nearest 64-bit number. Only
`to_uint32` makes an id of them, and it wraps as Go's conversion does.

Here is what a line says and which lines a runtime gets to see. Who looks for one line takes `account_lookup`.

Mirrors moby/sys: user/user.go, ParsePasswdFilter, ParseGroupFilter and parseLine, and Go: bufio/scan.go, Scanner;
bufio/bufio.go, Reader.ReadLine.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

from msgspec import Struct

from kubesim.errors import KubesimError

PASSWD_LINE_BYTES_MAX = 65_536
"""A line of so many bytes, without its newline, is more than Go's Scanner takes."""

_READER_BYTES = 4_096
"""The buffer of Go's bufio.Reader, in pieces of which older versions read a line of a group file."""

INT64_MAX = (1 << 63) - 1
INT64_MIN = -(1 << 63)
_DIGITS_SAFE = 19
"""A number with fewer digits has 64 bits."""

_UINT64_MAX = (1 << 64) - 1
_DECIMAL = re.compile(r"[+-]?([0-9]+)")
# Go's unicode.IsSpace: str.strip() alone would also take the separators 0x1c to 0x1f.
_SPACE = "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"  # noqa: E501  one literal per set reads best


class AccountFileError(KubesimError):
    """A passwd or group file cannot be read to its end. `str(error)` is the runtime's own message.

    `is_endless` is for one that the runtime waits for without end; the message is then nobody's but this one's.
    """

    def __init__(self, message: str, *, is_endless: bool = False) -> None:
        self.is_endless = is_endless
        super().__init__(message)


class PasswdEntry(Struct, frozen=True, kw_only=True, gc=False):
    """One line of a passwd file, as far as a runtime looks at it."""

    name: str
    uid: int
    """A 64-bit number, not yet an id."""
    gid: int
    """A 64-bit number, not yet an id."""
    home: str
    line: int
    """The line's number in the file, from 1."""


class GroupEntry(Struct, frozen=True, kw_only=True):
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


class Atoi(Struct, frozen=True, kw_only=True, gc=False):
    """What Go's strconv.Atoi makes of a text."""

    value: int
    """The number; 0 for a syntax error, the nearest 64-bit number for a range error."""
    error: Literal["", "syntax", "range"]


def atoi(text: str) -> Atoi:
    """Go's strconv.Atoi on a 64-bit machine: an optional sign and decimal digits, nothing else.

    Mirrors Go: strconv/atoi.go, ParseUint, ParseInt and Atoi.
    """
    if len(text) < _DIGITS_SAFE and text.isdecimal() and text.isascii():
        return Atoi(value=int(text), error="")
    start = _DECIMAL.match(text)
    if start is None:
        return Atoi(value=0, error="syntax")
    is_negative, digits = text[0] == "-", start[1].lstrip("0")
    # 21 digits overflow; int() of an endless line of digits would be slow, and Python refuses it.
    number = int(digits[:21] or "0")
    # Go stops at the digit that is too much for 64 bits without a sign, and never sees what comes behind it.
    if start.end() < len(text) and number <= _UINT64_MAX:
        return Atoi(value=0, error="syntax")
    if is_negative:
        return Atoi(value=-number, error="") if -number >= INT64_MIN else Atoi(value=INT64_MIN, error="range")
    return Atoi(value=number, error="") if number <= INT64_MAX else Atoi(value=INT64_MAX, error="range")


def to_uint32(number: int) -> int:
    """Go's conversion of a 64-bit integer to uint32: the low 32 bits."""
    return number & 0xFFFF_FFFF


def readable_passwd(data: bytes, *, bytes_max: int | None = None, name: str = "etc/{file}") -> bytes:
    """What a runtime parses of a passwd file: all of it, if it can.

    `bytes_max` is how much a runtime reads at most, None for no bound; `name` is what it calls the file then, and
    `{file}` in it stands for the file's own name.

    Raises:
        AccountFileError: a line is too long, or the file is. No entry counts then, not even one before that line.
    """
    if not _fits(data, line_bytes_max=PASSWD_LINE_BYTES_MAX, bytes_max=bytes_max):
        raise AccountFileError(f'"{name.replace("{file}", "passwd")}" exceeds {bytes_max} bytes')
    return data


def readable_group(
    data: bytes, *, line_bytes_max: int | None = None, bytes_max: int | None = None, name: str = "etc/{file}"
) -> bytes:
    """What a runtime parses of a group file. `bytes_max`, `name`: as for `readable_passwd`.

    `line_bytes_max` is 1 MiB from moby/sys/user 0.4.1 on. None is the older reader, which takes lines of any length,
    but loses the last one if no newline ends it and it fills the reader's buffer to the last byte.

    Raises:
        AccountFileError: a line is too long, or the file is.
    """
    if not _fits(data, line_bytes_max=line_bytes_max, bytes_max=bytes_max):
        raise AccountFileError(f'"{name.replace("{file}", "group")}" exceeds {bytes_max} bytes')
    if line_bytes_max is not None:
        return data
    start = data.rfind(b"\n") + 1
    return data[:start] if len(data) - start >= _READER_BYTES and _is_lost(data, start) else data


def parse_passwd(data: bytes, *, bytes_max: int | None = None, name: str = "etc/{file}") -> tuple[PasswdEntry, ...]:
    """All entries of a passwd file, in file order. There are no comments: `#x:...` is a user named `#x`.

    Raises:
        AccountFileError: as `readable_passwd` does.
    """
    readable = readable_passwd(data, bytes_max=bytes_max, name=name)
    return tuple(passwd_entry(fields, line=number) for number, fields in _rows(readable))


def parse_group(
    data: bytes, *, line_bytes_max: int | None = None, bytes_max: int | None = None, name: str = "etc/{file}"
) -> tuple[GroupEntry, ...]:
    """All entries of a group file, in file order. Lines that start with `#` after spaces are comments.

    Raises:
        AccountFileError: as `readable_group` does.
    """
    readable = readable_group(data, line_bytes_max=line_bytes_max, bytes_max=bytes_max, name=name)
    return tuple(group_entry(fields, line=number) for number, fields in _rows(readable) if not is_comment(fields))


def fields_of(raw: bytes) -> list[str]:
    """The fields of a line; none if it is blank."""
    line = raw.decode("utf-8", "surrogateescape").strip(_SPACE)
    return line.split(":") if line else []


def is_comment(fields: list[str]) -> bool:
    """Whether a line of a group file is a comment."""
    return fields[0].startswith("#")


def number_of(field: str) -> int:
    """A field as a number, as Go's Atoi reads it with its error ignored."""
    is_plain = len(field) < _DIGITS_SAFE and field.isdecimal() and field.isascii()
    return int(field) if is_plain else atoi(field).value


def passwd_entry(fields: list[str], *, line: int) -> PasswdEntry:
    """A line of a passwd file that is not blank."""
    count = len(fields)
    return PasswdEntry(
        name=fields[0],
        uid=number_of(fields[2]) if count > 2 else 0,
        gid=number_of(fields[3]) if count > 3 else 0,
        home=fields[5] if count > 5 else "",
        line=line,
    )


def group_entry(fields: list[str], *, line: int) -> GroupEntry:
    """A line of a group file that is neither blank nor a comment."""
    gid_text = fields[2] if len(fields) > 2 else ""
    members = tuple(fields[3].split(",")) if len(fields) > 3 and fields[3] else ()
    return GroupEntry(name=fields[0], gid=number_of(gid_text), gid_text=gid_text, members=members, line=line)


def _rows(data: bytes) -> Iterator[tuple[int, list[str]]]:
    for number, raw in enumerate(data.split(b"\n"), start=1):
        fields = fields_of(raw)
        if fields:
            yield number, fields


def _fits(data: bytes, *, line_bytes_max: int | None, bytes_max: int | None) -> bool:
    """Whether a file is within its bound. Raises AccountFileError for a line before that bound that is not."""
    size = len(data) if bytes_max is None else min(len(data), bytes_max)
    if line_bytes_max is not None:
        # From the start of a line to the last newline that one buffer holds, and so on: no line is looked at.
        start = 0
        while start + line_bytes_max <= size:
            newline = data.rfind(b"\n", start, start + line_bytes_max)
            if newline < 0:
                raise AccountFileError("bufio.Scanner: token too long")
            start = newline + 1
    return size == len(data)


def _is_lost(data: bytes, start: int) -> bool:
    """Whether ReadLine hands over the last line in full buffers and then meets the end, which discards them.

    A carriage return at the end of a buffer is put back, because a newline may follow.
    """
    position = start
    while len(data) - position >= _READER_BYTES:
        position += _READER_BYTES
        if data[position - 1] == 0x0D:
            position -= 1
    return position == len(data)
