"""strftime(3) and strptime(3) in the C locale, as glibc has them.

Mirrors glibc: time/strftime_l.c and time/strptime_l.c. A directive that is not known stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_DIRECTIVE = re.compile(r"%([-_0^#]*)([0-9]*)[EO]?([a-zA-Z%+])|%")
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
_WIDTH_MAX = 1024

_COMPOSED = {
    "c": "%a %b %e %H:%M:%S %Y",
    "D": "%m/%d/%y",
    "F": "%Y-%m-%d",
    "r": "%I:%M:%S %p",
    "R": "%H:%M",
    "T": "%H:%M:%S",
    "x": "%m/%d/%y",
    "X": "%H:%M:%S",
    "h": "%b",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalTime:
    """A moment, and what the clock on the wall shows then."""

    seconds: int
    offset_seconds: int = 0
    zone: str = "UTC"

    @property
    def wall(self) -> datetime:
        """The clock on the wall; a year that is none raises OverflowError."""
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=self.seconds + self.offset_seconds)


_Number = tuple[Callable[[datetime], int], int, str]
"""What to show, in how many digits, and what fills them."""

_NUMBERS: Mapping[str, _Number] = {
    "C": (lambda wall: wall.year // 100, 2, "0"),
    "d": (lambda wall: wall.day, 2, "0"),
    "e": (lambda wall: wall.day, 2, " "),
    "g": (lambda wall: wall.isocalendar()[0] % 100, 2, "0"),
    "G": (lambda wall: wall.isocalendar()[0], 1, "0"),
    "H": (lambda wall: wall.hour, 2, "0"),
    "I": (lambda wall: wall.hour % 12 or 12, 2, "0"),
    "j": (lambda wall: wall.timetuple().tm_yday, 3, "0"),
    "k": (lambda wall: wall.hour, 2, " "),
    "l": (lambda wall: wall.hour % 12 or 12, 2, " "),
    "m": (lambda wall: wall.month, 2, "0"),
    "M": (lambda wall: wall.minute, 2, "0"),
    "S": (lambda wall: wall.second, 2, "0"),
    "u": (lambda wall: wall.isoweekday(), 1, "0"),
    "U": (lambda wall: (wall.timetuple().tm_yday + 6 - wall.isoweekday() % 7) // 7, 2, "0"),
    "V": (lambda wall: wall.isocalendar()[1], 2, "0"),
    "w": (lambda wall: wall.isoweekday() % 7, 1, "0"),
    "W": (lambda wall: (wall.timetuple().tm_yday + 6 - wall.weekday()) // 7, 2, "0"),
    "y": (lambda wall: wall.year % 100, 2, "0"),
    "Y": (lambda wall: wall.year, 1, "0"),
}


def format_time(moment: LocalTime, text: str) -> str:
    """The text with its directives carried out.

    >>> format_time(LocalTime(seconds=0), "%F %-H %_d %^a")
    '1970-01-01 0  1 THU'
    """
    wall = moment.wall

    def one(match: re.Match[str]) -> str:
        flags, width_text, letter = match[1] or "", match[2] or "", match[3]
        width = min(int(width_text[:6] or 0), _WIDTH_MAX)
        if letter in _NUMBERS:
            value, digits, pad = _NUMBERS[letter]
            return _padded(str(value(wall)), flags, max(width, digits), pad)
        if letter == "s":
            return _padded(str(moment.seconds), flags, max(width, 1), "0")
        if letter == "z":
            minutes = abs(moment.offset_seconds) // 60
            return f"{'-' if moment.offset_seconds < 0 else '+'}{minutes // 60:02d}{minutes % 60:02d}"
        if letter in _COMPOSED:
            shown = format_time(moment, _COMPOSED[letter])
        elif letter in ("n", "t", "%"):
            shown = {"n": "\n", "t": "\t", "%": "%"}[letter]
        else:
            named = _named(moment, wall, letter)
            if named is None:
                return match[0]
            shown = named
        return _padded(_cased(shown, letter, flags), flags, width, " ")

    return _DIRECTIVE.sub(one, text)


def _named(moment: LocalTime, wall: datetime, letter: str) -> str | None:
    if letter in ("a", "A"):
        name = _DAYS[wall.weekday()]
    elif letter in ("b", "B"):
        name = _MONTHS[wall.month - 1]
    elif letter in ("p", "P"):
        name = "AM" if wall.hour < 12 else "PM"
        return name.lower() if letter == "P" else name
    else:
        return moment.zone if letter == "Z" else None
    return name[:3] if letter.islower() else name


def _cased(text: str, letter: str, flags: str) -> str:
    if "#" in flags:
        return text.lower() if letter in ("p", "Z") else text.upper()
    return text.upper() if "^" in flags else text


def _padded(text: str, flags: str, width: int, pad: str) -> str:
    for flag in flags:
        pad = {"-": "", "_": " ", "0": "0"}.get(flag, pad)
    return text.rjust(width, pad) if pad else text


_PARTS = {
    "Y": ("year", r"\d{1,4}"),
    "m": ("month", r"\d{1,2}"),
    "d": ("day", r"\s*\d{1,2}"),
    "e": ("day", r"\s*\d{1,2}"),
    "H": ("hour", r"\d{1,2}"),
    "k": ("hour", r"\s*\d{1,2}"),
    "M": ("minute", r"\d{1,2}"),
    "S": ("second", r"\d{1,2}"),
    "y": ("short_year", r"\d{1,2}"),
    "s": ("seconds", r"-?\d{1,15}"),
    "b": ("month_name", "[A-Za-z]+"),
    "B": ("month_name", "[A-Za-z]+"),
    "h": ("month_name", "[A-Za-z]+"),
    "a": ("day_name", "[A-Za-z]+"),
    "A": ("day_name", "[A-Za-z]+"),
}


def parse_time(text: str, pattern: str) -> dict[str, int] | None:
    """What a text says by a pattern: year, month, day, hour, minute, second or seconds since the epoch.

    None when it does not fit, or when the pattern has a directive that is not emulated.
    """
    for letter in "DFRT":
        pattern = pattern.replace(f"%{letter}", _COMPOSED[letter])
    pieces: list[str] = []
    names: list[str] = []
    at = 0
    while at < len(pattern):
        char = pattern[at]
        at += 1
        if char.isspace():
            pieces.append(r"\s*")
        elif char != "%":
            pieces.append(re.escape(char))
        else:
            letter = pattern[at : at + 1]
            at += 1
            if letter in ("%", "n", "t"):
                pieces.append("%" if letter == "%" else r"\s*")
            elif letter in _PARTS:
                name, expression = _PARTS[letter]
                names.append(name)
                pieces.append(rf"\s*({expression})")
            else:
                return None
    found = re.match("".join(pieces), text, re.ASCII)
    return None if found is None else _values(dict(zip(names, found.groups(), strict=True)))


def _values(parts: dict[str, str]) -> dict[str, int] | None:
    values: dict[str, int] = {}
    for name, text in parts.items():
        if name == "month_name":
            months = [month[:3].lower() for month in _MONTHS]
            if text[:3].lower() not in months:
                return None
            values["month"] = months.index(text[:3].lower()) + 1
        elif name == "short_year":
            values["year"] = int(text) + (1900 if int(text) >= 69 else 2000)
        elif name != "day_name":
            values[name] = int(text)
    limits = {"month": (1, 12), "day": (1, 31), "hour": (0, 23), "minute": (0, 59), "second": (0, 61)}
    if any(not low <= values.get(name, low) <= high for name, (low, high) in limits.items()):
        return None
    return values
