"""The numbers a container is said to use."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kubesim.runtime.usage import container_usage, pause_usage, total

HEX_IDS = st.text(alphabet="0123456789abcdef", min_size=64, max_size=64)


@given(
    container_id=HEX_IDS,
    started=st.integers(1, 10**18),
    first=st.integers(0, 10**15),
    later=st.integers(1, 10**15),
    limit=st.integers(0, 1 << 40),
)
def test_counters_never_fall_and_parts_fit_in_the_whole(
    container_id: str, started: int, first: int, later: int, limit: int
) -> None:
    one, two = (
        container_usage(container_id=container_id, started_at_ns=started, now_ns=now, memory_limit_bytes=limit)
        for now in (started + first, started + first + later)
    )
    assert one.cpu_core_ns <= two.cpu_core_ns
    assert one.page_faults <= two.page_faults
    assert one.time_ns < two.time_ns
    for usage in (one, two):
        assert 0 <= usage.rss_bytes <= usage.working_set_bytes <= usage.usage_bytes
        assert usage.cpu_core_ns > 0
        if limit:
            assert usage.available_bytes == limit - usage.working_set_bytes >= 0
        else:
            assert usage.available_bytes == 0


def test_a_rate_needs_two_samples() -> None:
    def usage_after(seconds: int) -> int | None:
        now = seconds * 10**9
        return container_usage(container_id="0" * 64, started_at_ns=0, now_ns=now, memory_limit_bytes=0).cpu_nano_cores

    assert usage_after(9) is None
    assert usage_after(10) == 10_000_000


def test_a_pod_uses_what_its_containers_and_its_pause_use() -> None:
    pause = pause_usage(created_at_ns=0, now_ns=10**10)
    ctr = container_usage(container_id="f" * 64, started_at_ns=0, now_ns=10**10, memory_limit_bytes=0)
    whole = total([pause, ctr], now_ns=10**10)
    assert whole.cpu_core_ns == pause.cpu_core_ns + ctr.cpu_core_ns
    assert whole.working_set_bytes == pause.working_set_bytes + ctr.working_set_bytes
