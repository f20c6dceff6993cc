"""Which failures are tried again, and when."""

import pytest

from kubesim.policy.registry_retry import (
    ATTEMPTS_MAX,
    RETRY_AFTER_SECONDS_MAX,
    is_retried_status,
    parse_retry_after,
    retry_delay_seconds,
)

DATE = "Sun, 06 Nov 1994 08:49:37 GMT"


@pytest.mark.parametrize("status", range(100, 600))
def test_statuses(status):
    assert is_retried_status(status) == (status in {408, 429, 500, 502, 503, 504})


def test_delays_double_and_end():
    delays = [retry_delay_seconds(count) for count in range(1, ATTEMPTS_MAX + 2)]

    assert delays == [0.5, 1.0, 2.0, 4.0, None, None]


def test_the_servers_word_counts_up_to_a_point():
    assert retry_delay_seconds(1, retry_after_seconds=0) == 0
    assert retry_delay_seconds(1, retry_after_seconds=RETRY_AFTER_SECONDS_MAX) == RETRY_AFTER_SECONDS_MAX
    assert retry_delay_seconds(1, retry_after_seconds=RETRY_AFTER_SECONDS_MAX + 1) is None
    assert retry_delay_seconds(ATTEMPTS_MAX, retry_after_seconds=1) is None


@pytest.mark.parametrize(
    ("text", "date", "expected"),
    [
        (None, DATE, None),
        ("120", None, 120.0),
        (" 0 ", None, 0.0),
        ("-1", DATE, None),
        ("1.5", DATE, None),
        ("99999999999", DATE, None),
        ("soon", DATE, None),
        ("", DATE, None),
        ("Sun, 06 Nov 1994 08:50:37 GMT", DATE, 60.0),
        ("Sun, 06 Nov 1994 08:48:37 GMT", DATE, 0.0),
        ("Sun, 06 Nov 1994 08:50:37 GMT", None, None),
        ("Sun, 06 Nov 1994 08:50:37 GMT", "today", None),
        ("Sun, 06 Nov 1994 08:50:37 -0000", DATE, None),
    ],
)
def test_retry_after(text, date, expected):
    assert parse_retry_after(text, date=date) == expected
