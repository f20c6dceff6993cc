"""Pod metrics over the CRI: the samples of a pod and of a container, from what was read of their cgroups.

Rule 1: every described metric that has a value here becomes one sample for each of its extra labels, in the order of
the descriptors.
Rule 2: seconds are whole seconds, cut off. A number never leaves 64 bits without a sign.
Rule 3: network is counted for the pod, everything else for a container.

Mirrors containerd: internal/cri/server/list_pod_sandbox_metrics_linux.go; CRI-O: internal/lib/statsserver,
*_metrics_linux.go. The cgroups are those of version 2.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from kubesim.policy.pod_metrics import MetricDescriptor, MetricGroup, MetricSet, metric_descriptors

_NS_PER_SECOND = 1_000_000_000
_UNLIMITED = (1 << 64) - 1
"""How containerd shows `max`."""
_LIMIT_BYTES_MAX = 1 << 62
"""A memory limit beyond counts as none. Mirrors CRI-O: internal/lib/statsserver/spec_metrics_linux.go."""

_DISK_MAJOR, _DISK_MINOR = "8", "0"
_DISK = f"{_DISK_MAJOR}:{_DISK_MINOR}"
_ROOT = "/"
_OPEN_FILES = "max_open_files"
_PAGE_SIZES = ("2MB", "1GB")

Values: TypeAlias = Mapping[str, Sequence[tuple[tuple[str, ...], int]]]
"""For each metric the values of its extra labels, and the number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricLabels:
    """What every sample of one pod or container carries."""

    pod: str
    namespace: str
    container: str
    id: str
    image: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricSample:
    """One sample."""

    descriptor: MetricDescriptor
    label_values: tuple[str, ...]
    """One for each label key of the descriptor, in the same order."""
    value: int


@dataclass(frozen=True, slots=True, kw_only=True)
class InterfaceReading:
    """Counters of one network interface of a pod."""

    name: str
    received_bytes: int
    received_packets: int
    transmitted_bytes: int
    transmitted_packets: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SpecReading:
    """The limits a container was given; 0 is none."""

    cpu_period: int
    cpu_quota: int
    cpu_shares: int
    memory_limit_bytes: int
    memory_swap_limit_bytes: int
    memory_reservation_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerReading:
    """What was read of one running container at one instant."""

    time_ns: int
    created_at_ns: int
    started_at_ns: int
    cpu_user_ns: int
    cpu_system_ns: int
    cfs_periods: int
    cfs_throttled_periods: int
    cfs_throttled_ns: int
    memory_usage_bytes: int
    memory_usage_bytes_max: int
    memory_working_set_bytes: int
    memory_anonymous_bytes: int
    memory_active_file_bytes: int
    memory_inactive_file_bytes: int
    memory_mapped_file_bytes: int
    memory_kernel_bytes: int
    memory_swap_bytes: int
    page_faults: int
    major_page_faults: int
    oom_kills: int
    layer_bytes: int
    """What the container's writable layer takes."""
    layer_inodes: int
    disk_bytes_max: int
    """Size of the file system that holds the layer."""
    disk_inodes_max: int
    disk_inodes_free: int
    read_bytes: int
    reads: int
    written_bytes: int
    writes: int
    processes: int
    threads: int
    threads_max: int
    """0 is no limit."""
    file_descriptors: int
    sockets: int
    open_files_max: int
    spec: SpecReading


def pod_samples(
    *,
    metric_set: MetricSet,
    groups: frozenset[MetricGroup],
    labels: MetricLabels,
    interfaces: Collection[InterfaceReading],
) -> list[MetricSample]:
    """The samples of a pod as a whole: one of each network metric for each interface."""
    values: dict[str, list[tuple[tuple[str, ...], int]]] = {}
    for interface in interfaces:
        for direction, count_bytes, packets in (
            ("receive", interface.received_bytes, interface.received_packets),
            ("transmit", interface.transmitted_bytes, interface.transmitted_packets),
        ):
            for what, value in (("bytes", count_bytes), ("packets", packets), ("packets_dropped", 0), ("errors", 0)):
                name = f"container_network_{direction}_{what}_total"
                values.setdefault(name, []).append(((interface.name,), value))
    return list(_samples(metric_set, groups, labels, values))


