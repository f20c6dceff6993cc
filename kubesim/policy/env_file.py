"""Files of variables that a container reads by fileKeyRef: `NAME='value'`, and nothing that a shell would run.

Mirrors kubelet: pkg/kubelet/util/env/env_util.go, ParseEnv.
"""

from __future__ import annotations

from collections.abc import Iterator

LINE_BYTES_MAX = 64 * 1024
"""A longer line ends the reading, as it ends Go's bufio.Scanner."""

_BLANK = b" \t"


class EnvFileError(Exception):
    """The file breaks the rules before the wanted name was found."""


def env_file_value(data: bytes, key: str) -> str:
    """The value of `key`, empty when there is none; bytes that are no text are kept as surrogates.

    What comes after the wanted line is not looked at. A value may span lines. Whitespace behind the `=` gives an empty
    value. Raises EnvFileError.
    """
    wanted = key.encode()
    lines = _Lines(data)
    for line in lines:
        line = line.lstrip(_BLANK)
        if not line or line.startswith(b"#"):
            continue
        name, assigned, value = line.partition(b"=")
        _check_name(name, is_assigned=bool(assigned), number=lines.number)
        if value[:1] in {b" ", b"\t"}:
            if name == wanted:
                return ""
            continue
        if not value.startswith(b"'"):
            raise _problem("value must be enclosed in single quotes", lines.number)
        found = _quoted(value[1:], lines)
        if name == wanted:
            return found.decode(errors="surrogateescape")
    if lines.is_broken:
        raise EnvFileError("bufio.Scanner: token too long")
    return ""


class _Lines:
    """The lines of a file, and the number of the last one read."""

    def __init__(self, data: bytes) -> None:
        self._lines = data.split(b"\n")
        if not self._lines[-1]:
            self._lines.pop()
        self.number = 0
        self.is_broken = False

    def __iter__(self) -> Iterator[bytes]:
        while (line := self.next()) is not None:
            yield line

    def next(self) -> bytes | None:
        """The next line without its end, None at the end."""
        if self.number == len(self._lines) or self.is_broken:
            return None
        line = self._lines[self.number]
        if len(line) >= LINE_BYTES_MAX:
            self.is_broken = True
            return None
        self.number += 1
        return line.removesuffix(b"\r")


def _check_name(name: bytes, *, is_assigned: bool, number: int) -> None:
    if not is_assigned:
        raise _problem("missing '='", number)
    trimmed = name.rstrip(_BLANK)
    if not trimmed:
        raise _problem("empty variable name", number)
    if trimmed != name:
        raise _problem("whitespace before '=' is not allowed", number)


def _quoted(rest: bytes, lines: _Lines) -> bytes:
    """The text up to the closing quote, behind which only a comment may stand."""
    first, parts = lines.number, b""
    while b"'" not in rest:
        parts += rest + b"\n"
        more = lines.next()
        if more is None:
            raise EnvFileError(f"invalid environment variable format starting at line {first}: unclosed single quote")
        rest = more
    text, _, behind = rest.partition(b"'")
    behind = behind.lstrip(_BLANK)
    if behind and not behind.startswith(b"#"):
        raise _problem("unexpected content after closing quote", lines.number)
    return parts + text


def _problem(what: str, number: int) -> EnvFileError:
    return EnvFileError(f"invalid environment variable format at line {number}: {what}")
