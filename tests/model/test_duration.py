"""Go durations, against Go's own table in src/time/time_test.go."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubesim.errors import InputError
from kubesim.model.duration import format_duration, parse_duration

SECOND = 10**9


@pytest.mark.parametrize(
    ("text", "duration_ns", "printed"),
    [
        ("0", 0, "0s"),
        ("0s", 0, "0s"),
        ("5s", 5 * SECOND, "5s"),
        ("30s", 30 * SECOND, "30s"),
        ("1478s", 1478 * SECOND, "24m38s"),
        ("-5s", -5 * SECOND, "-5s"),
        ("+5s", 5 * SECOND, "5s"),
        ("-0", 0, "0s"),
        ("5.6s", 5_600_000_000, "5.6s"),
        ("5.s", 5 * SECOND, "5s"),
        (".5s", SECOND // 2, "500ms"),
        ("1.004s", 1_004_000_000, "1.004s"),
        ("10ns", 10, "10ns"),
        ("11us", 11_000, "11µs"),
        ("12µs", 12_000, "12µs"),
        ("12μs", 12_000, "12µs"),
        ("1.5us", 1_500, "1.5µs"),
        ("13ms", 13_000_000, "13ms"),
        ("1m0s", 60 * SECOND, "1m0s"),
        ("1h0m0s", 3600 * SECOND, "1h0m0s"),
        ("100ms", 100_000_000, "100ms"),
        ("2m", 120 * SECOND, "2m0s"),
        ("3h30m", 12600 * SECOND, "3h30m0s"),
        ("-1m30s", -90 * SECOND, "-1m30s"),
        ("1h15m30.918273645s", 4530_918_273_645, "1h15m30.918273645s"),
        ("9223372036854775807ns", 2**63 - 1, "2562047h47m16.854775807s"),
        ("-9223372036854775808ns", -(2**63), "-2562047h47m16.854775808s"),
    ],
)
def test_durations(text: str, duration_ns: int, printed: str) -> None:
    assert parse_duration(text) == duration_ns
    assert format_duration(duration_ns) == printed


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", 'time: invalid duration ""; expected e.g. "30s", "1m30s", "500ms"'),
        ("-", 'time: invalid duration "-"; expected e.g. "30s", "1m30s", "500ms"'),
        (".s", 'time: invalid duration ".s"; expected e.g. "30s", "1m30s", "500ms"'),
        ("s", 'time: invalid duration "s"; expected e.g. "30s", "1m30s", "500ms"'),
        ("5", 'time: missing unit in duration "5"; expected e.g. "5s"'),
        ("1m30", 'time: missing unit in duration "1m30"; expected e.g. "30s"'),
        ("1d", 'time: unknown unit "d" in duration "1d"; units are ns, us, ms, s, m, h'),
        ("5 s", 'time: unknown unit " s" in duration "5 s"; units are ns, us, ms, s, m, h'),
        ("9223372036854775808ns", 'time: invalid duration "9223372036854775808ns"; it is longer than 292 years'),
        ("3000000h", 'time: invalid duration "3000000h"; it is longer than 292 years'),
    ],
)
def test_refusals(text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_duration(text)
    assert str(caught.value) == message


@given(st.integers(-(2**63), 2**63 - 1))
def test_what_is_printed_reads_back_the_same(duration_ns: int) -> None:
    assert parse_duration(format_duration(duration_ns)) == duration_ns
