"""Pod metrics over the CRI: which ones a runtime describes, with what help and which labels.

Rule 1: a runtime describes the metrics of the groups it is told to collect, and `container_last_seen` always.
Rule 2: what is described is emitted, and every sample has a value for each label key.

KEP-2371. Mirrors containerd: internal/cri/server/list_metric_descriptors.go and list_metric_descriptors_linux.go;
CRI-O: internal/lib/statsserver/descriptors.go and metrics.go, pkg/config/config.go, Validate (StatsConfig).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from typing import Literal, TypeAlias

MetricSet: TypeAlias = Literal["none", "containerd", "cri-o", "complete"]
"""Whose metrics: `complete` is containerd's with those that only CRI-O has."""

MetricGroup: TypeAlias = Literal[
    "cpu", "disk", "diskIO", "hugetlb", "memory", "network", "oom", "pressure", "process", "spec"
]
"""The groups of CRI-O's `included_pod_metrics`; containerd's metrics fall into the same ones."""

IncludedMetrics: TypeAlias = Literal[MetricGroup, "all"]

_PREFIX = "container_"
_CONTAINERD_BASE = ("pod", "namespace", "container", "id", "image")
_CRIO_BASE = ("id", "image", "namespace", "pod", "container")


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricDescriptor:
    """One metric as ListMetricDescriptors shows it."""

    name: str
    """With its prefix: `container_cpu_usage_seconds_total`."""
    help: str
    label_keys: tuple[str, ...]
    """The keys every metric of the set has, then `extra_keys`."""
    extra_keys: tuple[str, ...]
    is_counter: bool
    group: MetricGroup | None
    """None is collected always."""


@dataclass(frozen=True, slots=True)
class _Row:
    """A metric, and what each runtime says about it; None where it does not have it."""

    name: str
    kind: Literal["counter", "gauge"]
    group: MetricGroup | None
    containerd: str | None
    crio: str | None
    containerd_keys: tuple[str, ...] = ()
    crio_keys: tuple[str, ...] = ()


def _both(name: str, kind: Literal["counter", "gauge"], group: MetricGroup | None, text: str, *keys: str) -> _Row:
    """A metric that is the same in both."""
    return _Row(name, kind, group, text, text, keys, keys)


_FS = ("device",)
_BLKIO = ("device", "major", "minor", "operation")
_FAILURES = ("failure_type", "scope")

