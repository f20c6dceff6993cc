"""When a pod is synced again."""

import pytest

from kubesim.policy.resync import retry_delay_ns, sync_frequency_problem

S = 10**9


@pytest.mark.parametrize(
    ("retry_at_s", "is_network_not_ready", "delay_s"),
    [
        (None, False, 10),
        (None, True, 1),
        (130, True, 1),
        (130, False, 30),
        (160, False, 60),
        (400, False, 60),
        (100, False, 0),
        (90, False, 0),
    ],
)
def test_a_sync_that_failed_is_tried_again(retry_at_s: int | None, is_network_not_ready: bool, delay_s: int) -> None:
    delay_ns = retry_delay_ns(
        now_ns=100 * S,
        retry_at_ns=None if retry_at_s is None else retry_at_s * S,
        is_network_not_ready=is_network_not_ready,
    )

    assert delay_ns == delay_s * S


@pytest.mark.parametrize(("retry_at_s", "delay_s"), [(None, 7), (105, 5), (400, 7)])
def test_no_retry_is_later_than_the_next_sync_would_be(retry_at_s: int | None, delay_s: int) -> None:
    delay_ns = retry_delay_ns(
        now_ns=100 * S,
        retry_at_ns=None if retry_at_s is None else retry_at_s * S,
        is_network_not_ready=False,
        resync_ns=7 * S,
    )

    assert delay_ns == delay_s * S


def test_a_sync_frequency_is_positive() -> None:
    assert sync_frequency_problem(1) == ""
    for frequency_ns in (0, -S):
        assert sync_frequency_problem(frequency_ns).endswith(f"invalid sync frequency {frequency_ns}")
