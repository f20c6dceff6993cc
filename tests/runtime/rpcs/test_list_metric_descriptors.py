"""ListMetricDescriptors: which metrics a runtime has."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kubesim.cri import Code, api

CONTAINERD_BASE = ["pod", "namespace", "container", "id", "image"]
CRIO_BASE = ["id", "image", "namespace", "pod", "container"]
# What KEP-2371 asks for; CRI-O is told to collect them.
WANTED = [
    "blkio_device_usage_total", "cpu_cfs_periods_total", "cpu_cfs_throttled_periods_total",
    "cpu_cfs_throttled_seconds_total", "cpu_system_seconds_total", "cpu_usage_seconds_total",
    "cpu_user_seconds_total", "file_descriptors", "fs_inodes_free", "fs_inodes_total", "fs_limit_bytes",
    "fs_reads_bytes_total", "fs_reads_total", "fs_usage_bytes", "fs_writes_bytes_total", "fs_writes_total",
    "last_seen", "memory_cache", "memory_failcnt", "memory_failures_total", "memory_kernel_usage",
    "memory_mapped_file", "memory_max_usage_bytes", "memory_rss", "memory_swap", "memory_usage_bytes",
    "memory_working_set_bytes", "network_receive_bytes_total", "network_receive_errors_total",
    "network_receive_packets_dropped_total", "network_receive_packets_total", "network_transmit_bytes_total",
    "network_transmit_errors_total", "network_transmit_packets_dropped_total", "network_transmit_packets_total",
    "oom_events_total", "processes", "sockets", "spec_cpu_period", "spec_cpu_shares", "spec_memory_limit_bytes",
    "spec_memory_swap_limit_bytes", "start_time_seconds", "threads", "threads_max",
]  # fmt: skip
MORE = [
    "hugetlb_max_usage_bytes", "hugetlb_usage_bytes", "pressure_cpu_stalled_seconds_total",
    "pressure_cpu_waiting_seconds_total", "pressure_io_stalled_seconds_total", "pressure_io_waiting_seconds_total",
    "pressure_memory_stalled_seconds_total", "pressure_memory_waiting_seconds_total", "spec_cpu_quota",
    "spec_memory_reservation_limit_bytes", "ulimits_soft",
]  # fmt: skip


def asked(node: Any) -> Any:
    return node.cri.list_metric_descriptors(api.ListMetricDescriptorsRequest())


def described(node: Any) -> dict[str, api.MetricDescriptor]:
    return {row.name.removeprefix("container_"): row for row in node.do(asked(node)).descriptors}


@pytest.fixture
def crio_with(new_node: Any, tmp_path: Path) -> Callable[[str], Any]:
    """A node whose CRI-O has `included_pod_metrics`, from a profile of the user's own."""

    def make(groups: str, extends: str = "cri-o-1.36") -> Any:
        path = tmp_path / "mine.yaml"
        path.write_text(
            "apiVersion: kubesim/v1\nkind: RuntimeProfile\nmetadata: {name: mine}\n"
            f"spec:\n  extends: {extends}\n  changes:\n"
            f"    - {{why: mine, set: {{statistics: {{includedPodMetrics: [{groups}]}}}}}}\n"
        )
        return new_node(str(path))

    return make


def test_containerd_has_all_of_its_own(node: Any) -> None:
    rows = described(node)
    assert len(rows) == 49
    assert rows.keys() >= set(WANTED)
    assert rows.keys() & set(MORE) == {"spec_memory_reservation_limit_bytes", "ulimits_soft"}
    assert all(row.help and list(row.label_keys[:5]) == CONTAINERD_BASE for row in rows.values())
    assert rows["cpu_usage_seconds_total"].help == "Cumulative CPU time consumed in seconds."
    assert list(rows["cpu_usage_seconds_total"].label_keys) == CONTAINERD_BASE
    assert list(rows["memory_failures_total"].label_keys) == [*CONTAINERD_BASE, "failure_type", "scope"]


def test_crio_has_one_unless_it_is_told_more(crio: Any) -> None:
    rows = described(crio)
    assert list(rows) == ["last_seen"]
    assert list(rows["last_seen"].label_keys) == CRIO_BASE


def test_crio_with_all_metrics(crio_with: Callable[..., Any]) -> None:
    rows = described(crio_with("all"))
    assert rows.keys() == {*WANTED, *MORE}
    assert all(row.help and list(row.label_keys[:5]) == CRIO_BASE for row in rows.values())
    assert list(rows["cpu_usage_seconds_total"].label_keys) == [*CRIO_BASE, "cpu"]


def test_crio_with_some_groups(crio_with: Callable[..., Any]) -> None:
    assert described(crio_with("oom, hugetlb")).keys() == {
        "last_seen", "oom_events_total", "hugetlb_usage_bytes", "hugetlb_max_usage_bytes"
    }  # fmt: skip


def test_pressure_is_a_group_since_crio_1_36(crio_with: Callable[..., Any]) -> None:
    older = described(crio_with("all", "cri-o-1.35"))
    assert older.keys() == {name for name in (*WANTED, *MORE) if not name.startswith("pressure_")}


def test_the_ideal_has_what_either_has(new_node: Any) -> None:
    rows = described(new_node("ideal"))
    assert rows.keys() == {*WANTED, *MORE, "memory_total_active_file_bytes", "memory_total_inactive_file_bytes"}
    assert all(row.help and list(row.label_keys[:5]) == CONTAINERD_BASE for row in rows.values())


@pytest.mark.parametrize(
    ("profile", "message"),
    [
        ("containerd-1.6", "unknown method ListMetricDescriptors for service runtime.v1.RuntimeService"),
        ("containerd-2.1", "method ListMetricDescriptors not implemented"),
        ("cri-o-1.29", "method unimplemented"),
    ],
)
def test_versions_that_have_none(new_node: Any, profile: str, message: str) -> None:
    node = new_node(profile)
    error = node.refused(asked(node))
    assert (error.code, error.message) == (Code.UNIMPLEMENTED, message)


def test_on_windows(new_node: Any) -> None:
    node = new_node(os="windows")
    error = node.refused(asked(node))
    assert error.code is Code.UNIMPLEMENTED
    assert error.message == "method ListMetricDescriptors not implemented on this platform"
