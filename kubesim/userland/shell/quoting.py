"""Text written so that a shell reads it back. Mirrors busybox: shell/ash.c, single_quote, maybe_single_quote."""

from __future__ import annotations

import re

_PIECES = re.compile(r"([^']*)('*)")

_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+,-./:@]^_")


def single_quoted(text: str) -> str:
    """Text in single quotes: what `set`, `export -p`, `alias` and `trap` list. Quotes in it stand in double quotes."""
    if not text:
        return "''"
    pieces = [(plain, quotes) for plain, quotes in _PIECES.findall(text) if plain or quotes]
    return "".join(f"'{plain}'" + (f'"{quotes}"' if quotes else "") for plain, quotes in pieces)


def traced(word: str) -> str:
    """A word as `set -x` shows it: in quotes only where it needs them, and nothing for an empty one."""
    return word if _PLAIN.issuperset(word) else single_quoted(word)
