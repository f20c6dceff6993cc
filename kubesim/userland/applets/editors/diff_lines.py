"""Which lines of two texts correspond: Hunt and McIlroy's longest common subsequence, as the BSDs' diff has it.

Mirrors busybox: editors/diff.c, create_J and stone: where several answers are as good, the same one is found.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Hashable, Sequence
from math import isqrt

TRIES_MIN = 256
"""Partners of one line that are tried at least; beyond the root of the number of lines it gives up, without -d."""


def matched_lines(old: Sequence[Hashable], new: Sequence[Hashable], *, is_thorough: bool) -> list[int]:
    """For each old line, counted from 1, the new line that it is; 0 for none.

    The list has an entry for line 0 and one behind the last line, which correspond.

    >>> matched_lines(["a", "b", "c"], ["a", "c"], is_thorough=False)
    [0, 1, 0, 2, 3]
    """
    shortest = min(len(old), len(new))
    prefix = 0
    while prefix < shortest and old[prefix] == new[prefix]:
        prefix += 1
    suffix = 0
    while suffix < shortest - prefix and old[-1 - suffix] == new[-1 - suffix]:
        suffix += 1
    partners = [0] * (len(old) + 2)
    for line in range(1, prefix + 1):
        partners[line] = line
    for line in range(len(old) - suffix + 1, len(old) + 2):
        partners[line] = line + len(new) - len(old)
    middle_old = old[prefix : len(old) - suffix]
    middle_new = new[prefix : len(new) - suffix]
    for line, partner in _common(middle_old, middle_new, is_thorough=is_thorough):
        partners[line + prefix] = partner + prefix
    return partners


def _common(old: Sequence[Hashable], new: Sequence[Hashable], *, is_thorough: bool) -> list[tuple[int, int]]:
    """Pairs of lines of a longest common subsequence, counted from 1."""
    places: dict[Hashable, list[int]] = defaultdict(list)
    for number, key in enumerate(new, start=1):
        places[key].append(number)
    tries_max = len(new) + 1 if is_thorough else max(TRIES_MIN, isqrt(len(old)))
    candidates: list[tuple[int, int, int]] = [(0, 0, 0)]  # old line, new line, candidate before
    best = [0]  # the candidate that ends a chain of so many pairs at the earliest new line
    best_lines = [0]
    for line, key in enumerate(old, start=1):
        before, replaced_length, tries = best[0], 0, 0
        for partner in places.get(key, ()):
            if tries >= tries_max:
                break
            if partner <= candidates[before][1]:
                continue
            length = bisect_left(best_lines, partner)
            if length != replaced_length + 1:
                before = best[length - 1]
            if length < len(best) and best_lines[length] <= partner:
                continue
            candidates.append((line, partner, before))
            if length == len(best):
                best.append(len(candidates) - 1)
                best_lines.append(partner)
                break
            # What this one replaces may still be followed by a later partner of the same line.
            before, replaced_length = best[length], length
            best[length], best_lines[length] = len(candidates) - 1, partner
            tries += 1
    pairs = []
    at = best[-1]
    while at:
        line, partner, at = candidates[at]
        pairs.append((line, partner))
    return pairs
