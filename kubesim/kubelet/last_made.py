"""What was made last, kept for who makes it again from the same: a container that restarts, an answer that comes again.

A kubelet makes the configuration of a container anew for each of its starts, and asks about every sandbox and container
of a pod whenever one of them changes; most of what goes in is as it was.
"""

from __future__ import annotations

from typing import Generic, TypeVar

Source = TypeVar("Source")
Made = TypeVar("Made")

KEPT_MAX = 256
"""So many made last: of what happens on a node now, not of all that runs on it."""


class LastMade(Generic[Source, Made]):
    """What was made last under each key. It holds for whatever equals what it was made from.

    That has to be all that it depends on. Of a tuple the same object is equal before anybody looks into it.
    """

    __slots__ = ("_made",)

    def __init__(self) -> None:
        self._made: dict[str, tuple[Source, Made]] = {}

    def get(self, key: str, source: Source) -> Made | None:
        """What was made last from this; None when that was made from something else, or too long ago."""
        known = self._made.get(key)
        return known[1] if known is not None and known[0] == source else None

    def put(self, key: str, source: Source, made: Made) -> None:
        """Keep what was made from this, in the place of what was made before."""
        self._made.pop(key, None)
        self._made[key] = (source, made)
        if len(self._made) > KEPT_MAX:
            del self._made[next(iter(self._made))]