def container_samples(
    *, metric_set: MetricSet, groups: frozenset[MetricGroup], labels: MetricLabels, reading: ContainerReading
) -> list[MetricSample]:
    """The samples of one container."""
    values = {**_cgroup_values(reading), **_disk_values(reading), **_process_values(reading)}
    if metric_set == "containerd":
        values.update(_containerd_values(reading))
    else:
        values.update(_crio_values(reading))
    if metric_set == "cri-o":
        values.update(_crio_labels(reading))
    return list(_samples(metric_set, groups, labels, values))


def _samples(
    metric_set: MetricSet, groups: frozenset[MetricGroup], labels: MetricLabels, values: Values
) -> Iterator[MetricSample]:
    own: Mapping[str, str] = {
        "pod": labels.pod,
        "namespace": labels.namespace,
        "container": labels.container,
        "id": labels.id,
        "image": labels.image,
    }
    for descriptor in metric_descriptors(metric_set, groups):
        for extra, value in values.get(descriptor.name, ()):
            base = descriptor.label_keys[: len(descriptor.label_keys) - len(descriptor.extra_keys)]
            yield MetricSample(
                descriptor=descriptor,
                label_values=(*(own[key] for key in base), *extra),
                value=min(max(value, 0), _UNLIMITED),
            )


def _plain(**values: int) -> dict[str, Sequence[tuple[tuple[str, ...], int]]]:
    """Values without extra labels, by name without prefix."""
    return {f"container_{name}": [((), value)] for name, value in values.items()}


def _cgroup_values(reading: ContainerReading) -> dict[str, Sequence[tuple[tuple[str, ...], int]]]:
    """What both runtimes read in the same way."""
    cache_bytes = reading.memory_active_file_bytes + reading.memory_inactive_file_bytes
    stalls = {
        f"pressure_{of}_{word}_seconds_total": 0 for of in ("cpu", "memory", "io") for word in ("stalled", "waiting")
    }
    pages = [((size,), 0) for size in _PAGE_SIZES]
    return {
        **_plain(
            last_seen=reading.time_ns // _NS_PER_SECOND,
            cpu_user_seconds_total=reading.cpu_user_ns // _NS_PER_SECOND,
            cpu_system_seconds_total=reading.cpu_system_ns // _NS_PER_SECOND,
            cpu_usage_seconds_total=_cpu_seconds(reading),
            cpu_cfs_periods_total=reading.cfs_periods,
            cpu_cfs_throttled_periods_total=reading.cfs_throttled_periods,
            cpu_cfs_throttled_seconds_total=reading.cfs_throttled_ns // _NS_PER_SECOND,
            memory_cache=cache_bytes,
            memory_rss=reading.memory_anonymous_bytes,
            memory_kernel_usage=reading.memory_kernel_bytes,
            memory_mapped_file=reading.memory_mapped_file_bytes,
            memory_swap=reading.memory_swap_bytes,
            memory_failcnt=0,  # cgroup version 2 does not count it
            memory_usage_bytes=reading.memory_usage_bytes,
            memory_max_usage_bytes=reading.memory_usage_bytes_max,
            memory_working_set_bytes=reading.memory_working_set_bytes,
            memory_total_active_file_bytes=reading.memory_active_file_bytes,
            memory_total_inactive_file_bytes=reading.memory_inactive_file_bytes,
            oom_events_total=reading.oom_kills,
            **stalls,
        ),
        "container_memory_failures_total": _page_faults(reading, ("container",)),
        "container_hugetlb_usage_bytes": pages,
        "container_hugetlb_max_usage_bytes": pages,
    }


def _cpu_seconds(reading: ContainerReading) -> int:
    return (reading.cpu_user_ns + reading.cpu_system_ns) // _NS_PER_SECOND


def _page_faults(reading: ContainerReading, scopes: Sequence[str]) -> list[tuple[tuple[str, ...], int]]:
    return [
        ((kind, scope), count)
        for kind, count in (("pgfault", reading.page_faults), ("pgmajfault", reading.major_page_faults))
        for scope in scopes
    ]


