"""The samples of pods and containers, from what was read of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import fields
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubesim.model.frozen_records import replace
from kubesim.policy.pod_metric_samples import (
    ContainerReading,
    InterfaceReading,
    MetricLabels,
    SpecReading,
    container_samples,
    pod_samples,
)
from kubesim.policy.pod_metrics import MetricGroup, metric_descriptors

GROUPS = frozenset(get_args(MetricGroup))
SETS = ("containerd", "cri-o", "complete")
LABELS = MetricLabels(pod="p", namespace="n", container="c", id="i", image="m")
S = 1_000_000_000
MAX = (1 << 64) - 1

SPEC = SpecReading(
    cpu_period=100_000,
    cpu_quota=20_000,
    cpu_shares=1024,
    memory_limit_bytes=64 << 20,
    memory_swap_limit_bytes=128 << 20,
    memory_reservation_bytes=0,
)
NO_SPEC = SpecReading(**{field.name: 0 for field in fields(SpecReading)})
READING = ContainerReading(
    time_ns=1000 * S + 1,
    created_at_ns=900 * S,
    started_at_ns=901 * S + 5,
    cpu_user_ns=2 * S + S // 2,
    cpu_system_ns=S // 2,
    cfs_periods=11,
    cfs_throttled_periods=12,
    cfs_throttled_ns=13 * S,
    memory_usage_bytes=14,
    memory_usage_bytes_max=15,
    memory_working_set_bytes=16,
    memory_anonymous_bytes=17,
    memory_active_file_bytes=18,
    memory_inactive_file_bytes=19,
    memory_mapped_file_bytes=20,
    memory_kernel_bytes=21,
    memory_swap_bytes=22,
    page_faults=23,
    major_page_faults=24,
    oom_kills=25,
    layer_bytes=26,
    layer_inodes=27,
    disk_bytes_max=28,
    disk_inodes_max=29,
    disk_inodes_free=30,
    read_bytes=31,
    reads=32,
    written_bytes=33,
    writes=34,
    processes=35,
    threads=36,
    threads_max=0,
    file_descriptors=37,
    sockets=38,
    open_files_max=39,
    spec=SPEC,
)


def values(metric_set, reading=READING, groups=GROUPS):
    """{name without prefix: {extra label values: value}}."""
    found = {}
    for sample in container_samples(metric_set=metric_set, groups=groups, labels=LABELS, reading=reading):
        extra = sample.label_values[5:]
        found.setdefault(sample.descriptor.name.removeprefix("container_"), {})[extra] = sample.value
    return found


@pytest.mark.parametrize("metric_set", SETS)
def test_what_is_described_is_emitted_by_the_pod_or_the_container(metric_set):
    interface = InterfaceReading(
        name="eth0", received_bytes=1, received_packets=2, transmitted_bytes=3, transmitted_packets=4
    )
    samples = [
        *pod_samples(metric_set=metric_set, groups=GROUPS, labels=LABELS, interfaces=[interface]),
        *container_samples(metric_set=metric_set, groups=GROUPS, labels=LABELS, reading=READING),
    ]

    assert {sample.descriptor for sample in samples} == set(metric_descriptors(metric_set, GROUPS))
    for sample in samples:
        own = dict(zip(sample.descriptor.label_keys, sample.label_values, strict=True))
        base = {key: own[key] for key in ("pod", "namespace", "container", "id", "image")}
        assert base == {"pod": "p", "namespace": "n", "container": "c", "id": "i", "image": "m"}
    assert max(Counter((s.descriptor.name, s.label_values) for s in samples).values()) == 1


def test_what_both_say():
    for metric_set in SETS:
        found = {name: list(by_label.values()) for name, by_label in values(metric_set).items()}
        expected = {
            "last_seen": [1000], "cpu_user_seconds_total": [2], "cpu_system_seconds_total": [0],
            "cpu_usage_seconds_total": [3], "cpu_cfs_periods_total": [11], "cpu_cfs_throttled_periods_total": [12],
            "cpu_cfs_throttled_seconds_total": [13], "memory_usage_bytes": [14], "memory_working_set_bytes": [16],
            "memory_rss": [17], "memory_cache": [37], "memory_mapped_file": [20], "memory_kernel_usage": [21],
            "memory_swap": [22], "memory_failcnt": [0], "oom_events_total": [25], "fs_usage_bytes": [26],
            "fs_limit_bytes": [28], "fs_inodes_free": [30], "fs_reads_bytes_total": [31], "fs_reads_total": [32],
            "fs_writes_bytes_total": [33], "fs_writes_total": [34], "blkio_device_usage_total": [31, 33],
            "processes": [35], "threads": [36], "file_descriptors": [37], "sockets": [38], "ulimits_soft": [39],
            "spec_cpu_period": [100_000], "spec_cpu_shares": [1024], "spec_memory_limit_bytes": [64 << 20],
            "spec_memory_swap_limit_bytes": [128 << 20], "spec_memory_reservation_limit_bytes": [0],
        }  # fmt: skip
        assert {name: found[name] for name in expected} == expected, metric_set


def test_where_containerd_differs():
    found = values("containerd")

    assert found["start_time_seconds"] == {(): 901}
    assert found["memory_max_usage_bytes"] == {(): 64 << 20}
    assert found["threads_max"] == {(): MAX}
    assert found["fs_inodes_total"] == {("/",): 27}
    assert found["memory_failures_total"] == {("pgfault", "container"): 23, ("pgmajfault", "container"): 24}
    assert found["memory_total_active_file_bytes"] == {(): 18}
    assert found["memory_total_inactive_file_bytes"] == {(): 19}
    assert found["blkio_device_usage_total"] == {("8:0", "8", "0", "Read"): 31, ("8:0", "8", "0", "Write"): 33}
    assert found["ulimits_soft"] == {("max_open_files",): 39}
    assert "spec_cpu_quota" not in found
    assert values("containerd", replace(READING, threads_max=7))["threads_max"] == {(): 7}


def test_where_crio_differs():
    found = values("cri-o")

    assert found["start_time_seconds"] == {(): 900}
    assert found["memory_max_usage_bytes"] == {(): 15}
    assert found["threads_max"] == {(): 0}
    assert found["fs_inodes_total"] == {(): 29}
    assert found["cpu_usage_seconds_total"] == {("total",): 3}
    assert set(found["memory_failures_total"]) == {
        (kind, scope) for kind in ("pgfault", "pgmajfault") for scope in ("container", "hierarchy")
    }
    assert set(found["blkio_device_usage_total"]) == {("8:0", "8", "0", "read"), ("8:0", "8", "0", "write")}
    assert set(found["hugetlb_usage_bytes"]) == {("2MB",), ("1GB",)}
    assert found["spec_cpu_quota"] == {(): 20_000}
    assert found["pressure_io_stalled_seconds_total"] == {(): 0}
    assert "memory_total_active_file_bytes" not in found


def test_a_container_without_limits():
    bare = replace(READING, spec=NO_SPEC)
    given_by_containerd = {name for name in values("containerd", bare) if name.startswith("spec_")}

    assert given_by_containerd == {"spec_memory_reservation_limit_bytes"}
    assert values("containerd", bare)["memory_max_usage_bytes"] == {(): MAX}
    for metric_set in ("cri-o", "complete"):
        found = values(metric_set, bare)
        assert found["spec_memory_limit_bytes"] == found["spec_cpu_shares"] == {(): 0}
        assert "spec_cpu_quota" not in found


def test_a_limit_beyond_all_memory_is_none_to_crio():
    endless = replace(READING, spec=replace(SPEC, memory_limit_bytes=(1 << 62) + 1, memory_swap_limit_bytes=-1))

    assert values("cri-o", endless)["spec_memory_limit_bytes"] == {(): 0}
    assert values("cri-o", endless)["spec_memory_swap_limit_bytes"] == {(): 0}
    assert values("containerd", endless)["spec_memory_limit_bytes"] == {(): (1 << 62) + 1}


def test_groups_decide():
    assert set(values("cri-o", groups=frozenset())) == {"last_seen"}
    assert set(values("cri-o", groups=frozenset({"oom"}))) == {"last_seen", "oom_events_total"}


def test_a_pod_is_its_interfaces():
    interfaces = [
        InterfaceReading(name=name, received_bytes=10, received_packets=2, transmitted_bytes=5, transmitted_packets=1)
        for name in ("lo", "eth0")
    ]
    samples = pod_samples(metric_set="cri-o", groups=GROUPS, labels=LABELS, interfaces=interfaces)

    assert len(samples) == 16
    found = {(sample.descriptor.name, sample.label_values[-1]): sample.value for sample in samples}
    assert found["container_network_receive_bytes_total", "eth0"] == 10
    assert found["container_network_transmit_packets_total", "lo"] == 1
    assert found["container_network_receive_errors_total", "lo"] == 0
    assert pod_samples(metric_set="cri-o", groups=frozenset(), labels=LABELS, interfaces=interfaces) == []
    assert pod_samples(metric_set="cri-o", groups=GROUPS, labels=LABELS, interfaces=[]) == []


NUMBERS = st.integers(-1, 1 << 70)


@given(
    metric_set=st.sampled_from(SETS),
    numbers=st.fixed_dictionaries({field.name: NUMBERS for field in fields(ContainerReading) if field.name != "spec"}),
    spec=st.fixed_dictionaries({field.name: NUMBERS for field in fields(SpecReading)}),
)
def test_a_number_fits_on_the_wire(metric_set, numbers, spec):
    reading = ContainerReading(**numbers, spec=SpecReading(**spec))
    for sample in container_samples(metric_set=metric_set, groups=GROUPS, labels=LABELS, reading=reading):
        assert 0 <= sample.value <= MAX
        assert len(sample.label_values) == len(sample.descriptor.label_keys)
