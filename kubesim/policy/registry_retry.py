"""Which failures of a registry are worth another try, and how long to wait before it.

Rule 1: what may pass is tried again: a connection that broke, a server that is busy or out of order.
Rule 2: a server that says when to come back is obeyed, unless that is later than anybody waits.
Rule 3: delays double and have no chance in them, so that the same registry gives the same waits.

Mirrors containerd: core/remotes/docker/resolver.go, retryRequest; RFC 9110 section 10.2.3.
"""

from __future__ import annotations

import re
from email.utils import parsedate_to_datetime

ATTEMPTS_MAX = 5
"""Of one request, the first included; of a blob, those that brought nothing new."""

RETRY_AFTER_SECONDS_MAX = 60.0
"""A server that asks for more than this is not waited for."""

PROGRESS_BYTES = 1024 * 1024
"""A transfer that brought as much since it last broke starts to count anew."""

_FIRST_DELAY_SECONDS = 0.5
_RETRIED = frozenset({408, 429, 500, 502, 503, 504})
_SECONDS = re.compile(r"[0-9]{1,10}")


def is_retried_status(status: int) -> bool:
    """Whether an answer with this status may be another one next time."""
    return status in _RETRIED


def retry_delay_seconds(failures_count: int, *, retry_after_seconds: float | None = None) -> float | None:
    """How long to wait after so many failures in a row; None: give up."""
    if failures_count >= ATTEMPTS_MAX:
        return None
    if retry_after_seconds is None:
        return _FIRST_DELAY_SECONDS * 2.0 ** (failures_count - 1)
    return retry_after_seconds if retry_after_seconds <= RETRY_AFTER_SECONDS_MAX else None


def parse_retry_after(text: str | None, *, date: str | None) -> float | None:
    """The seconds of a header Retry-After; None for none, and for one that says nothing.

    A point in time counts from the answer's own `date`, so that no clock need agree with the server's.
    """
    if text is None:
        return None
    text = text.strip()
    if _SECONDS.fullmatch(text):
        return float(text)
    if date is None:
        return None
    try:
        wait = parsedate_to_datetime(text) - parsedate_to_datetime(date)
    except (ValueError, TypeError):  # TypeError: one of the two has no time zone
        return None
    return max(0.0, wait.total_seconds())
