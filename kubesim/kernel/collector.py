"""Python's collector of cycles, while a virtual run goes on: it comes less often.

A run makes many objects that live: pods, calls that are kept. Python's collector looks at each of them several times
while they grow old, and finds next to nothing, because what ends here is not held in cycles. So a run leaves what it
made to the oldest generation unseen. All is looked at when there is as much unseen as was there at the last look, or
four times as much when that look found nothing: the cost of an object does not grow with how many there are, and where
cycles are left behind they go soon.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

YOUNG_OBJECTS = 1_000_000
"""So many objects more than went are made within a run before the collector looks; Python's own number is 700."""
UNSEEN_OBJECTS_MIN = 1_000_000
"""Fewer objects that nobody has looked at are not worth a look at all."""


PATIENCE = 4
"""So many times what is there may be unseen, after a look that found nothing."""
_NOTHING = 0.01
"""The part of what is there that a look must find in cycles to have found something."""


class _Looks:
    """What the collector has looked at, and what not."""

    def __init__(self) -> None:
        self._due_count = UNSEEN_OBJECTS_MIN
        self._unseen_count = 0

    def leave(self, young_count: int) -> None:
        """Make so many young objects, all there are, the oldest; all are looked at when that is due."""
        if gc.get_freeze_count():
            return  # somebody keeps objects away from the collector: thawing ours would thaw those
        gc.freeze()
        gc.unfreeze()
        self._unseen_count += young_count
        if self._unseen_count >= self._due_count:
            found_count = gc.collect()
            there_count = len(gc.get_objects())
            patience = 1 if found_count > _NOTHING * there_count else PATIENCE
            self._due_count, self._unseen_count = max(patience * there_count, UNSEEN_OBJECTS_MIN), 0


_looks = _Looks()  # one, as the collector is one of the process


@contextmanager
def rare_collections() -> Iterator[None]:
    """Within it the collector comes rarely, unless somebody made it rarer still; afterwards as before."""
    before = gc.get_threshold()
    is_rarer = 0 < before[0] < YOUNG_OBJECTS  # a threshold of 0 is a collector that never comes
    if is_rarer:
        gc.set_threshold(YOUNG_OBJECTS, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
        young_count = gc.get_count()[0]
        if is_rarer and young_count > before[0]:
            _looks.leave(young_count)
