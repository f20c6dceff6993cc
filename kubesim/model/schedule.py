"""What holds when: values that take turns by time or by count."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule(Generic[T]):
    """Values by time. The first entry is from 0 ns, the times rise, and `every_ns` is after the last of them.

    >>> up_and_down = Schedule(entries=((0, "up"), (30, "down")), every_ns=60)
    >>> [(up_and_down.at(time), up_and_down.next_change_ns(time)) for time in (0, 30, 59, 60)]
    [('up', 30), ('down', 60), ('down', 60), ('up', 90)]
    >>> (Schedule(entries=((0, "up"),)).at(5), Schedule(entries=((0, "up"),)).next_change_ns(5))
    ('up', None)
    """

    entries: tuple[tuple[int, T], ...]
    """Nanoseconds from the start, and what holds from then on."""
    every_ns: int | None = None
    """The period after which it begins again; None: the last entry holds for ever."""

    def at(self, elapsed_ns: int) -> T:
        """What holds then."""
        _, index = self._place(elapsed_ns)
        return self.entries[index][1]

    def next_change_ns(self, elapsed_ns: int) -> int | None:
        """When the next entry begins, counted as `elapsed_ns` is; None when none does."""
        round_began_ns, index = self._place(elapsed_ns)
        if index + 1 < len(self.entries):
            return round_began_ns + self.entries[index + 1][0]
        return None if self.every_ns is None else round_began_ns + self.every_ns

    def _place(self, elapsed_ns: int) -> tuple[int, int]:
        """When the present round began, and the entry within it."""
        round_began_ns = 0 if self.every_ns is None else elapsed_ns // self.every_ns * self.every_ns
        return round_began_ns, bisect_right(self.entries, elapsed_ns - round_began_ns, key=lambda entry: entry[0]) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Sequence(Generic[T]):
    """Values by count: each for so many times, the last for all that follow when its count is None.

    >>> [Sequence(entries=((2, "no"), (None, "yes"))).at(count) for count in range(4)]
    ['no', 'no', 'yes', 'yes']
    >>> [Sequence(entries=((2, "no"), (1, "yes"))).at(count) for count in range(4)]
    ['no', 'no', 'yes', 'no']
    """

    entries: tuple[tuple[int | None, T], ...]
    """How often, and what. Only the last may have None."""

    def at(self, count: int) -> T:
        """The value after `count` others."""
        total = sum(times or 0 for times, _ in self.entries)
        if self.entries[-1][0] is not None:
            count %= total
        for times, value in self.entries:
            if times is None or count < times:
                return value
            count -= times
        raise AssertionError("a count beyond all entries was brought back to the first")
