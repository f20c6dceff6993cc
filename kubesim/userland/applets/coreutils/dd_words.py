"""The words of dd's command line: `bs=4k`, `conv=notrunc,sync`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from kubesim.userland.options import UsageError

_POWERS = (("k", 1), ("K", 1), ("M", 2), ("G", 3))

SUFFIXES: Mapping[str, int] = {
    "": 1,
    "c": 1,
    "w": 2,
    "b": 512,
    **{f"{letter}{end}": int(1000**power) for letter, power in _POWERS for end in "BD"},
    **{letter: int(1024**power) for letter, power in _POWERS},
}
"""Mirrors busybox: libbb/xatonum.c, cwbkMG_suffixes."""

SIZE_MAX = (1 << 63) - 1
NUMBER_MAX = (1 << 64) - 1

CHOICES = {
    "conv": ("notrunc", "sync", "noerror", "fsync", "swab"),
    "iflag": ("skip_bytes", "count_bytes", "fullblock", "direct"),
    "oflag": ("seek_bytes", "append", "direct"),
    "status": ("noxfer", "none"),
}


@dataclass(slots=True)
class Words:
    """What is asked for."""

    input: str = ""
    """"" is standard input."""
    output: str = ""
    input_bytes: int = 512
    output_bytes: int = 512
    count: int | None = None
    skip: int = 0
    seek: int = 0
    conversions: frozenset[str] = frozenset()
    input_flags: frozenset[str] = frozenset()
    output_flags: frozenset[str] = frozenset()
    statuses: frozenset[str] = frozenset()
    chosen: dict[str, frozenset[str]] = field(default_factory=dict)


def parse_words(arguments: Sequence[str]) -> Words:
    """Read them. Raises UsageError for a word that is none, ValueError with the text about a value."""
    words = Words()
    numbers: dict[str, int] = {}
    for argument in arguments:
        name, sign, value = argument.partition("=")
        if not sign:
            raise UsageError
        if name in ("bs", "ibs", "obs"):
            numbers[name] = _number(value, lowest=1, highest=SIZE_MAX)
        elif name in ("count", "skip", "seek"):
            numbers[name] = _number(value, lowest=0, highest=NUMBER_MAX)
        elif name in CHOICES:
            words.chosen[name] = words.chosen.get(name, frozenset()) | _chosen(name, value)
        elif name == "if":
            words.input = value
        elif name == "of":
            words.output = value
        else:
            raise UsageError
    both = numbers.get("bs")
    words.input_bytes = both or numbers.get("ibs", words.input_bytes)
    words.output_bytes = both or numbers.get("obs", words.output_bytes)
    words.count = numbers.get("count")
    words.skip, words.seek = numbers.get("skip", 0), numbers.get("seek", 0)
    words.conversions = words.chosen.get("conv", frozenset())
    words.input_flags = words.chosen.get("iflag", frozenset())
    words.output_flags = words.chosen.get("oflag", frozenset())
    words.statuses = words.chosen.get("status", frozenset())
    return words


def _chosen(name: str, value: str) -> frozenset[str]:
    given = [value] if name == "status" else value.split(",")
    for word in given:
        if word not in CHOICES[name]:
            raise ValueError(f"invalid argument '{word}' to '{name}'")
    return frozenset(given)


def _number(text: str, *, lowest: int, highest: int) -> int:
    digits = text
    while digits and not (digits[-1].isascii() and digits[-1].isdecimal()):
        digits = digits[:-1]
    factor = SUFFIXES.get(text[len(digits) :])
    if not digits or not (digits.isascii() and digits.isdecimal()) or factor is None or int(digits) > NUMBER_MAX:
        raise ValueError(f"invalid number '{text}'")
    number = int(digits) * factor
    if not lowest <= number <= highest:
        raise ValueError(f"number {text} is not in {lowest}..{highest} range")
    return number


def human_size(size_bytes: int) -> str:
    """`1.0M`: one digit behind the point, in powers of 1024. Mirrors busybox: libbb/human_readable.c.

    >>> human_size(512), human_size(1536), human_size(20 * 1024 * 1024)
    ('512', '1.5K', '20.0M')
    """
    value, fraction, unit = size_bytes, 0, 0
    units = ("", "K", "M", "G", "T", "P", "E", "Z", "Y")
    while value >= 1024 and unit < len(units) - 1:
        fraction = (value % 1024 * 10 + 512) // 1024
        value //= 1024
        unit += 1
        if fraction >= 10:
            value += 1
            fraction = 0
    return f"{value}.{fraction}{units[unit]}" if unit else str(value)
