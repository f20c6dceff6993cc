"""Text written so that a shell reads it back. Mirrors busybox: shell/ash.c, single_quote, maybe_single_quote."""

from __future__ import annotations

_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+,-./:@]^_")


def single_quoted(text: str) -> str:
    """Text in single quotes: what `set`, `export -p`, `alias` and `trap` list. Quotes in it stand in double quotes."""
    pieces: list[str] = []
    rest = text
    while True:
        plain, quote, _ = rest.partition("'")
        if plain or not (quote or pieces):
            pieces.append(f"'{plain}'")
        if not quote:
            return "".join(pieces)
        rest = rest[len(plain) :]
        quotes = rest[: len(rest) - len(rest.lstrip("'"))]
        pieces.append(f'"{quotes}"')
        rest = rest[len(quotes) :]
        if not rest:
            return "".join(pieces)


def traced(word: str) -> str:
    """A word as `set -x` shows it: in quotes only where it needs them, and nothing for an empty one."""
    return word if _PLAIN.issuperset(word) else single_quoted(word)
