"""Counts of head and tail: `10`, `-5`, `+3`, with the suffixes b, k and m."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

SUFFIXES = {"b": 512, "k": 1024, "m": 1024 * 1024}


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """How much of a file is meant."""

    number: int
    sign: str
    """ "+", "-" or ""."""


def parse_count(text: str) -> Count | None:
    """A count; None when it is none."""
    sign = text[:1] if text[:1] in ("+", "-") else ""
    digits = text[len(sign) :]
    factor = SUFFIXES.get(digits[-1:], 1)
    digits = digits[:-1] if factor > 1 else digits
    if not (digits.isascii() and digits.isdecimal()) or len(digits) > 15:
        return None
    return Count(number=int(digits) * factor, sign=sign)


def modern_argv(argv: Sequence[str], signs: str) -> list[str]:
    """`-5` and, where `signs` has it, `+5` as first argument become `-n 5`: how old scripts write it."""
    first = argv[1] if len(argv) > 1 else ""
    if first[:1] and first[0] in signs and first[1:2].isascii() and first[1:2].isdecimal():
        return [argv[0], "-n", first.removeprefix("-"), *argv[2:]]
    return list(argv)
