"""What the readers of a program's script share: durations, and where a mistake goes."""

from __future__ import annotations

from collections.abc import Callable

from kubesim.errors import InputError
from kubesim.model.duration import parse_duration
from kubesim.model.paths import Path

EVERY_MIN_NS = 1_000_000
"""1 ms: a shorter period is a loop, which only costs time."""

Report = Callable[[Path, str, str], object]
"""Takes a mistake: its path below the script, what is wrong, and what would be right."""


class ScriptReader:
    """Measures texts; every mistake goes to `report`, and the value is then of no use."""

    def __init__(self, report: Report) -> None:
        self._report = report

    def duration(self, path: Path, text: str) -> int:
        """Nanoseconds of a Go duration."""
        return self.measure(path, text, parse_duration) or 0

    def period(self, path: Path, text: str) -> int | None:
        """Nanoseconds of a Go duration after which something comes again; None for one that is wrong."""
        period_ns = self.measure(path, text, parse_duration)
        if period_ns is not None and period_ns < EVERY_MIN_NS:
            self._report(path, f"{text} is shorter than 1ms", "")
        return period_ns

    def measure(self, path: Path, text: str, parse: Callable[[str], int], *, hint: str = "") -> int | None:
        """A number that is not negative; None for a text that is none."""
        try:
            number = parse(text)
        except InputError as error:
            self._report(path, error.what, error.hint or hint)
            return None
        if number < 0:
            self._report(path, f"{text} is negative", "")
            return None
        return number
