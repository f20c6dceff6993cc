"""What a metric is: a row of the table, and what a histogram keeps.

Mirrors Kubernetes: staging/src/k8s.io/component-base/metrics (buckets.go, histogram.go).
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import Literal

Labels = tuple[tuple[str, str], ...]

DEFAULT_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One row: what it counts or shows, which labels it has, and which gates must be on for it to be there."""

    kind: Literal["counter", "gauge", "histogram"]
    help: str
    labels: tuple[str, ...] = ()
    stability: Literal["ALPHA", "BETA"] = "ALPHA"
    gates: tuple[str, ...] = ()
    preset: tuple[Labels, ...] = ()
    """Series of a metric with labels that show 0 from the start."""
    buckets: tuple[float, ...] = DEFAULT_BUCKETS
    """Of a histogram: the upper bounds, without +Inf."""
    is_vector: bool = False
    """Upstream's metric is a vector although it has no labels: it shows once it was touched."""

    @property
    def first_series(self) -> tuple[Labels, ...]:
        """What shows 0 from the start."""
        return self.preset if self.labels or self.is_vector else ((),)


def exponential_buckets(start: float, factor: float, count: int) -> tuple[float, ...]:
    """`count` bounds, each `factor` times the one before it."""
    bounds = []
    for _ in range(count):
        bounds.append(start)
        start *= factor
    return tuple(bounds)


class Histogram:
    """How many observations fell under each bound; their sum."""

    __slots__ = ("_bounds", "_counts", "sum")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, value: float, times: int = 1) -> None:
        """Count one more, or several of the same."""
        self._counts[bisect_left(self._bounds, value)] += times
        self.sum += value * times

    @property
    def count(self) -> int:
        """All observations."""
        return sum(self._counts)

    def cumulative(self) -> list[tuple[float, int]]:
        """For each bound how many observations were at most that; the last bound is infinite."""
        rows, total = [], 0
        for bound, count in zip((*self._bounds, float("inf")), self._counts, strict=True):
            total += count
            rows.append((bound, total))
        return rows
