"""Flags of programs written with Go's pflag: `--name=value`, `--name value`, `-n value`.

Mirrors pflag: flag.go, parseLongArg and parseSingleShortArg. The usage text that such programs print behind an error is
left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kubesim.errors import KubesimError

_TRUE = ("1", "t", "T", "true", "TRUE", "True")
_FALSE = ("0", "f", "F", "false", "FALSE", "False")


class FlagError(KubesimError):
    """A command line that is refused, in pflag's words."""


def parse_flags(
    words: Sequence[str],
    names: Sequence[str],
    *,
    switches: Sequence[str] = (),
    short: Mapping[str, str] | None = None,
    operands: list[str] | None = None,
) -> dict[str, str]:
    """Values by name. `switches` need no value and end up "true" or "false"; `short` gives the long name of a letter.

    Other words go to `operands`. Raises FlagError, also for operands of a program that takes none.
    """
    found: dict[str, str] = {}
    left = list(words)
    while left:
        word = left.pop(0)
        is_long = word.startswith("--")
        if not is_long and (not word.startswith("-") or word == "-"):
            _take_operands([word], operands)
            continue
        if word == "--":
            _take_operands(left, operands)
            break
        name, equals, value = word.lstrip("-").partition("=")
        if not is_long:
            letter = name[:1]
            if letter not in (short or {}):
                raise FlagError(f"unknown shorthand flag: '{letter}' in {word}")
            value, equals = (name[1:], "=") if name[1:] else (value, equals)
            name = (short or {})[letter]
        if name in switches:
            found[name] = "true" if not equals or boolean(name, value) else "false"
        elif name not in names:
            raise FlagError(f"unknown flag: --{name}")
        elif equals:
            found[name] = value
        elif left:
            found[name] = left.pop(0)
        else:
            raise FlagError(f"flag needs an argument: {word}")
    return found


def integer(name: str, text: str) -> int:
    """The value of a flag that is a number. Raises FlagError."""
    if not (text.isascii() and text[text[:1] in ("+", "-") :].isdecimal()):
        reason = f'strconv.ParseInt: parsing "{text}": invalid syntax'
        raise FlagError(f'invalid argument "{text}" for "--{name}" flag: {reason}')
    return int(text)


def boolean(name: str, text: str) -> bool:
    """The value of a flag that is true or false, as Go reads them. Raises FlagError."""
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    reason = f'strconv.ParseBool: parsing "{text}": invalid syntax'
    raise FlagError(f'invalid argument "{text}" for "--{name}" flag: {reason}')


def _take_operands(words: Sequence[str], operands: list[str] | None) -> None:
    if words and operands is None:
        raise FlagError(f'unknown command "{words[0]}"')
    if operands is not None:
        operands += words
