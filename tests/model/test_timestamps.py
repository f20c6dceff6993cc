"""RFC 3339 times and ns since the Unix epoch."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubesim.errors import InputError
from kubesim.model.timestamps import (
    format_rfc3339,
    format_rfc3339_nano,
    parse_rfc3339,
)

SECOND = 10**9
MOMENT = 1795474995 * SECOND


@pytest.mark.parametrize(
    ("time_ns", "seconds", "nano"),
    [
        (0, "1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z"),
        (MOMENT + 123_400_000, "2026-11-23T23:03:15Z", "2026-11-23T23:03:15.1234Z"),
        (MOMENT + 999_999_999, "2026-11-23T23:03:15Z", "2026-11-23T23:03:15.999999999Z"),
        (-1, "1969-12-31T23:59:59Z", "1969-12-31T23:59:59.999999999Z"),
        (-62135596800 * SECOND, "0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
    ],
)
def test_formats(time_ns: int, seconds: str, nano: str) -> None:
    assert format_rfc3339(time_ns) == seconds
    assert format_rfc3339_nano(time_ns) == nano


@pytest.mark.parametrize(
    ("text", "time_ns"),
    [
        ("2026-11-23T23:03:15Z", MOMENT),
        ("2026-11-23t23:03:15z", MOMENT),
        ("2026-11-24T01:03:15+02:00", MOMENT),
        ("2026-11-23T17:33:15-05:30", MOMENT),
        ("2026-11-23T23:03:15.5Z", MOMENT + SECOND // 2),
        ("2026-11-23T23:03:15.1234567891Z", MOMENT + 123_456_789),
    ],
)
def test_parse(text: str, time_ns: int) -> None:
    assert parse_rfc3339(text) == time_ns


@pytest.mark.parametrize("text", ["", "now", "2026-11-23", "2026-11-23T23:03:15", "2026-13-23T23:03:15Z"])
def test_refusals(text: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_rfc3339(text)
    assert str(caught.value) == f'{text!r} is not a time; expected RFC 3339, e.g. "2026-11-23T23:03:15Z"'


@given(st.integers(-62135596800 * SECOND, 253402300799 * SECOND))
def test_what_is_printed_reads_back_the_same(time_ns: int) -> None:
    assert parse_rfc3339(format_rfc3339_nano(time_ns)) == time_ns
    assert parse_rfc3339(format_rfc3339(time_ns)) == time_ns // SECOND * SECOND
