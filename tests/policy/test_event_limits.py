"""When similar Events are combined, and how many of one source are written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubesim.policy.event_limits import SPAM_BURST, SPAM_REFILL_NS, budget_after, series_after

MINUTE_NS = 60 * 10**9
NINE = tuple("abcdefghi")


@pytest.mark.parametrize(
    ("messages", "message", "minutes", "after", "is_combined"),
    [
        ((), "a", 0, ("a",), False),
        (("a",), "a", 1, ("a",), False),
        (("a",), "b", 10, ("a", "b"), False),
        (NINE[:8], "i", 1, NINE, False),
        (NINE, "j", 1, (*NINE[1:], "j"), True),
        (NINE, "i", 1, NINE, False),
        (NINE, "j", 10.1, ("j",), False),
    ],
)
def test_similar_events(
    messages: tuple[str, ...], message: str, minutes: float, after: tuple[str, ...], is_combined: bool
) -> None:
    now_ns = int(minutes * MINUTE_NS)
    assert series_after(messages, message, last_ns=0, now_ns=now_ns) == (after, is_combined)


def test_a_source_may_write_so_many_at_once_and_one_in_five_minutes() -> None:
    full_at_ns = 0
    for _ in range(SPAM_BURST):
        after = budget_after(full_at_ns, now_ns=0)
        assert after == full_at_ns + SPAM_REFILL_NS
        full_at_ns = after
    assert budget_after(full_at_ns, now_ns=SPAM_REFILL_NS - 1) is None
    assert budget_after(full_at_ns, now_ns=SPAM_REFILL_NS) == full_at_ns + SPAM_REFILL_NS


@given(st.lists(st.integers(0, 40 * SPAM_REFILL_NS), max_size=80))
def test_a_budget_is_a_bucket_of_tokens(times_ns: list[int]) -> None:
    """As many as were there at first, and those that came since: a second way to count them."""
    tokens, before_ns, full_at_ns = SPAM_BURST * SPAM_REFILL_NS, 0, 0
    for now_ns in sorted(times_ns):
        tokens = min(tokens + now_ns - before_ns, SPAM_BURST * SPAM_REFILL_NS)
        before_ns = now_ns
        after = budget_after(full_at_ns, now_ns=now_ns)
        assert (after is not None) == (tokens >= SPAM_REFILL_NS)
        if after is not None:
            full_at_ns, tokens = after, tokens - SPAM_REFILL_NS
