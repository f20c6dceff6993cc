"""What writes of Events of two hosts have in common: what they say, in which order, how often, and when, coarsely."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any

from scripts.recordings.normal import Normaliser

PULL_FIGURES = re.compile(r"in \S+ \(\S+ including waiting\)\. Image size: \d+ bytes\.")
"""How long a pull took, and how big the stand-in of an image was, are of the host."""

AT_ONCE_SECONDS = 0.2
OF_GOROUTINES = {"Killing", "Unhealthy", "ProbeWarning", "FailedPreStopHook"}
"""Containers of a pod are probed and killed by goroutines of their own: which is first told of is chance."""
GAP_SECONDS = 2.0
GAP_PART = 0.5
"""A write may come this much earlier or later after the one before it: retries wait up to half as long again."""


def normalised_events(writes: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The writes of the Events of one pod, without what depends on clock and host."""
    normaliser = Normaliser()
    rows = []
    for write in in_order(writes):
        message = PULL_FIGURES.sub("in <time>, <size>.", write["message"])
        rows.append({**write, "message": normaliser.value(message)})
    return [
        {key: row[key] for key in sorted(row) if key not in {"t", "firstTimestamp", "lastTimestamp"}} for row in rows
    ]


def in_order(writes: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same writes, with those of one moment by several goroutines sorted by their container."""
    rows: list[dict[str, Any]] = []
    moment: list[dict[str, Any]] = []

    def flush() -> None:
        rows.extend(sorted(moment, key=lambda one: str(one.get("fieldPath"))))
        moment.clear()

    for write in writes:
        is_of_goroutine = write["reason"] in OF_GOROUTINES
        if not is_of_goroutine or (moment and write["t"] - moment[0]["t"] > AT_ONCE_SECONDS):
            flush()
        if is_of_goroutine:
            moment.append(write)
        else:
            rows.append(write)
    flush()
    return rows


def difference_of_times(recorded: Sequence[dict[str, Any]], played: Sequence[dict[str, Any]]) -> str:
    """Where two equal sequences of writes differ in when they were written, or in their own times; "" if nowhere."""
    for index, (want, have) in enumerate(zip(_gaps(recorded), _gaps(played), strict=True)):
        if not is_about(want, have):
            return f"event {index + 1}: recorded {want:.1f} s after the one before it, written {have:.1f} s after"
    for index, (want, have) in enumerate(zip(map(_span, recorded), map(_span, played), strict=True)):
        if not is_about(want, have):
            return f"event {index}: recorded {want:.0f} s after its first time, written {have:.0f} s after"
    return ""


def is_about(want: float, have: float) -> bool:
    """Whether two durations are the same as far as chance allows."""
    return abs(want - have) <= max(GAP_SECONDS, GAP_PART * max(want, have))


def _gaps(writes: Sequence[dict[str, Any]]) -> list[float]:
    return [later["t"] - earlier["t"] for earlier, later in pairwise(writes)]


def _span(write: dict[str, Any]) -> float:
    """Seconds from the first time of an Event to its last."""
    first, last = (datetime.fromisoformat(write[name]) for name in ("firstTimestamp", "lastTimestamp"))
    return (last - first).total_seconds()
