"""Backslash escapes, as echo -e and printf know them."""

from __future__ import annotations

from typing import Literal, TypeAlias

Style: TypeAlias = Literal["echo", "printf", "printf-b"]

_SIMPLE = {
    "a": b"\a",
    "b": b"\b",
    "e": b"\x1b",
    "f": b"\f",
    "n": b"\n",
    "r": b"\r",
    "t": b"\t",
    "v": b"\v",
    "\\": b"\\",
}
_OCTAL = "01234567"
_HEX = "0123456789abcdefABCDEF"


def decode_escapes(text: str, *, style: Style = "echo") -> tuple[bytes, bool]:
    r"""The bytes of `text` with its escapes carried out, and whether `\c` ended the output.

    Octal is `\0NNN` for "echo", both `\0NNN` and `\NNN` for "printf-b" (the argument of `%b`), and `\NNN` for "printf",
    a format. `\xHH` is hex. What is no escape stays as it is.

    >>> decode_escapes(r"a\tb\0101\q")
    (b'a\tbA\\q', False)
    """
    parts = text.split("\\")
    out = [parts[0].encode(errors="surrogateescape")]
    position = 1
    while position < len(parts):
        part = parts[position]
        position += 1
        if not part:  # a doubled backslash, or one at the very end
            out.append(b"\\")
            if position < len(parts):
                out.append(parts[position].encode(errors="surrogateescape"))
                position += 1
            continue
        if part[0] == "c":
            return b"".join(out), True
        decoded, used = _one(part, style=style)
        out += [decoded, part[used:].encode(errors="surrogateescape")]
    return b"".join(out), False


def _one(part: str, *, style: Style) -> tuple[bytes, int]:
    """The escape at the start of `part`, which lacks its backslash: its byte, and how many characters it took."""
    first = part[0]
    if first in _SIMPLE:
        return _SIMPLE[first], 1
    if first == "x":
        used = _run(part, 1, 2, _HEX)
        return (bytes([int(part[1:used], 16)]), used) if used > 1 else (b"\\", 0)
    if first in _OCTAL and (style != "echo" or first == "0"):
        start = 1 if first == "0" and style != "printf" else 0
        used = _run(part, start, 3, _OCTAL)
        return bytes([int(part[start:used] or "0", 8) & 0xFF]), used
    return b"\\", 0


def _run(part: str, start: int, length_max: int, digits: str) -> int:
    end = start
    while end < len(part) and end < start + length_max and part[end] in digits:
        end += 1
    return end
