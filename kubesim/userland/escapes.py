"""Backslash escapes, as echo -e and printf know them."""

from __future__ import annotations

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


def decode_escapes(text: str, *, is_format: bool = False) -> tuple[bytes, bool]:
    r"""The bytes of `text` with its escapes carried out, and whether `\c` ended the output.

    Octal is `\NNN`, for echo and `%b` also `\0NNN`; `\xHH` is hex. What is no escape stays as it is.

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
        decoded, used = _one(part, is_format=is_format)
        out += [decoded, part[used:].encode(errors="surrogateescape")]
    return b"".join(out), False


def decode_escape(text: str, at: int) -> tuple[str, int]:
    r"""The character that the escape behind the backslash at `at` stands for, and where it ends.

    A backslash that begins none stands for itself. Text has one character a byte. Mirrors busybox:
    libbb/process_escape_sequence.c.

    >>> decode_escape(r"a\101b", 1)
    ('A', 5)
    """
    if at + 1 >= len(text):
        return "\\", at + 1
    decoded, used = _one(text[at + 1 : at + 5], is_format=True)
    return decoded.decode("latin-1"), at + 1 + used


def _one(part: str, *, is_format: bool) -> tuple[bytes, int]:
    """The escape at the start of `part`, which lacks its backslash: its byte, and how many characters it took."""
    first = part[0]
    if first in _SIMPLE:
        return _SIMPLE[first], 1
    if first == "x":
        used = _run(part, 1, 2, _HEX)
        return (bytes([int(part[1:used], 16)]), used) if used > 1 else (b"\\", 0)
    if first in _OCTAL:
        start = 1 if first == "0" and not is_format else 0
        used = _run(part, start, 3, _OCTAL)
        return bytes([int(part[start:used] or "0", 8) & 0xFF]), used
    return b"\\", 0


def _run(part: str, start: int, length_max: int, digits: str) -> int:
    end = start
    while end < len(part) and end < start + length_max and part[end] in digits:
        end += 1
    return end
