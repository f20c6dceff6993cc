"""Flags as cobra's pflag reads them: `--name value`, `--name=value`, and bare switches.

Mirrors spf13/pflag: flag.go, parseLongArg.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

SWITCH_VALUES = ("true", "false")


class FlagError(ValueError):
    """A flag that is not there, or that lacks its value. The text is pflag's."""


def parse_flags(
    words: Sequence[str], defaults: Mapping[str, str], *, operands: list[str] | None = None
) -> dict[str, str]:
    """Values by name; a default of "true" or "false" makes a switch. Other words go to `operands`. Raises FlagError."""
    values = dict(defaults)
    pending = list(words)
    while pending:
        word = pending.pop(0)
        if not word.startswith("--"):
            if word.startswith("-") and len(word) > 1:
                raise FlagError(f"unknown shorthand flag: '{word[1]}' in {word}")
            if operands is None:
                raise FlagError(f'unknown command "{word}"')
            operands.append(word)
            continue
        if word == "--":
            if operands is not None:
                operands += pending
            break
        name, sign, value = word[2:].partition("=")
        if name not in defaults:
            raise FlagError(f"unknown flag: --{name}")
        if not sign:
            if defaults[name] in SWITCH_VALUES:
                value = "true"
            elif pending:
                value = pending.pop(0)
            else:
                raise FlagError(f"flag needs an argument: --{name}")
        if defaults[name] in SWITCH_VALUES and value not in SWITCH_VALUES:
            raise FlagError(f'invalid argument "{value}" for "--{name}" flag: strconv.ParseBool: invalid syntax')
        values[name] = value
    return values
