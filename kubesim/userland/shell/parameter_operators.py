"""What `${name...}` does with a value: lengths, parts and replacements, in bytes as a shell without a locale counts.

Mirrors busybox: shell/ash.c, subevalvar.
"""

from __future__ import annotations

from collections.abc import Callable

from kubesim.userland.shell.patterns import Pattern


def in_bytes(text: str) -> str:
    """A text with one character for each of its bytes."""
    return text if text.isascii() else text.encode(errors="surrogateescape").decode("latin-1")


def in_characters(text: str) -> str:
    """The text that `in_bytes` took apart."""
    return text if text.isascii() else text.encode("latin-1").decode(errors="surrogateescape")


def length(value: str) -> int:
    """`${#name}`."""
    return len(in_bytes(value))


def trimmed(value: str, pattern: str, operator: str) -> str:
    """`${name#pattern}` and its sisters: without the shortest or longest part at one end that matches."""
    text = in_bytes(value)
    wanted = Pattern(in_bytes(pattern))
    cuts = range(len(text) + 1)
    if operator in ("##", "%"):
        cuts = range(len(text), -1, -1)
    for cut in cuts:
        if operator[0] == "#" and wanted.matches(text[:cut]):
            return in_characters(text[cut:])
        if operator[0] == "%" and wanted.matches(text[cut:]):
            return in_characters(text[:cut])
    return value


def replaced(value: str, pattern: str, replacement: str, *, is_everywhere: bool) -> str:
    """`${name/pattern/replacement}`, and with two slashes each place: the longest match from the left on."""
    text = in_bytes(value)
    wanted = Pattern(in_bytes(pattern))
    pieces: list[str] = []
    start = place = 0
    while pattern and place < len(text):
        found = wanted.longest_match(text, place)
        if not found:
            place += 1
            continue
        pieces += (text[start:place], in_bytes(replacement))
        start = place = place + found
        if not is_everywhere:
            break
    return in_characters("".join([*pieces, text[start:]]))


def section(value: str, bounds: str, compute: Callable[[str], int]) -> str:
    """`${name:offset:length}`; `bounds` is what follows the first colon, `compute` reads its numbers."""
    text = in_bytes(value)
    offset_text, colon, length_text = bounds.partition(":")
    offset = compute(offset_text)
    count = compute(length_text) if colon else len(text)
    if offset < 0:
        offset += len(text)
    if not 0 <= offset < len(text):
        return ""
    left = len(text) - offset
    if count < 0:
        count += left
    return in_characters(text[offset : offset + (count if 0 <= count <= left else left)])
