"""The numbers a container is said to use."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kubesim.runtime.usage import (
    CpuSample,
    EndedUsage,
    container_usage,
    cpu_rate_nano_cores,
    pause_usage,
    total,
    traffic_bytes,
)

HEX_IDS = st.text(alphabet="0123456789abcdef", min_size=64, max_size=64)


@given(
    container_id=HEX_IDS,
    started=st.integers(1, 10**18),
    first=st.integers(0, 10**15),
    later=st.integers(1, 10**15),
    limit=st.integers(0, 1 << 40),
    taken=st.tuples(st.integers(0, 1 << 40), st.integers(0, 1 << 40)),
)
def test_counters_never_fall_and_parts_fit_in_the_whole(
    container_id: str, started: int, first: int, later: int, limit: int, taken: tuple[int, int]
) -> None:
    one, two = (
        container_usage(
            container_id=container_id,
            started_at_ns=started,
            now_ns=now,
            memory_limit_bytes=limit,
            process_bytes=process_bytes,
        )
        for now, process_bytes in zip((started + first, started + first + later), taken, strict=True)
    )
    assert one.cpu_core_ns <= two.cpu_core_ns
    assert one.page_faults <= two.page_faults
    assert one.time_ns < two.time_ns
    for usage in (one, two):
        assert 0 <= usage.rss_bytes <= usage.working_set_bytes <= usage.usage_bytes
        assert usage.cpu_core_ns > 0
        if limit:
            assert usage.usage_bytes <= limit
            assert usage.available_bytes == limit - usage.working_set_bytes >= 0
        else:
            assert usage.available_bytes == 0


@given(before=st.integers(0, 10**12), elapsed=st.integers(100_000, 10**15))
def test_they_grow_strictly_over_a_tenth_of_a_millisecond(before: int, elapsed: int) -> None:
    one, two = (
        container_usage(container_id="0" * 64, started_at_ns=0, now_ns=now, memory_limit_bytes=0)
        for now in (before, before + elapsed)
    )
    assert one.cpu_core_ns < two.cpu_core_ns


def test_a_rate_lies_between_two_samples() -> None:
    first = CpuSample(time_ns=100, cpu_core_ns=7)
    assert cpu_rate_nano_cores(None, first) is None
    assert cpu_rate_nano_cores(first, first) is None, "no time has passed"
    assert cpu_rate_nano_cores(first, CpuSample(time_ns=200, cpu_core_ns=6)) is None, "another cgroup of that name"
    assert cpu_rate_nano_cores(first, CpuSample(time_ns=100 + 2 * 10**9, cpu_core_ns=8 + 10**9)) == 500_000_000


def test_a_pod_uses_what_its_containers_and_its_pause_use() -> None:
    pause = pause_usage(created_at_ns=0, now_ns=10**10)
    ctr = container_usage(container_id="f" * 64, started_at_ns=0, now_ns=10**10, memory_limit_bytes=0)
    whole = total([pause, ctr], ended=EndedUsage(), now_ns=10**10)
    assert whole.cpu_core_ns == pause.cpu_core_ns + ctr.cpu_core_ns
    assert whole.working_set_bytes == pause.working_set_bytes + ctr.working_set_bytes
    assert whole.cpu_nano_cores == 10_001_000
    assert whole.available_bytes == 0
    limited = total([ctr], ended=EndedUsage(), now_ns=10**10, memory_limit_bytes=1 << 30)
    assert limited.available_bytes == (1 << 30) - ctr.working_set_bytes


def test_what_has_ended_stays_in_the_pod() -> None:
    ended = EndedUsage()
    ended.add(container_id="f" * 64, started_at_ns=0, finished_at_ns=10**10)
    last = container_usage(container_id="f" * 64, started_at_ns=0, now_ns=10**10, memory_limit_bytes=0)
    whole = total([], ended=ended, now_ns=10**11)
    assert (whole.cpu_core_ns, whole.page_faults) == (last.cpu_core_ns, last.page_faults)
    assert whole.working_set_bytes == 0


@given(created=st.integers(0, 10**18), first=st.integers(0, 10**15), later=st.integers(10**6, 10**15))
def test_traffic_grows(created: int, first: int, later: int) -> None:
    seen = [traffic_bytes(created_at_ns=created, now_ns=created + at) for at in (first, first + later)]
    assert 0 < seen[0] < seen[1]
