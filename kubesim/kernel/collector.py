"""Python's collector of cycles, while a virtual run goes on: it comes less often.

A run makes many objects that live: pods, calls that are kept. Python's collector looks at each of them several times
while they grow old, and finds next to nothing, because what ends here is not held in cycles: a pod is in none, only a
world as a whole is. So a run leaves what it made to the oldest generation unseen, and all is looked at when there is
much unseen and another world was made, which may have taken the place of one: the cost of a pod does not grow with how
many there are.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

YOUNG_OBJECTS = 20_000
"""So many objects more than went are made within a run before the collector looks at those, while they are at hand;
Python's own number is 700."""
UNSEEN_OBJECTS_MIN = 1_000_000
"""Fewer objects that nobody has looked at are not worth a look at all."""
UNSEEN_OBJECTS_MAX = 8_000_000
"""So many are, though no other world was made: about a gigabyte."""
_NEVER = 1_000_000
"""Looks at the youngest before one at those that were looked at already."""


class _Looks:
    """What the collector has looked at, and what not."""

    def __init__(self) -> None:
        self._seen_count = 0
        self._unseen_count = 0
        self._worlds_count = 0

    def world_made(self) -> None:
        """A world was made; who made it may have let go of another one."""
        self._worlds_count += 1

    def leave(self, young_count: int) -> None:
        """Make all objects the oldest, so many young ones among them; all are looked at when that is due."""
        if gc.get_freeze_count():
            return  # somebody keeps objects away from the collector: thawing ours would thaw those
        gc.freeze()
        gc.unfreeze()
        self._unseen_count += young_count
        if self._is_due():
            # Many of them are gone again by themselves.
            self._unseen_count = len(gc.get_objects()) - self._seen_count
            if self._is_due():
                gc.collect()
                self._seen_count = len(gc.get_objects())
                self._unseen_count = self._worlds_count = 0

    def _is_due(self) -> bool:
        return self._unseen_count >= (UNSEEN_OBJECTS_MIN if self._worlds_count > 1 else UNSEEN_OBJECTS_MAX)


looks = _Looks()  # one, as the collector is one of the process


@contextmanager
def rare_collections() -> Iterator[None]:
    """Within it the collector comes rarely, unless somebody made it rarer still; afterwards as before."""
    before = gc.get_threshold()
    is_rarer = 0 < before[0] < YOUNG_OBJECTS  # a threshold of 0 is a collector that never comes
    if is_rarer:
        gc.set_threshold(YOUNG_OBJECTS, _NEVER, _NEVER)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        if is_rarer:
            young_count, passes, _ = gc.get_count()
            young_count += passes * YOUNG_OBJECTS
            if young_count > before[0]:
                looks.leave(young_count)
