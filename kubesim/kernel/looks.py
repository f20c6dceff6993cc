"""Looks in vain: what beats do while nothing happens, without doing it one by one.

    beat A   |    |    |    |    |         a *series*: the instants at which one beat looks
    beat B     |       |       |           a *stretch*: the series of all beats until something happens

A day of an idle node is one stretch of some hundred thousand looks. It is kept as its series; the order of the looks,
which is that of the queue they never went through, is found out when somebody asks for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from heapq import heapify, heappop, heappush

from msgspec import Struct


class Series(Struct, frozen=True, array_like=True, gc=False):
    """The looks of one beat, of which there is at least one; plain values, of which a journal keeps many.

    They are `step_ns` apart, or at the instants `drawn_ns`, when chance decided. `sequence` is that of the timer of the
    first one, and `is_last` says that the beat comes after everything that is due at its instants.
    """

    first_ns: int
    last_ns: int
    step_ns: int
    times: int
    sequence: int
    is_last: bool = False
    drawn_ns: tuple[int, ...] = ()

    @property
    def times_ns(self) -> Sequence[int]:
        """The instants, one after the other."""
        return self.drawn_ns or range(self.first_ns, self.last_ns + 1, self.step_ns)

    @property
    def end(self) -> tuple[int, bool, int]:
        """What decides nearly always which of two beats looked last: the last look and the one before it."""
        if self.times == 1:
            return self.last_ns, self.is_last, -1
        return self.last_ns, self.is_last, self.last_ns - self.step_ns if self.step_ns else self.drawn_ns[-2]

    def ends_before(self, other: Series) -> bool:
        """Whether the last look comes before the last look of another beat of the stretch.

        At one instant that timer fires first which was set first, which is when its beat looked the time before. Those
        of the first looks were set before the stretch.
        """
        end, other_end = self.end, other.end
        if end != other_end:
            return end < other_end
        if self.drawn_ns or other.drawn_ns:
            # Chance can bring them together for longer than that; beats of one period never part.
            for one_ns, other_ns in zip(reversed(self.times_ns), reversed(other.times_ns), strict=False):
                if one_ns != other_ns:
                    return one_ns < other_ns
        return self.sequence < other.sequence if self.times == other.times else self.times < other.times


def in_order(stretch: Sequence[Series]) -> Iterator[tuple[int, int]]:
    """The looks of a stretch as they follow one another: the time in ns, and which series it is of."""
    queue = [(one.first_ns, one.sequence, place, one.is_last) for place, one in enumerate(stretch)]
    times_ns = [one.times_ns for one in stretch]
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
        if done[place] < one.times:
            heappush(queue, (times_ns[place][done[place]], sequence, place, one.is_last))


class Stretch:
    """The looks in vain of all beats between two things that happened; compared by identity."""

    __slots__ = ()


class Looks(Struct, frozen=True, gc=False):
    """What a beat is told: so many looks in vain, all in the past by now. A single one belongs to no stretch."""

    series: Series
    stretch: Stretch | None = None

    @property
    def times(self) -> int:
        """How many there were, at least one."""
        return self.series.times

    @property
    def last_ns(self) -> int:
        """When the last one was."""
        return self.series.last_ns
