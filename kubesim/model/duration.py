"""Go durations ("30s", "1m0s", "1h0m0s", "500ms") to nanoseconds and back.

Mirrors Go: src/time/time.go (Duration.String) and src/time/format.go (ParseDuration).
"""

from __future__ import annotations

import re
from functools import lru_cache

from kubesim.errors import InputError

NS_PER_SECOND = 10**9

_UNITS_NS = {
    "ns": 1,
    "us": 10**3,
    "\u00b5s": 10**3,  # micro sign
    "\u03bcs": 10**3,  # Greek letter mu
    "ms": 10**6,
    "s": NS_PER_SECOND,
    "m": 60 * NS_PER_SECOND,
    "h": 3600 * NS_PER_SECOND,
}
_TERM = re.compile(r"([0-9]*)(?:\.([0-9]*))?([^0-9.]*)")
_LIMIT_NS = 2**63


def parse_duration(text: str) -> int:
    """Nanoseconds. Raises InputError with Go's words: `time: missing unit in duration "5"`."""
    rest = text.removeprefix("-") if text.startswith("-") else text.removeprefix("+")
    if rest == "0":
        return 0
    total_ns = 0
    position = 0
    while position < len(rest) or not rest:
        match = _TERM.match(rest, position)
        if match is None or not (match[1] or match[2]):
            raise InputError(f'time: invalid duration "{text}"', hint='expected e.g. "30s", "1m30s", "500ms"')
        if not match[3]:
            raise InputError(f'time: missing unit in duration "{text}"', hint=f'expected e.g. "{match[0]}s"')
        unit_ns = _UNITS_NS.get(match[3])
        if unit_ns is None:
            what = f'time: unknown unit "{match[3]}" in duration "{text}"'
            raise InputError(what, hint="units are ns, us, ms, s, m, h")
        fraction = match[2] or ""
        total_ns += int(match[1] or "0") * unit_ns + int(fraction or "0") * unit_ns // 10 ** len(fraction)
        position = match.end()
    negative = text.startswith("-")
    if total_ns > (_LIMIT_NS if negative else _LIMIT_NS - 1):
        raise InputError(f'time: invalid duration "{text}"', hint="it is longer than 292 years")
    return -total_ns if negative else total_ns


@lru_cache(maxsize=256)
def format_duration(duration_ns: int) -> str:
    """Go's text for a duration: 0 is `0s`, 1500 ms `1.5s`, 90 s `1m30s`, an hour `1h0m0s`, 1 us `1\u00b5s`."""
    sign, left_ns = ("-", -duration_ns) if duration_ns < 0 else ("", duration_ns)
    if left_ns < NS_PER_SECOND:
        for unit, unit_ns in (("ms", 10**6), ("\u00b5s", 10**3), ("ns", 1)):
            if left_ns >= unit_ns:
                return f"{sign}{_decimal(left_ns, unit_ns)}{unit}"
        return "0s"
    minutes, left_ns = divmod(left_ns, 60 * NS_PER_SECOND)
    seconds = f"{_decimal(left_ns, NS_PER_SECOND)}s"
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{sign}{hours}h{minutes}m{seconds}"
    return f"{sign}{minutes}m{seconds}" if minutes else f"{sign}{seconds}"


def _decimal(number: int, unit: int) -> str:
    whole, part = divmod(number, unit)
    digits = str(part).rjust(len(str(unit)) - 1, "0").rstrip("0") if part else ""
    return f"{whole}.{digits}" if digits else str(whole)
