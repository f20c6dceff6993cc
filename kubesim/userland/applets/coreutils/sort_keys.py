"""What sort compares: parts of lines, and their order. Mirrors busybox: coreutils/sort.c, get_key and compare_keys.

Lines are text with one character a byte.
"""

from __future__ import annotations

import functools
import math
import re
from dataclasses import dataclass
from typing import TypeAlias

from kubesim.userland.applets.text_stream import AppletError

Comparable: TypeAlias = "str | float | tuple[float, ...] | VersionText"

_SPACE = " \t\n\v\f\r"
_FLOAT = re.compile(
    r"[ \t\n\v\f\r]*([-+]?(?:0[xX](?:[0-9a-fA-F]+\.?[0-9a-fA-F]*|\.[0-9a-fA-F]+)(?:[pP][-+]?[0-9]+)?"
    r"|(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?|[iI][nN][fF](?:[iI][nN][iI][tT][yY])?|[nN][aA][nN]))"
)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_FIELD = re.compile(r"[ \t\n\v\f\r]*[^ \t\n\v\f\r]*")
_NOT_DICTIONARY = re.compile(r"[^A-Za-z0-9 \t\n\v\f\r]")
_NOT_PRINTABLE = re.compile(r"[^ -~]")
_UPPER = {ord(char): char.upper() for char in "abcdefghijklmnopqrstuvwxyz"}

KEY_FLAGS = frozenset("ngMbrdfi")
"""Letters behind a field number; `B` among the flags is a `b` behind the comma."""

SORT_LETTERS = frozenset("ngMucszbrdfimS:T:o:k:*t:")
NUMBER_MAX = 2**31 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class SortKey:
    """-k START[.OFS][OPTS][,END[.OFS][OPTS]]; 0 for what is not given."""

    first_field: int = 0
    first_char: int = 0
    last_field: int = 0
    last_char: int = 0
    flags: frozenset[str] = frozenset()


WHOLE_LINE = SortKey(first_field=1)


def parse_key(text: str) -> SortKey:
    """A value of -k. Raises AppletError."""
    numbers = [0, 0, 0, 0]
    flags: set[str] = set()
    half = at = 0
    while at < len(text):
        numbers[2 * half], at = _position(text, at)
        if text.startswith(".", at):
            numbers[2 * half + 1], at = _position(text, at + 1)
        while at < len(text):
            letter = text[at]
            at += 1
            if letter == "," and not half:
                half = 1
                break
            if letter not in SORT_LETTERS:
                raise AppletError("unknown key option", 2)
            if letter not in KEY_FLAGS:
                raise AppletError("unknown sort type", 2)
            flags.add("B" if half and letter == "b" else letter)
    first_field, first_char, last_field, last_char = numbers
    return SortKey(
        first_field=first_field,
        first_char=first_char,
        last_field=last_field,
        last_char=last_char,
        flags=frozenset(flags),
    )


def _position(text: str, at: int) -> tuple[int, int]:
    found = re.compile("[0-9]+").match(text, at)
    if found is None or len(found[0]) > 12 or not 0 < int(found[0]) <= NUMBER_MAX:
        raise AppletError("bad field specification", 2)
    return int(found[0]), found.end()


def key_text(line: str, key: SortKey, flags: frozenset[str], separator: str) -> str:
    """The part of a line that a key is about."""
    start = len(line) if not key.first_field else _field(line, key.first_field - 1, separator)[0]
    end = len(line)
    if key.last_field:
        end, is_behind_separator = _field(line, key.last_field, separator)
        end -= is_behind_separator
    if "b" in flags:
        while start < len(line) and line[start] in _SPACE:
            start += 1
    if "B" in flags:
        while end > start and line[end - 1] in _SPACE:
            end -= 1
    if key.last_char:
        end = min(key.last_char, len(line))
    if key.first_char:
        start = min(start + key.first_char - 1, len(line))
    text = line[start:end]
    if "d" in flags:
        text = _NOT_DICTIONARY.sub("", text)
    if "i" in flags:
        text = _NOT_PRINTABLE.sub("", text)
    return text.translate(_UPPER) if "f" in flags else text


def _field(line: str, count: int, separator: str) -> tuple[int, bool]:
    """Where the text behind so many fields begins, and whether a separator stands before it."""
    at = 0
    is_behind_separator = False
    for _ in range(min(count, len(line) + 1)):
        if separator:
            found = line.find(separator, at)
            is_behind_separator = found >= 0 or (is_behind_separator and at == len(line))
            at = len(line) if found < 0 else found + 1
        else:
            match = _FIELD.match(line, at)
            at = at if match is None else match.end()
    return at, is_behind_separator


def comparable(text: str, kind: str) -> Comparable:
    """What stands for the text in comparisons of a kind: "" bytes, "n", "g", "M" or "V"."""
    if kind == "n":
        number = _leading_number(text)
        return 0.0 if number is None or math.isnan(number) else number
    if kind == "g":
        number = _leading_number(text)
        if number is None:
            return (0.0, 0.0)
        return (1.0, 0.0) if math.isnan(number) else (2.0, number)
    if kind == "M":
        name = text.lstrip(_SPACE)[:3].lower()
        return float(_MONTHS.index(name)) if name in _MONTHS else -1.0
    return VersionText(text) if kind == "V" else text


def _leading_number(text: str) -> float | None:
    """The number a text begins with; strtod(3)."""
    found = _FLOAT.match(text)
    if found is None:
        return None
    try:
        return float.fromhex(found[1]) if "x" in found[1].lower() else float(found[1])
    except OverflowError:
        return math.inf


@functools.total_ordering
class VersionText:
    """Text in which numbers count as numbers. Mirrors glibc: string/strverscmp.c."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, VersionText) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)

    def __lt__(self, other: VersionText) -> bool:
        one, two = self.text, other.text
        at = 0
        while at < len(one) and at < len(two) and one[at] == two[at]:
            at += 1
        start = at
        while start and _is_digit(one[start - 1]):
            start -= 1
        common, first, second = one[start:at], one[at : at + 1], two[at : at + 1]
        is_number = _is_digit(first), _is_digit(second)
        if not common:
            counts_digits = all(is_number) and "0" not in (first, second)
        elif not common.startswith("0"):
            if is_number[0] != is_number[1]:
                return is_number[1]
            counts_digits = all(is_number)
        else:
            counts_digits = False
            if not common.strip("0") and is_number[0] != is_number[1]:
                return is_number[0]
        if counts_digits:
            length, other_length = _digits(one, at), _digits(two, at)
            if length != other_length:
                return length < other_length
        return first < second


def _is_digit(char: str) -> bool:
    return "0" <= char <= "9"


def _digits(text: str, at: int) -> int:
    end = at
    while end < len(text) and _is_digit(text[end]):
        end += 1
    return end - at
