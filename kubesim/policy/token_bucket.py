"""A bucket of tokens: so many at once, and then so many a second.

Mirrors golang.org/x/time/rate: rate.go, reserveN and advance.
"""

from __future__ import annotations

from dataclasses import dataclass

_SECOND_NS = 10**9


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenBucket:
    """A bucket that holds `burst` tokens, gets `per_second` new ones, and had `tokens` at `at_ns`."""

    per_second: int
    burst: int
    tokens: float
    at_ns: int


def full_bucket(*, per_second: int, burst: int) -> TokenBucket:
    """A bucket from which nothing was taken yet."""
    return TokenBucket(per_second=per_second, burst=burst, tokens=burst, at_ns=0)


def token_taken(bucket: TokenBucket, *, now_ns: int) -> TokenBucket | None:
    """The bucket after a token was taken; None when there is no whole one now, and nothing changes."""
    gained = (now_ns - bucket.at_ns) / _SECOND_NS * bucket.per_second
    left = min(bucket.tokens + gained, bucket.burst) - 1
    if left < 0:
        return None
    return TokenBucket(per_second=bucket.per_second, burst=bucket.burst, tokens=left, at_ns=now_ns)


def token_reserved(full_at_ns: int, *, now_ns: int, interval_ns: int, burst: int) -> tuple[int, int]:
    """Take the next token of a bucket that may run into debt, kept as the instant at which it is full.

    It gets a token every `interval_ns`. Returns when it is full again, and when that token is there: now, or later.
    """
    full_at_ns = max(full_at_ns, now_ns) + interval_ns
    return full_at_ns, max(full_at_ns - burst * interval_ns, now_ns)
