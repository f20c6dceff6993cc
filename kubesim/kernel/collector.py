"""Python's collector of cycles, while a virtual run goes on: it comes less often.

A run makes many objects that live: pods, calls that are kept. Each pass of the collector looks at all that are young,
and finds next to nothing, because what ends here is not held in cycles.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

YOUNG_OBJECTS = 20_000
"""So many objects more than went are made before the collector looks; Python's own number is 700."""
YOUNG_PASSES = 20
MIDDLE_PASSES = 100


@contextmanager
def rare_collections() -> Iterator[None]:
    """Within it the collector comes rarely, unless somebody made it rarer still; afterwards as before."""
    before = gc.get_threshold()
    wanted = (YOUNG_OBJECTS, YOUNG_PASSES, MIDDLE_PASSES)
    # A threshold of 0 is a collector that never comes.
    gc.set_threshold(*(old and max(old, new) for old, new in zip(before, wanted, strict=True)))
    try:
        yield
    finally:
        gc.set_threshold(*before)
