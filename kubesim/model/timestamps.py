"""RFC 3339 times and nanoseconds since the Unix epoch.

Kubernetes objects carry seconds (metav1.Time); state files and CRI-shaped JSON carry nanoseconds. All are written in
UTC here, as the kubelet and the API server do.
"""

from __future__ import annotations

import functools
import re
from datetime import UTC, datetime, timedelta

from kubesim.errors import InputError

NS_PER_SECOND = 10**9

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_UTC = datetime(1970, 1, 1)  # noqa: DTZ001 - without the zone, which is written as Z
_TEXT = re.compile(r"(\d{4})-(\d{2})-(\d{2})[Tt](\d{2}):(\d{2}):(\d{2})(?:[.,](\d+))?(?:([Zz])|([+-])(\d{2}):(\d{2}))")


def format_rfc3339(time_ns: int) -> str:
    """`2026-11-23T23:03:15Z`: whole seconds, the rest is dropped. What metav1.Time prints."""
    return _whole_seconds(time_ns // NS_PER_SECOND)


def format_rfc3339_nano(time_ns: int) -> str:
    """`2026-11-23T23:03:15.1234Z`: as many digits as needed, none for whole seconds. Go's time.RFC3339Nano."""
    digits = f"{time_ns % NS_PER_SECOND:09d}".rstrip("0")
    whole = _whole_seconds(time_ns // NS_PER_SECOND)
    return f"{whole[:-1]}.{digits}Z" if digits else whole


@functools.lru_cache(maxsize=4096)
def parse_rfc3339(text: str) -> int:
    """Nanoseconds since the Unix epoch; negative before 1970. Digits beyond nanoseconds are dropped.

    Raises InputError for anything that is no RFC 3339 time with a zone.
    """
    match = _TEXT.fullmatch(text)
    try:
        if match is None:
            raise ValueError(text)
        year, month, day, hour, minute, second = (int(match[group]) for group in range(1, 7))
        moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError as error:
        hint = 'expected RFC 3339, e.g. "2026-11-23T23:03:15Z"'
        raise InputError(f"{text!r} is not a time", hint=hint) from error
    since = moment - _EPOCH
    seconds = since.days * 86400 + since.seconds
    if match[9]:
        offset = int(match[10]) * 3600 + int(match[11]) * 60
        seconds += offset if match[9] == "-" else -offset
    return seconds * NS_PER_SECOND + int((match[7] or "0")[:9].ljust(9, "0"))


@functools.lru_cache(maxsize=4096)
def _whole_seconds(seconds: int) -> str:
    """Statuses and Events repeat the same few times, so the texts are kept, and shared."""
    return f"{(_EPOCH_UTC + timedelta(seconds=seconds)).isoformat()}Z"
