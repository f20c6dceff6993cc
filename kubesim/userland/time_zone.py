"""Time zones as the variable TZ names them: `CET-1CEST,M3.5.0,M10.5.0/3`, or a file of zoneinfo in the container.

Mirrors glibc: time/tzset.c. What it cannot read is UTC under the name that was read so far.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from kubesim.userland.files.filesystem import FileSystem
from kubesim.userland.files.fs_error import FsError

_NAME = r"(?:([A-Za-z]{3,})|<([A-Za-z0-9+-]{3,})>)"
_OFFSET = r"([-+]?)(\d{1,2})(?::(\d{1,2}))?(?::(\d{1,2}))?"
_ZONE = re.compile(rf"{_NAME}(?:{_OFFSET})?(?:{_NAME}(?:{_OFFSET})?(?:,([^,]+),([^,]+))?)?")
_MONTH_RULE = re.compile(r"M(\d{1,2})\.([1-5])\.([0-6])(?:/([-+]?)(\d{1,3})(?::(\d{1,2}))?(?::(\d{1,2}))?)?")
_AMERICAN_RULES = ("M3.2.0", "M11.1.0")
"""Where a zone has summer time and does not say when."""

DIRECTORY = "/usr/share/zoneinfo"
_DAY_SECONDS = 86_400
_EPOCH_DAY = date(1970, 1, 1).toordinal()


class Zone(Protocol):
    """What the clock on the wall shows."""

    def at(self, seconds: int) -> tuple[int, str]:
        """Seconds east of UTC, and the zone's name, at a moment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Change:
    """The month's so-many-eth weekday, and seconds into that day."""

    month: int
    week: int
    weekday: int
    second: int

    def in_year(self, year: int) -> int:
        """Seconds since the epoch, by the clock on the wall."""
        first = date(year, self.month, 1)
        day = first + timedelta(days=(self.weekday - first.isoweekday()) % 7 + 7 * (self.week - 1))
        while day.month != self.month:
            day -= timedelta(days=7)
        return (day.toordinal() - _EPOCH_DAY) * _DAY_SECONDS + self.second


@dataclass(frozen=True, slots=True, kw_only=True)
class PosixZone:
    """A zone with one offset, or with a second one in summer."""

    name: str
    offset_seconds: int = 0
    summer_name: str = ""
    summer_offset_seconds: int = 0
    changes: tuple[_Change, _Change] | None = None

    def at(self, seconds: int) -> tuple[int, str]:
        """The offset and name at a moment."""
        if self.changes is not None:
            year = 1970 + (seconds + self.offset_seconds) // 31_556_952
            year = min(max(year, 1), 9998)
            # The year by division may be one off at its ends; the moment decides.
            for candidate in (year - 1, year, year + 1):
                start = self.changes[0].in_year(max(candidate, 1)) - self.offset_seconds
                end = self.changes[1].in_year(max(candidate, 1)) - self.summer_offset_seconds
                # South of the equator summer goes on over the new year.
                if start > end:
                    end = self.changes[1].in_year(candidate + 1) - self.summer_offset_seconds
                if start <= seconds < end:
                    return self.summer_offset_seconds, self.summer_name
        return self.offset_seconds, self.name


class _FileZone:
    """A zone of a file."""

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone

    def at(self, seconds: int) -> tuple[int, str]:
        """The offset and name at a moment."""
        moment = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)).astimezone(self._zone)
        offset = moment.utcoffset()
        return 0 if offset is None else int(offset.total_seconds()), moment.tzname() or ""


def zone_of(env: Mapping[str, str], filesystem: FileSystem) -> Zone:
    """The zone of a process: that of its TZ, otherwise UTC."""
    text = env.get("TZ", "").removeprefix(":")
    if not text:
        return PosixZone(name="UTC")
    path = text if text.startswith("/") else f"{DIRECTORY}/{text}"
    try:
        return _FileZone(ZoneInfo.from_file(io.BytesIO(filesystem.as_root().read(path))))
    except (FsError, ValueError):
        return parse_zone(text)


def parse_zone(text: str) -> PosixZone:
    """A zone that is written out.

    >>> parse_zone("CET-1").at(0)
    (3600, 'CET')
    """
    found = _ZONE.match(text)
    if found is None:
        return PosixZone(name="")
    offset = -_seconds(found[3], found[4], found[5], found[6])
    name = found[1] or found[2]
    summer_name = found[7] or found[8]
    if not summer_name:
        return PosixZone(name=name, offset_seconds=offset)
    start, end = (_change(rule) for rule in ((found[13], found[14]) if found[13] else _AMERICAN_RULES))
    if start is None or end is None:
        return PosixZone(name=name, offset_seconds=offset)
    return PosixZone(
        name=name,
        offset_seconds=offset,
        summer_name=summer_name,
        summer_offset_seconds=-_seconds(found[9], found[10], found[11], found[12]) if found[10] else offset + 3600,
        changes=(start, end),
    )


def _seconds(sign: str | None, hours: str | None, minutes: str | None, seconds: str | None) -> int:
    total = int(hours or 0) * 3600 + int(minutes or 0) * 60 + int(seconds or 0)
    return -total if sign == "-" else total


def _change(rule: str) -> _Change | None:
    found = _MONTH_RULE.fullmatch(rule)
    if found is None or not 1 <= int(found[1]) <= 12:
        return None
    second = _seconds(found[4], found[5], found[6], found[7]) if found[5] else 7200
    return _Change(month=int(found[1]), week=int(found[2]), weekday=int(found[3]), second=second)
