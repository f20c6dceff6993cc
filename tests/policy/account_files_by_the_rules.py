"""passwd and group files, read a second time: slowly, and as Go's bufio, strconv and bytes and moby/sys user do it.

What `identity_by_the_rules` needs. Files are read through the buffers of Go's bufio, numbers digit by digit, lines rune
by rune. Nothing here is fast or shared with `kubesim.policy`, apart from the values that go in.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from kubesim.policy.identity import IdentityDialect, IdentityRequest, Unopened

SPACES = {
    *range(0x09, 0x0E), 0x20, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000,
}  # fmt: skip
INT64 = 1 << 63


class ReadError(Exception):
    """A file cannot be opened or read to its end."""


class Missing(Exception):
    """There is no file."""


@dataclass
class User:
    name: bytes = b""
    uid: int = 0
    gid: int = 0


@dataclass
class Group:
    name: bytes = b""
    gid: int = 0
    members: list[bytes] = field(default_factory=list)


# Go's strconv.Atoi.


def atoi(text: bytes) -> tuple[int, str]:
    """The number and `""`, `syntax` or `range`."""
    digits, is_negative = text, False
    if digits[:1] in (b"+", b"-"):
        is_negative = digits[:1] == b"-"
        digits = digits[1:]
    if not digits:
        return 0, "syntax"
    number = 0
    for digit in digits:
        if not 0x30 <= digit <= 0x39:
            return 0, "syntax"
        number = number * 10 + digit - 0x30
        if number >= 2 * INT64:
            return (-INT64, "range") if is_negative else (INT64 - 1, "range")
    if is_negative:
        return (-number, "") if number <= INT64 else (-INT64, "range")
    return (number, "") if number < INT64 else (INT64 - 1, "range")


def uint32(number: int) -> int:
    while number < 0:
        number += 1 << 64
    return number % (1 << 32)


# Go's bytes.TrimSpace.


def first_rune(line: bytes) -> tuple[int, int]:
    for size in range(1, 5):
        try:
            text = line[:size].decode("utf-8")
        except UnicodeDecodeError:
            continue
        if len(text) == 1:
            return ord(text), size
    return -1, 1


def last_rune(line: bytes) -> tuple[int, int]:
    for size in range(1, 5):
        try:
            text = line[-size:].decode("utf-8")
        except UnicodeDecodeError:
            continue
        if len(text) == 1:
            return ord(text), size
    return -1, 1


def trim_space(line: bytes) -> bytes:
    while line:
        rune, size = first_rune(line)
        if rune not in SPACES:
            break
        line = line[size:]
    while line:
        rune, size = last_rune(line)
        if rune not in SPACES:
            break
        line = line[:-size]
    return line


# Files, as a runtime opens and reads them.


class File:
    """An open file that gives an error once more than so many bytes were read of it."""

    def __init__(self, data: bytes, name: str, bytes_max: int | None) -> None:
        self.data, self.name, self.bytes_max, self.at = data, name, bytes_max, 0

    def read(self, size: int) -> tuple[bytes, str]:
        """Bytes, and `""`, `EOF` or an error."""
        if self.bytes_max is None:
            got = self.data[self.at : self.at + size]
            self.at += len(got)
            return got, "" if got else "EOF"
        got = self.data[self.at : min(self.at + size, self.bytes_max + 1)]
        self.at += len(got)
        if self.at == self.bytes_max + 1:
            return got, f'"{self.name}" exceeds {self.bytes_max} bytes'
        return got, "" if got else "EOF"


def scanner_lines(file: File, token_max: int) -> list[bytes]:
    """bufio.Scanner with ScanLines and a buffer of at most `token_max`."""
    lines, held, error = [], b"", ""
    while True:
        newline = held.find(b"\n")
        if newline >= 0:
            lines.append(held[:newline])
            held = held[newline + 1 :]
            continue
        if error:
            if held:
                lines.append(held)
            break
        if len(held) >= token_max:
            raise ReadError("bufio.Scanner: token too long")
        got, error = file.read(token_max - len(held))
        held += got
    if error != "EOF":
        raise ReadError(error)
    return lines


def reader_lines(file: File) -> list[bytes]:
    """bufio.Reader.ReadLine, put together as ParseGroupFilter does up to moby/sys/user 0.4.0."""
    lines, held, error, whole = [], b"", "", b""
    while True:
        while b"\n" not in held and len(held) < 4096 and not error:
            got, error = file.read(4096 - len(held))
            held += got
        newline = held.find(b"\n")
        if newline >= 0:
            line, held, is_prefix = held[:newline], held[newline + 1 :], False
            line = line.removesuffix(b"\r")
        elif len(held) >= 4096:
            size = 4095 if held[4095:4096] == b"\r" else 4096
            line, held, is_prefix = held[:size], held[size:], True
        elif held:
            line, held, is_prefix = held, b"", False
        else:
            break  # the error, with `whole` lost
        whole += line
        if not is_prefix:
            lines.append(whole)
            whole = b""
    if error != "EOF":
        raise ReadError(error)
    return lines


def opened(content: bytes | Unopened | None, file: str, dialect: IdentityDialect) -> File:
    if content is None:
        path = dialect.account_file_path.replace("{file}", file)
        raise Missing(dialect.missing_file_error.replace("{path}", path))
    if isinstance(content, Unopened):
        raise Missing(content.reason) if content.is_missing else ReadError(content.reason)
    name = dialect.account_file_path.replace("{file}", file)
    return File(content, name, dialect.account_file_bytes_max)


def part(fields: list[bytes], index: int) -> bytes:
    return fields[index] if index < len(fields) else b""


def users_of(request: IdentityRequest, dialect: IdentityDialect) -> list[User]:
    """Section 2, passwd. Raises Missing or ReadError."""
    users = []
    for raw in scanner_lines(opened(request.passwd, "passwd", dialect), 65536):
        line = trim_space(raw)
        if line == b"":
            continue
        fields = line.split(b":")
        users.append(User(name=fields[0], uid=atoi(part(fields, 2))[0], gid=atoi(part(fields, 3))[0]))
    return users


def groups_of(request: IdentityRequest, dialect: IdentityDialect) -> list[Group]:
    """Section 2, group. Raises Missing or ReadError."""
    file = opened(request.group, "group", dialect)
    size = dialect.group_line_bytes_max
    groups = []
    for raw in reader_lines(file) if size is None else scanner_lines(file, size):
        line = trim_space(raw)
        if line == b"" or line[:1] == b"#":
            continue
        fields = line.split(b":")
        members = part(fields, 3).split(b",") if part(fields, 3) else []
        groups.append(Group(name=fields[0], gid=atoi(part(fields, 2))[0], members=members))
    return groups
