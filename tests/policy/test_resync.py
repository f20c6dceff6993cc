"""When a pod is synced again."""

import pytest

from kubesim.policy.resync import retry_delay_ns

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
