"""Dates as `touch -d` and `date -d` read them. The time zone is UTC."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime

_N = r"\s*(\d+)"
_WITH_COLON = (
    (re.compile(rf"{_N}:{_N}(.?)", re.DOTALL), ("hour", "minute")),
    (re.compile(rf"{_N}\.{_N}-{_N}:{_N}(.?)", re.DOTALL), ("month", "day", "hour", "minute")),
    (re.compile(rf"{_N}\.{_N}\.{_N}-{_N}:{_N}(.?)", re.DOTALL), ("year", "month", "day", "hour", "minute")),
    (re.compile(rf"{_N}-{_N}-{_N}\s*{_N}:{_N}(.?)", re.DOTALL), ("year", "month", "day", "hour", "minute")),
)
_WITH_DASH = (
    (re.compile(rf"{_N}-{_N}-{_N}\s+{_N}(.?)", re.DOTALL), ("year", "month", "day", "hour")),
    (re.compile(rf"{_N}-{_N}-{_N}(.?)", re.DOTALL), ("year", "month", "day")),
)
_DIGITS = {
    2: ("minute",),
    4: ("hour", "minute"),
    6: ("day", "hour", "minute"),
    8: ("month", "day", "hour", "minute"),
    10: ("year", "month", "day", "hour", "minute"),
    12: ("year", "month", "day", "hour", "minute"),
}
_SECONDS = re.compile(r"\s*(\d+)")
_EPOCH = re.compile(r"@\s*(-?\d+)")
_DAY_SECONDS = 86_400
_TIME_MAX = 2**55
_SECOND_MAX = 61
"""Leap seconds, as strptime(3) reads them."""


@dataclass(slots=True)
class _Moment:
    year: int
    month: int
    day: int
    hour: int
    minute: int
    second: int

    def seconds(self) -> int | None:
        """Since the epoch; the 30th of February is in March, as with mktime(3). None for what no calendar has."""
        is_possible = (
            date.min.year <= self.year <= date.max.year
            and 1 <= self.month <= 12
            and 1 <= self.day <= 31
            and self.hour <= 23
            and self.minute <= 59
            and self.second <= _SECOND_MAX
        )
        if not is_possible:
            return None
        days = date(self.year, self.month, 1).toordinal() - date(1970, 1, 1).toordinal() + self.day - 1
        return days * _DAY_SECONDS + self.hour * 3600 + self.minute * 60 + self.second


def parse_date(text: str, now_seconds: int) -> int | None:
    """Seconds since the epoch; what the text leaves out is that of now. None when it is no date.

    Mirrors busybox: libbb/time.c, parse_datestr of 1.35: `HH:MM[:SS]`, `MM.DD-hh:mm[:ss]`, `YYYY.MM.DD-hh:mm[:ss]`,
    `YYYY-MM-DD hh:mm[:ss]`, `YYYY-MM-DD [hh]`, `[[[[[CC]YY]MM]DD]hh]mm[.ss]` and `@SECONDS`.
    """
    if text.startswith("@"):
        found = _EPOCH.fullmatch(text)
        return int(found[1]) if found is not None and abs(int(found[1])) < _TIME_MAX else None
    now = datetime.fromtimestamp(now_seconds, UTC)
    moment = _Moment(now.year, now.month, now.day, now.hour, now.minute, now.second)
    if ":" in text:
        is_read = _read_colons(text, moment)
    elif "-" in text:
        is_read = any(_fill(moment, pattern.fullmatch(text), names) == "" for pattern, names in _WITH_DASH)
    else:
        is_read = _read_digits(text, moment)
    return moment.seconds() if is_read else None


def _fill(moment: _Moment, found: re.Match[str] | None, names: tuple[str, ...]) -> str | None:
    """Set the fields that were found; the character behind them, None when nothing was found."""
    if found is None:
        return None
    *values, end = found.groups()
    for name, value in zip(names, values, strict=True):
        setattr(moment, name, int(value))
    return str(end)


def _read_colons(text: str, moment: _Moment) -> bool:
    for pattern, names in _WITH_COLON:
        end = _fill(moment, pattern.match(text), names)
        if end is not None:
            return end == "" or (end == ":" and _read_seconds(text.rpartition(":")[2], moment))
    return False


def _read_seconds(text: str, moment: _Moment) -> bool:
    found = _SECONDS.fullmatch(text)
    if found is not None:
        moment.second = int(found[1])
    return found is not None


def _read_digits(text: str, moment: _Moment) -> bool:
    digits, dot, seconds = text.partition(".")
    names = _DIGITS.get(len(digits))
    if names is None or not (digits.isascii() and digits.isdecimal()):
        return False
    this_year = moment.year
    year_digits = len(digits) - 2 * (len(names) - 1)
    values = [int(digits[:year_digits]), *(int(digits[at : at + 2]) for at in range(year_digits, len(digits), 2))]
    for name, value in zip(names, values, strict=True):
        setattr(moment, name, value)
    if len(digits) == 10:
        moment.year = _near(moment.year, this_year)
    moment.second = 0
    return not dot or _read_seconds(seconds, moment)


def _near(two_digits: int, this_year: int) -> int:
    """The year with these digits that is at most 50 years away."""
    year = this_year // 100 * 100 + two_digits
    if year < this_year - 50:
        return year + 100
    return year - 100 if year > this_year + 50 else year
