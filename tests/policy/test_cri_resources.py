"""cpu shares, cpu quota and OOM score."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubesim.policy.cri_resources import (
    CpuResources,
    QuotaRule,
    cpu_quota_us,
    cpu_resources,
    cpu_shares,
    hugepage_limits,
    oom_group,
    oom_score_adj,
    windows_cpu_limit_milli,
    windows_cpu_maximum,
)
from kubesim.policy.qos import QosClass

GIB = 1 << 30


@pytest.mark.parametrize(
    ("milli", "shares"), [(0, 2), (1, 2), (2, 2), (3, 3), (100, 102), (1000, 1024), (300_000, 262_144)]
)
def test_shares(milli: int, shares: int) -> None:
    assert cpu_shares(milli) == shares


@pytest.mark.parametrize(
    ("milli", "quota_us"), [(0, 0), (1, 1000), (10, 1000), (11, 1100), (200, 20_000), (2000, 200_000)]
)
def test_quota(milli: int, quota_us: int) -> None:
    assert cpu_quota_us(milli) == quota_us


def test_quota_follows_the_period() -> None:
    assert cpu_quota_us(500, period_us=10_000) == 5000


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"request_milli": None, "limit_milli": None}, (2, 0, 100_000)),
        ({"request_milli": 100, "limit_milli": None}, (102, 0, 100_000)),
        ({"request_milli": 100, "limit_milli": 200}, (102, 20_000, 100_000)),
        ({"request_milli": None, "limit_milli": 200}, (204, 20_000, 100_000)),
        ({"request_milli": 0, "limit_milli": 200}, (2, 20_000, 100_000)),
        ({"request_milli": 2000, "limit_milli": 2000, "has_exclusive_cpus": True}, (2048, -1, 100_000)),
        ({"request_milli": 100, "limit_milli": 200, "quota": QuotaRule(is_enforced=False)}, (102, 0, 0)),
        ({"request_milli": 100, "limit_milli": 200, "quota": QuotaRule(period_us=10_000)}, (102, 2000, 10_000)),
    ],
)
def test_cpu_fields(fields: dict[str, object], expected: tuple[int, int, int]) -> None:
    shares, quota_us, period_us = expected
    assert cpu_resources(**fields) == CpuResources(shares=shares, quota_us=quota_us, period_us=period_us)


@pytest.mark.parametrize(
    ("fields", "score"),
    [
        ({"qos": QosClass.GUARANTEED}, -997),
        ({"qos": QosClass.BEST_EFFORT}, 1000),
        ({"qos": QosClass.BEST_EFFORT, "is_node_critical": True}, -997),
        ({"memory_request_bytes": 0}, 999),
        ({"memory_request_bytes": 4 * GIB}, 750),
        ({"memory_request_bytes": 16 * GIB}, 3),
        ({"memory_request_bytes": 1}, 999),
        ({"memory_request_bytes": 0, "least_regular_request_bytes": 4 * GIB}, 750),
        ({"memory_request_bytes": 8 * GIB, "least_regular_request_bytes": 4 * GIB}, 500),
        ({"memory_request_bytes": 4 * GIB, "pod_share_bytes": 4 * GIB}, 500),
        ({"memory_request_bytes": 0, "least_regular_request_bytes": 4 * GIB, "pod_share_bytes": 2 * GIB}, 625),
    ],
)
def test_oom_score(fields: dict[str, object], score: int) -> None:
    defaults = {"qos": QosClass.BURSTABLE, "memory_request_bytes": 0, "memory_capacity_bytes": 16 * GIB}
    assert oom_score_adj(**(defaults | fields)) == score


@given(request=st.integers(0, 32 * GIB), more=st.integers(0, 32 * GIB))
def test_asking_for_more_memory_never_makes_a_kill_likelier(request: int, more: int) -> None:
    def score(amount: int) -> int:
        return oom_score_adj(qos=QosClass.BURSTABLE, memory_request_bytes=amount, memory_capacity_bytes=16 * GIB)

    assert score(request + more) <= score(request)
    assert 3 <= score(request) <= 999


@pytest.mark.parametrize(
    ("limit_milli", "processors", "expected"),
    [(0, 4, 0), (1, 64, 1), (1000, 4, 2500), (4000, 4, 10000), (9000, 4, 10000)],
)
def test_the_share_of_all_processors_on_windows(limit_milli: int, processors: int, expected: int) -> None:
    assert windows_cpu_maximum(limit_milli=limit_milli, processors=processors) == expected


@pytest.mark.parametrize(
    ("maximum", "processors", "limit_milli"), [(0, 4, 0), (-1, 4, 0), (2500, 4, 1000), (832, 4, 332), (1, 4, 0)]
)
def test_what_a_share_of_all_processors_stands_for(maximum: int, processors: int, limit_milli: int) -> None:
    assert windows_cpu_limit_milli(maximum, processors=processors) == limit_milli


@pytest.mark.parametrize(
    ("limits", "found"),
    [
        ({"memory": "1Gi"}, {"2MB": 0, "1GB": 0}),
        ({"hugepages-2Mi": "8Mi"}, {"2MB": 8 * 1024**2, "1GB": 0}),
        ({"hugepages-2Mi": "2Mi", "hugepages-1Gi": "1Gi"}, {"2MB": 2 * 1024**2, "1GB": GIB}),
    ],
)
def test_huge_pages_are_none_but_for_what_limits_name(limits: dict[str, str], found: dict[str, int]) -> None:
    assert hugepage_limits(limits) == found


def test_memory_that_runs_out_ends_a_container_or_a_process() -> None:
    assert oom_group(kills_one_process=False) == {"memory.oom.group": "1"}
    assert oom_group(kills_one_process=True) == {}
