"""Which pod metrics a runtime describes, with which labels."""

from __future__ import annotations

from collections import Counter
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubesim.policy.pod_metrics import IncludedMetrics, MetricGroup, collected_groups, metric_descriptors

GROUPS = frozenset(get_args(MetricGroup))
CONTAINERD_GROUPS = GROUPS - {"hugetlb", "pressure"}
CONTAINERD_BASE = ("pod", "namespace", "container", "id", "image")
CRIO_BASE = ("id", "image", "namespace", "pod", "container")

EXTRA = {
    # labels beyond the base set: containerd's, CRI-O's; None where the metric does not exist
    "cpu_usage_seconds_total": ((), ("cpu",)),
    "memory_total_active_file_bytes": ((), None),
    "memory_total_inactive_file_bytes": ((), None),
    "memory_failures_total": (("failure_type", "scope"), ("failure_type", "scope")),
    **{
        f"network_{way}_{what}_total": (("interface",), ("interface",))
        for way in ("receive", "transmit")
        for what in ("bytes", "packets", "packets_dropped", "errors")
    },
    **{f"fs_{what}": (("device",), ()) for what in ("inodes_free", "inodes_total", "limit_bytes", "usage_bytes")},
    **{f"fs_{what}_total": (("device",), ("device",)) for what in ("reads_bytes", "reads", "writes_bytes", "writes")},
    "blkio_device_usage_total": (("device", "major", "minor", "operation"),) * 2,
    "ulimits_soft": (("ulimit",), ("ulimit",)),
    "spec_cpu_quota": (None, ()),
    "hugetlb_usage_bytes": (None, ("pagesize",)),
    "hugetlb_max_usage_bytes": (None, ("pagesize",)),
    **{
        f"pressure_{of}_{word}_seconds_total": (None, ())
        for of in ("cpu", "memory", "io")
        for word in ("stalled", "waiting")
    },
}
PLAIN = [
    "cpu_user_seconds_total", "cpu_system_seconds_total", "cpu_cfs_periods_total",
    "cpu_cfs_throttled_periods_total", "cpu_cfs_throttled_seconds_total", "memory_cache", "memory_rss",
    "memory_kernel_usage", "memory_mapped_file", "memory_swap", "memory_failcnt", "memory_usage_bytes",
    "memory_max_usage_bytes", "memory_working_set_bytes", "oom_events_total", "processes", "file_descriptors",
    "sockets", "threads_max", "threads", "last_seen", "start_time_seconds", "spec_cpu_period", "spec_cpu_shares",
    "spec_memory_limit_bytes", "spec_memory_reservation_limit_bytes", "spec_memory_swap_limit_bytes",
]  # fmt: skip
TABLE = {**EXTRA, **dict.fromkeys(PLAIN, ((), ()))}


@pytest.mark.parametrize(
    ("metric_set", "column", "base", "count"), [("containerd", 0, CONTAINERD_BASE, 49), ("cri-o", 1, CRIO_BASE, 56)]
)
def test_the_table(metric_set, column, base, count):
    expected = {f"container_{name}": (*base, *keys[column]) for name, keys in TABLE.items() if keys[column] is not None}
    found = metric_descriptors(metric_set, GROUPS)

    assert {descriptor.name: descriptor.label_keys for descriptor in found} == expected
    assert len(found) == count


def test_the_complete_set_is_containerds_with_what_only_crio_has():
    complete = {descriptor.name: descriptor for descriptor in metric_descriptors("complete", GROUPS)}
    containerd = {descriptor.name: descriptor for descriptor in metric_descriptors("containerd", GROUPS)}

    assert complete.keys() == {f"container_{name}" for name in TABLE}
    assert {name: complete[name] for name in containerd} == containerd
    assert complete["container_hugetlb_usage_bytes"].label_keys == (*CONTAINERD_BASE, "pagesize")


@pytest.mark.parametrize("metric_set", ["containerd", "cri-o", "complete"])
def test_every_descriptor_is_whole(metric_set):
    found = metric_descriptors(metric_set, GROUPS)

    assert max(Counter(descriptor.name for descriptor in found).values()) == 1
    for descriptor in found:
        assert descriptor.help
        assert len(set(descriptor.label_keys)) == len(descriptor.label_keys) >= 5
        keys = descriptor.label_keys
        assert keys[len(keys) - len(descriptor.extra_keys) :] == descriptor.extra_keys
        is_counter = descriptor.name.endswith("_total") or descriptor.name == "container_memory_failcnt"
        assert descriptor.is_counter is (is_counter and not descriptor.name.endswith("inodes_total"))


def test_words_are_those_of_the_runtime():
    def text(metric_set, name):
        return next(item.help for item in metric_descriptors(metric_set, GROUPS) if item.name == name)

    assert text("containerd", "container_fs_inodes_free") == "Number of available Inodes"
    assert text("cri-o", "container_fs_inodes_free") == "Number of free inodes."
    assert text("cri-o", "container_pressure_cpu_stalled_seconds_total") == (
        "Total time duration no tasks in the container could make progress due to CPU congestion."
    )
    assert text("complete", "container_pressure_memory_waiting_seconds_total") == (
        "Total time duration tasks in the container have waited due to memory congestion."
    )
    assert text("complete", "container_pressure_io_waiting_seconds_total").endswith("due to IO congestion.")


@pytest.mark.parametrize("metric_set", ["containerd", "cri-o", "complete"])
def test_without_groups_there_is_last_seen_alone(metric_set):
    assert [item.name for item in metric_descriptors(metric_set, frozenset())] == ["container_last_seen"]


def test_a_runtime_without_metrics():
    assert metric_descriptors("none", GROUPS) == ()


@given(
    included=st.lists(st.sampled_from(get_args(IncludedMetrics))), available=st.sets(st.sampled_from(sorted(GROUPS)))
)
def test_collected_groups(included, available):
    collected = collected_groups(included, available)

    assert collected <= available
    if "all" in included:
        assert collected == available
    else:
        assert collected == available & set(included)
    for descriptor in metric_descriptors("cri-o", collected):
        assert descriptor.group is None or descriptor.group in collected