def _disk_values(reading: ContainerReading) -> dict[str, Sequence[tuple[tuple[str, ...], int]]]:
    device = (_DISK,)
    return {
        "container_fs_usage_bytes": [((_ROOT,), reading.layer_bytes)],
        "container_fs_limit_bytes": [((_ROOT,), reading.disk_bytes_max)],
        "container_fs_inodes_total": [((_ROOT,), reading.disk_inodes_max)],
        "container_fs_inodes_free": [((_ROOT,), reading.disk_inodes_free)],
        "container_fs_reads_bytes_total": [(device, reading.read_bytes)],
        "container_fs_reads_total": [(device, reading.reads)],
        "container_fs_writes_bytes_total": [(device, reading.written_bytes)],
        "container_fs_writes_total": [(device, reading.writes)],
        "container_blkio_device_usage_total": _block_io(reading, "Read", "Write"),
    }


def _block_io(reading: ContainerReading, read: str, write: str) -> list[tuple[tuple[str, ...], int]]:
    return [
        ((_DISK, _DISK_MAJOR, _DISK_MINOR, operation), value)
        for operation, value in ((read, reading.read_bytes), (write, reading.written_bytes))
    ]


def _process_values(reading: ContainerReading) -> dict[str, Sequence[tuple[tuple[str, ...], int]]]:
    return {
        **_plain(
            processes=reading.processes,
            threads=reading.threads,
            threads_max=reading.threads_max,
            file_descriptors=reading.file_descriptors,
            sockets=reading.sockets,
        ),
        "container_ulimits_soft": [((_OPEN_FILES,), reading.open_files_max)],
    }


def _containerd_values(reading: ContainerReading) -> dict[str, Sequence[tuple[tuple[str, ...], int]]]:
    """Where containerd has a view of its own: limits for maxima, the layer's inodes for all, no limit is no sample."""
    spec = reading.spec
    given = {
        "spec_cpu_period": spec.cpu_period,
        "spec_cpu_shares": spec.cpu_shares,
        "spec_memory_limit_bytes": spec.memory_limit_bytes,
        "spec_memory_swap_limit_bytes": spec.memory_swap_limit_bytes,
    }
    return _plain(
        start_time_seconds=reading.started_at_ns // _NS_PER_SECOND,
        memory_max_usage_bytes=spec.memory_limit_bytes or _UNLIMITED,
        threads_max=reading.threads_max or _UNLIMITED,
        spec_memory_reservation_limit_bytes=spec.memory_reservation_bytes,
        **{name: value for name, value in given.items() if value},
    ) | {"container_fs_inodes_total": [((_ROOT,), reading.layer_inodes)]}


def _crio_values(reading: ContainerReading) -> dict[str, Sequence[tuple[tuple[str, ...], int]]]:
    """Every limit is a sample, 0 where there is none; a quota only where there is one."""
    spec = reading.spec
    return _plain(
        start_time_seconds=reading.created_at_ns // _NS_PER_SECOND,
        spec_cpu_period=spec.cpu_period,
        spec_cpu_shares=spec.cpu_shares,
        spec_memory_limit_bytes=_memory_limit(spec.memory_limit_bytes),
        spec_memory_swap_limit_bytes=_memory_limit(spec.memory_swap_limit_bytes),
        spec_memory_reservation_limit_bytes=_memory_limit(spec.memory_reservation_bytes),
        **({"spec_cpu_quota": spec.cpu_quota} if spec.cpu_quota > 0 else {}),
    )


def _memory_limit(limit_bytes: int) -> int:
    return 0 if limit_bytes > _LIMIT_BYTES_MAX else limit_bytes


def _crio_labels(reading: ContainerReading) -> dict[str, Sequence[tuple[tuple[str, ...], int]]]:
    """What CRI-O labels otherwise: no device for the file system, a cpu for the time, operations in small letters."""
    return _plain(
        fs_usage_bytes=reading.layer_bytes,
        fs_limit_bytes=reading.disk_bytes_max,
        fs_inodes_total=reading.disk_inodes_max,
        fs_inodes_free=reading.disk_inodes_free,
    ) | {
        "container_cpu_usage_seconds_total": [(("total",), _cpu_seconds(reading))],
        "container_memory_failures_total": _page_faults(reading, ("container", "hierarchy")),
        "container_blkio_device_usage_total": _block_io(reading, "read", "write"),
    }
