"""Flags of programs written with Go's pflag: `--name=value`, `--name value`, `-n value`.

Mirrors pflag: flag.go, parseLongArg and parseSingleShortArg. The usage text that such programs print behind an error is
left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kubesim.errors import KubesimError


class FlagError(KubesimError):
    """A command line that is refused, in pflag's words."""


def parse_flags(
    words: Sequence[str],
    names: Sequence[str],
    *,
    switches: Sequence[str] = (),
    short: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Values by name. `switches` need no value and are then "true"; `short` gives the long name of a letter.

    Raises FlagError, also for operands: none of the programs takes any.
    """
    found: dict[str, str] = {}
    left = list(words)
    while left:
        word = left.pop(0)
        is_long = word.startswith("--")
        if not is_long and (not word.startswith("-") or word == "-"):
            raise FlagError(f'unknown command "{word}"')
        name, equals, value = word.lstrip("-").partition("=")
        if not is_long:
            letter = name[:1]
            if letter not in (short or {}):
                raise FlagError(f"unknown shorthand flag: '{letter}' in {word}")
            value, equals = (name[1:], "=") if name[1:] else (value, equals)
            name = (short or {})[letter]
        if name in switches:
            found[name] = value if equals else "true"
        elif name not in names:
            raise FlagError(f"unknown flag: --{name}")
        elif equals:
            found[name] = value
        elif left:
            found[name] = left.pop(0)
        else:
            raise FlagError(f"flag needs an argument: {word}")
    return found
