"""Ids and their unique prefixes: any unique prefix of an id stands for it.

Mirrors containerd: internal/truncindex/truncindex.go. CRI-O uses the same index.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator
from enum import StrEnum

from msgspec import Struct


class Match(StrEnum):
    """How a look-up by prefix ended."""

    FOUND = "found"
    MISSING = "missing"
    AMBIGUOUS = "ambiguous"
    EMPTY = "empty"
    """The prefix is empty: refused, although it matches everything."""


class Lookup(Struct, frozen=True):
    """The answer of `IdIndex.resolve`: the whole id when FOUND, else ""."""

    match: Match
    id: str = ""


class IdIndex:
    """A sorted list of ids; a look-up costs two bisections, however many ids there are."""

    __slots__ = ("_ids",)

    def __init__(self) -> None:
        self._ids: list[str] = []

    def __len__(self) -> int:
        return len(self._ids)

    def __iter__(self) -> Iterator[str]:
        """The ids, sorted."""
        return iter(self._ids)

    def add(self, full_id: str) -> None:
        """Add an id that is not there yet."""
        insort(self._ids, full_id)

    def remove(self, full_id: str) -> None:
        """Remove an id that is there."""
        at = bisect_left(self._ids, full_id)
        if at == len(self._ids) or self._ids[at] != full_id:
            raise KeyError(full_id)
        del self._ids[at]

    def resolve(self, prefix: str) -> Lookup:
        """The one id that begins with `prefix`. A whole id is found even if it is also the prefix of another."""
        if not prefix:
            return Lookup(Match.EMPTY)
        at = bisect_left(self._ids, prefix)
        if at == len(self._ids) or not self._ids[at].startswith(prefix):
            return Lookup(Match.MISSING)
        found = self._ids[at]
        if found != prefix and at + 1 < len(self._ids) and self._ids[at + 1].startswith(prefix):
            return Lookup(Match.AMBIGUOUS)
        return Lookup(Match.FOUND, found)
