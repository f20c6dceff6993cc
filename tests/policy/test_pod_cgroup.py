"""The control group of a pod: what is written, and what is read back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubesim.policy.cri_resources import QuotaRule
from kubesim.policy.pod_cgroup import (
    CgroupReading,
    PodCgroup,
    created_pod_cgroup,
    kept_shares,
    quota_to_milli,
    reading,
    shares_to_milli,
    wanted_pod_cgroup,
    written_pod_cgroup,
)
from kubesim.policy.qos import QosClass

MIB = 1024**2


def wanted(qos: QosClass, **options: object) -> PodCgroup:
    fields = {
        "cpu_request_milli": 500,
        "cpu_limit_milli": 1000,
        "memory_limit_bytes": 64 * MIB,
        "has_cpu_limits": False,
        "has_memory_limits": False,
    }
    return wanted_pod_cgroup(qos=qos, **(fields | options))


@pytest.mark.parametrize(
    ("qos", "options", "cgroup"),
    [
        (QosClass.BEST_EFFORT, {}, PodCgroup(cpu_shares=2)),
        (QosClass.BURSTABLE, {}, PodCgroup(cpu_shares=512)),
        (
            QosClass.BURSTABLE,
            {"has_cpu_limits": True},
            PodCgroup(cpu_shares=512, cpu_quota_us=100_000, cpu_period_us=100_000),
        ),
        (QosClass.BURSTABLE, {"has_memory_limits": True}, PodCgroup(cpu_shares=512, memory_limit_bytes=64 * MIB)),
        (
            QosClass.GUARANTEED,
            {},
            PodCgroup(cpu_shares=512, cpu_quota_us=100_000, cpu_period_us=100_000, memory_limit_bytes=64 * MIB),
        ),
        (
            QosClass.GUARANTEED,
            {"quota": QuotaRule(is_enforced=False)},
            PodCgroup(cpu_shares=512, cpu_quota_us=-1, cpu_period_us=100_000, memory_limit_bytes=64 * MIB),
        ),
        (
            QosClass.BURSTABLE,
            {"has_cpu_limits": True, "quota": QuotaRule(period_us=10_000)},
            PodCgroup(cpu_shares=512, cpu_quota_us=10_000, cpu_period_us=10_000),
        ),
    ],
)
def test_what_is_set_depends_on_the_class(qos: QosClass, options: dict[str, object], cgroup: PodCgroup) -> None:
    assert wanted(qos, **options) == cgroup


def test_a_new_group_has_no_limits_of_its_own() -> None:
    assert created_pod_cgroup(PodCgroup(cpu_shares=51), version=2) == PodCgroup(
        cpu_shares=28, cpu_quota_us=-1, cpu_period_us=100_000, memory_limit_bytes=-1
    )
    assert created_pod_cgroup(PodCgroup(), version=1) == PodCgroup(
        cpu_shares=2, cpu_quota_us=-1, cpu_period_us=100_000, memory_limit_bytes=9223372036854771712
    )


def test_an_update_leaves_the_rest() -> None:
    before = created_pod_cgroup(wanted(QosClass.GUARANTEED), version=1)
    after = written_pod_cgroup(before, PodCgroup(memory_limit_bytes=MIB, cpu_quota_us=0), version=1)
    assert after == before.merged(PodCgroup(memory_limit_bytes=MIB))
    assert written_pod_cgroup(before, PodCgroup(cpu_shares=51), version=1).cpu_shares == 51


@pytest.mark.parametrize(
    ("cgroup", "found"),
    [
        (None, CgroupReading()),
        (PodCgroup(), CgroupReading()),
        (
            PodCgroup(cpu_shares=51, cpu_quota_us=20_000, cpu_period_us=100_000, memory_limit_bytes=MIB),
            CgroupReading(cpu_request_milli=50, cpu_limit_milli=200, memory_limit_bytes=MIB),
        ),
        (
            PodCgroup(cpu_shares=2, cpu_quota_us=-1, cpu_period_us=100_000, memory_limit_bytes=-1),
            CgroupReading(cpu_request_milli=2),
        ),
    ],
)
def test_what_a_group_stands_for(cgroup: PodCgroup | None, found: CgroupReading) -> None:
    assert reading(cgroup) == found


def test_shares_and_quotas_are_turned_back() -> None:
    assert [shares_to_milli(shares) for shares in (0, 1, 2, 1024)] == [0, 0, 2, 1000]
    assert [quota_to_milli(quota, 100_000) for quota in (-1, 0, 1000, 150_000)] == [0, 0, 10, 1500]


def test_overhead_is_taken_off() -> None:
    whole = PodCgroup(cpu_shares=1024, cpu_quota_us=100_000, cpu_period_us=100_000, memory_limit_bytes=100)
    assert whole.without_overhead(cpu_milli=500, memory_bytes=40) == PodCgroup(
        cpu_shares=512, cpu_quota_us=50_000, cpu_period_us=100_000, memory_limit_bytes=60
    )
    assert whole.without_overhead(cpu_milli=None, memory_bytes=None) == whole
    assert PodCgroup().without_overhead(cpu_milli=1, memory_bytes=1) == PodCgroup()


@given(shares=st.integers(2, 300_000))
def test_a_weight_is_never_read_back_larger(shares: int) -> None:
    kept = kept_shares(shares)
    assert 2 <= kept <= shares
    assert kept_shares(kept) <= kept
