"""Looks in vain: what beats do while nothing happens, without doing it one by one.

    beat A   |    |    |    |    |         a *series*: the instants at which one beat looks
    beat B     |       |       |           a *stretch*: the series of all beats until something happens

A day of an idle node is one stretch of some hundred thousand looks. It is kept as its series; the order of the looks,
which is that of the queue they never went through, is found out when somebody asks for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from heapq import heapify, heappop, heappush
from typing import NamedTuple


class Series(NamedTuple):
    """The looks of one beat.

    `times_ns` are the instants, one after the other; a range when they are a period apart. `sequence` is that of the
    timer of the first one, and `is_last` says that the beat comes after everything that is due at its instants.
    """

    times_ns: Sequence[int]
    sequence: int
    is_last: bool = False

    def ends_before(self, other: Series) -> bool:
        """Whether the last look comes before the last look of another beat of the stretch.

        At one instant that timer fires first which was set first, which is when its beat looked the time before. Those
        of the first looks were set before the stretch.
        """
        back = self._alike(other)
        while back <= len(self.times_ns) and back <= len(other.times_ns):
            key, other_key = ((one.times_ns[-back], one.is_last) for one in (self, other))
            if key != other_key:
                return key < other_key
            back += 1
        mine, others = len(self.times_ns), len(other.times_ns)
        return self.sequence < other.sequence if mine == others else mine < others

    def _alike(self, other: Series) -> int:
        """From which look, counted from the end, it makes sense to compare: beats of one period never part."""
        one, two = self.times_ns, other.times_ns
        if type(one) is range and type(two) is range and one.step == two.step:
            return min(len(one), len(two))
        return 1


def in_order(stretch: Sequence[Series]) -> Iterator[tuple[int, int]]:
    """The looks of a stretch as they follow one another: the time in ns, and which series it is of."""
    queue = [(one.times_ns[0], one.sequence, place, one.is_last) for place, one in enumerate(stretch)]
    heapify(queue)
    sequence = max((one.sequence for one in stretch), default=0)
    done = [0] * len(stretch)
    while queue:
        time_ns, _, place, has_to_wait = heappop(queue)
        sequence += 1
        if has_to_wait:
            heappush(queue, (time_ns, sequence, place, False))
            continue
        yield time_ns, place
        done[place] += 1
        one = stretch[place]
        if done[place] < len(one.times_ns):
            heappush(queue, (one.times_ns[done[place]], sequence, place, one.is_last))


class Stretch:
    """The looks in vain of all beats between two things that happened; compared by identity."""

    __slots__ = ()


class Looks(NamedTuple):
    """What a beat is told: so many looks in vain, all in the past by now. A single one belongs to no stretch."""

    series: Series
    stretch: Stretch | None = None

    @property
    def times(self) -> int:
        """How many there were, at least one."""
        return len(self.series.times_ns)

    @property
    def last_ns(self) -> int:
        """When the last one was."""
        return self.series.times_ns[-1]