# The texts are those of the runtimes, with their slips.
_ROWS = (
    _both("cpu_user_seconds_total", "counter", "cpu", "Cumulative user CPU time consumed in seconds."),
    _both("cpu_system_seconds_total", "counter", "cpu", "Cumulative system CPU time consumed in seconds."),
    _Row("cpu_usage_seconds_total", "counter", "cpu",
         "Cumulative CPU time consumed in seconds.", "Cumulative CPU time consumed in seconds.", (), ("cpu",)),
    _both("cpu_cfs_periods_total", "counter", "cpu", "Number of elapsed enforcement period intervals."),
    _Row("cpu_cfs_throttled_periods_total", "counter", "cpu",
         "Number of CPU throttled period intervals.", "Number of throttled period intervals."),
    _both("cpu_cfs_throttled_seconds_total", "counter", "cpu",
          "Total time duration the container has been throttled."),
    _Row("memory_cache", "gauge", "memory",
         "Number of bytes of memory used by the container for caching purposes.",
         "Number of bytes of page cache memory."),
    _Row("memory_rss", "gauge", "memory",
         "Size of RSS in bytes, total anonymous memory and [swap cache memory used by the container.",
         "Size of RSS in bytes."),
    _Row("memory_kernel_usage", "gauge", "memory",
         "Size of kernel memory allocated to the container in bytes, includes page tables, socket buffers...",
         "Size of kernel memory allocated in bytes."),
    _Row("memory_mapped_file", "gauge", "memory",
         "Size of container's memory mapped files in bytes.", "Size of memory mapped files in bytes."),
    _both("memory_swap", "gauge", "memory", "Container swap usage in bytes."),
    _Row("memory_failcnt", "counter", "memory",
         "Number of times container memory usage has hit its cgroup v1 upper memory limit, for cg2 this value is not "
         "currently supported",
         "Number of memory usage hits limits"),
    _both("memory_usage_bytes", "gauge", "memory",
          "Current memory usage in bytes, including all memory regardless of when it was accessed"),
    _Row("memory_max_usage_bytes", "gauge", "memory",
         "Maximum container memory usage recorded in bytes", "Maximum memory usage recorded in bytes"),
    _Row("memory_working_set_bytes", "gauge", "memory",
         "Amount of memory that is actively used by the container, excluding cached memory.",
         "Current working set in bytes."),
    _Row("memory_total_active_file_bytes", "gauge", "memory",
         "Amount of cache memory bytes, in use by the container, in file on disk.", None),
    _Row("memory_total_inactive_file_bytes", "gauge", "memory",
         "Amount of inactive cache memory bytes, for the container, in file on disk.", None),
    _Row("memory_failures_total", "counter", "memory",
         "Cumulative count of container memory allocation failures.",
         "Cumulative count of memory allocation failures.", _FAILURES, _FAILURES),
    _both("oom_events_total", "counter", "oom", "Count of out of memory events observed for the container"),
    _both("network_receive_bytes_total", "counter", "network", "Cumulative count of bytes received", "interface"),
    _both("network_receive_packets_total", "counter", "network", "Cumulative count of packets received", "interface"),
    _both("network_receive_packets_dropped_total", "counter", "network",
          "Cumulative count of packets dropped while receiving", "interface"),
    _both("network_receive_errors_total", "counter", "network",
          "Cumulative count of errors encountered while receiving", "interface"),
    _both("network_transmit_bytes_total", "counter", "network", "Cumulative count of bytes transmitted", "interface"),
    _both("network_transmit_packets_total", "counter", "network",
          "Cumulative count of packets transmitted", "interface"),
    _both("network_transmit_packets_dropped_total", "counter", "network",
          "Cumulative count of packets dropped while transmitting", "interface"),
    _both("network_transmit_errors_total", "counter", "network",
          "Cumulative count of errors encountered while transmitting", "interface"),
    _Row("fs_inodes_free", "gauge", "disk", "Number of available Inodes", "Number of free inodes.", _FS),
    _Row("fs_inodes_total", "gauge", "disk", "Number of Inodes", "Total number of inodes.", _FS),
    _Row("fs_limit_bytes", "gauge", "disk",
         "Number of bytes that can be consumed by the container on this filesystem.",
         "Filesystem limit in bytes.", _FS),
    _Row("fs_usage_bytes", "gauge", "disk",
         "Number of bytes that are consumed by the container on this filesystem.",
         "Current filesystem usage in bytes.", _FS),
    _both("fs_reads_bytes_total", "counter", "diskIO", "Cumulative count of bytes read", "device"),
    _both("fs_reads_total", "counter", "diskIO", "Cumulative count of reads completed", "device"),
    _both("fs_writes_bytes_total", "counter", "diskIO", "Cumulative count of bytes written", "device"),
    _both("fs_writes_total", "counter", "diskIO", "Cumulative count of writes completed", "device"),
    _Row("blkio_device_usage_total", "counter", "diskIO",
         "Blkio device bytes usage", "Blkio Device bytes usage", _BLKIO, _BLKIO),
    _both("processes", "gauge", "process", "Number of processes running inside the container."),
    _both("file_descriptors", "gauge", "process", "Number of open file descriptors for the container."),
    _both("sockets", "gauge", "process", "Number of open sockets for the container."),
    _both("threads_max", "gauge", "process",
          "Maximum number of threads allowed inside the container, infinity if value is zero"),
    _both("threads", "gauge", "process", "Number of threads running inside the container"),
    _both("ulimits_soft", "gauge", "process",
          "Soft ulimit values for the container root process. Unlimited if -1, except priority and nice", "ulimit"),
    _both("last_seen", "gauge", None, "Last time a container was seen by the exporter"),
    _Row("start_time_seconds", "gauge", "spec",
         "Start time of the container since unix epoch in seconds",
         "Start time of the container since unix epoch in seconds."),
    _Row("spec_cpu_period", "gauge", "spec", "CPU period of the container", "CPU period of the container."),
    _Row("spec_cpu_shares", "gauge", "spec", "CPU share of the container", "CPU share of the container."),
    _Row("spec_cpu_quota", "gauge", "spec", None, "CPU quota of the container."),
    _Row("spec_memory_limit_bytes", "gauge", "spec",
         "Memory limit for the container", "Memory limit for the container in bytes."),
    _Row("spec_memory_reservation_limit_bytes", "gauge", "spec",
         "Memory reservation limit for the container", "Memory reservation limit for the container."),
    _Row("spec_memory_swap_limit_bytes", "gauge", "spec",
         "Memory swap limit for the container", "Memory swap limit for the container."),
    _Row("hugetlb_usage_bytes", "gauge", "hugetlb", None, "Current hugepage usage", (), ("pagesize",)),
    _Row("hugetlb_max_usage_bytes", "gauge", "hugetlb",
         None, "Maximum hugepage usages recorded", (), ("pagesize",)),
    *(
        _Row(f"pressure_{of}_{word}_seconds_total", "counter", "pressure", None, text.format(of.upper()
             if of != "memory" else of))
        for of in ("cpu", "memory", "io")
        for word, text in (
            ("stalled", "Total time duration no tasks in the container could make progress due to {} congestion."),
            ("waiting", "Total time duration tasks in the container have waited due to {} congestion."),
        )
    ),
)  # fmt: skip


def collected_groups(
    included: Collection[IncludedMetrics], available: Collection[MetricGroup]
) -> frozenset[MetricGroup]:
    """The groups a runtime collects: those it is told to among those its version has; `all` is every one."""
    return frozenset(group for group in available if group in included or "all" in included)


@cache
def metric_descriptors(metric_set: MetricSet, groups: frozenset[MetricGroup]) -> tuple[MetricDescriptor, ...]:
    """What ListMetricDescriptors says, in the order of the table; both runtimes give them in the order of a Go map."""
    if metric_set == "none":
        return ()
    found = (_descriptor(row, metric_set) for row in _ROWS if row.group is None or row.group in groups)
    return tuple(descriptor for descriptor in found if descriptor is not None)


def _descriptor(row: _Row, metric_set: MetricSet) -> MetricDescriptor | None:
    """The row as the set has it; None when it has not."""
    is_crio = metric_set == "cri-o" or (metric_set == "complete" and row.containerd is None)
    text, keys = (row.crio, row.crio_keys) if is_crio else (row.containerd, row.containerd_keys)
    if text is None:
        return None
    base = _CRIO_BASE if metric_set == "cri-o" else _CONTAINERD_BASE
    return MetricDescriptor(
        name=_PREFIX + row.name,
        help=text,
        label_keys=(*base, *keys),
        extra_keys=keys,
        is_counter=row.kind == "counter",
        group=row.group,
    )
