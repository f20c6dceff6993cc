"""Which steps of one trace another does not have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable
from typing import TypeVar

_Step = TypeVar("_Step", bound=Hashable)


def steps_not_in(others: Iterable[_Step], steps: Iterable[_Step]) -> tuple[_Step, ...]:
    """The steps that are not among the others, in their order. One that is there twice must be twice among them."""
    left = Counter(others)
    found = []
    for step in steps:
        if left[step] > 0:
            left[step] -= 1
        else:
            found.append(step)
    return tuple(found)
