"""The id map of a user namespace: which one the kernel takes.

Mirrors Linux: kernel/user_namespace.c, map_write and mappings_overlap.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

Extent = tuple[int, int, int]
"""The first id inside, the first id outside, and how many there are: a line of /proc/PID/uid_map."""

_NO_ID = 2**32 - 1
_MOST_EXTENTS = 340


def is_id_map(extents: Sequence[Extent]) -> bool:
    """Whether the kernel takes these lines; it answers others with "Invalid argument".

    There is at least one; each has ids, up to the last but one of 32 bits; no two share an id inside or outside.
    """
    if not 1 <= len(extents) <= _MOST_EXTENTS or not all(_is_extent(extent) for extent in extents):
        return False
    inside = [(first, count) for first, _, count in extents]
    outside = [(first, count) for _, first, count in extents]
    return not (_overlap(inside) or _overlap(outside))


def _is_extent(extent: Extent) -> bool:
    inside, outside, count = extent
    return count > 0 and inside + count <= _NO_ID and outside + count <= _NO_ID


def _overlap(ranges: list[tuple[int, int]]) -> bool:
    ranges.sort()
    return any(first + count > following for (first, count), (following, _) in pairwise(ranges))
