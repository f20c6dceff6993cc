"""Strings printed the way Go's `%q` prints them, for messages that must read like a runtime's."""

from __future__ import annotations

_ESCAPES = {
    '"': '\\"', "\\": "\\\\", "\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v",
}  # fmt: skip


def go_quote(text: str) -> str:
    r"""`text` in double quotes, as Go's strconv.Quote writes it; surrogate escapes are the bytes they stand for.

    >>> go_quote('a"b\0')
    '"a\\"b\\x00"'
    """
    return '"' + "".join(_ESCAPES.get(character) or _quoted(character) for character in text) + '"'


def _quoted(character: str) -> str:
    number = ord(character)
    if character.isprintable():
        return character
    if number < 0x80:
        return f"\\x{number:02x}"
    if 0xDC80 <= number <= 0xDCFF:
        return f"\\x{number - 0xDC00:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
