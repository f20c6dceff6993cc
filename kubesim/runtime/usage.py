"""What a container is said to use: plausible numbers that only grow, derived from its times and its id.

Rule 1: a number is a function of the time and the container, so two calls at one instant agree and counters never fall.
Rule 2: rss <= working set <= usage <= limit, available = limit - working set.
Rule 3: what a container used stays with its pod when the container has ended, as in the cgroup above it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_MIB = 1 << 20
_NS = 1_000_000_000

CPU_SHARE_DIVISOR = 100
"""A running container is said to use a hundredth of a core."""

PAUSE_SHARE_DIVISOR = 1_000_000

NETWORK_BYTES_PER_SECOND = 1500
SAMPLE_PERIOD_NS = 10 * _NS
"""Period of the background sampling; a rate exists once two samples do. Mirrors containerd: stats_collect_period."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuSample:
    """What a rate is taken from."""

    time_ns: int
    cpu_core_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Numbers of one cgroup at one instant."""

    time_ns: int
    cpu_core_ns: int
    cpu_nano_cores: int | None
    """The rate at this instant, or the one that a client is told; None is none."""
    working_set_bytes: int
    usage_bytes: int
    rss_bytes: int
    available_bytes: int
    page_faults: int
    major_page_faults: int

    @property
    def cpu_sample(self) -> CpuSample:
        """What to keep for the next rate."""
        return CpuSample(time_ns=self.time_ns, cpu_core_ns=self.cpu_core_ns)


@dataclass(slots=True, kw_only=True)
class EndedUsage:
    """What the containers of a pod used that do not run any more."""

    cpu_core_ns: int = 0
    page_faults: int = 0

    def add(self, *, container_id: str, started_at_ns: int, finished_at_ns: int) -> None:
        """A container has ended."""
        running_ns = finished_at_ns - started_at_ns
        self.cpu_core_ns += _cpu_core_ns(running_ns)
        self.page_faults += _page_faults(container_id, running_ns)


def container_usage(
    *, container_id: str, started_at_ns: int, now_ns: int, memory_limit_bytes: int, process_bytes: int = 0
) -> Usage:
    """The usage of a running container. `memory_limit_bytes` 0 = no limit; `process_bytes` is what its emulated
    processes took."""
    running_ns = now_ns - started_at_ns
    working_set = max(_resident_bytes(container_id), process_bytes)
    usage = working_set + working_set // 4
    if memory_limit_bytes > 0:
        working_set = min(working_set, memory_limit_bytes)
        usage = min(usage, memory_limit_bytes)
    return Usage(
        time_ns=now_ns,
        cpu_core_ns=_cpu_core_ns(running_ns),
        cpu_nano_cores=_NS // CPU_SHARE_DIVISOR,
        working_set_bytes=working_set,
        usage_bytes=usage,
        rss_bytes=working_set // 2,
        available_bytes=memory_limit_bytes - working_set if memory_limit_bytes > 0 else 0,
        page_faults=_page_faults(container_id, running_ns),
        major_page_faults=0,
    )


def pause_usage(*, created_at_ns: int, now_ns: int) -> Usage:
    """The usage of a sandbox's own process, which does nothing but wait."""
    return Usage(
        time_ns=now_ns,
        cpu_core_ns=20_000_000 + max(now_ns - created_at_ns, 0) // PAUSE_SHARE_DIVISOR,
        cpu_nano_cores=_NS // PAUSE_SHARE_DIVISOR,
        working_set_bytes=256 * 1024,
        usage_bytes=320 * 1024,
        rss_bytes=48 * 1024,
        available_bytes=0,
        page_faults=600,
        major_page_faults=0,
    )


def total(usages: Sequence[Usage], *, ended: EndedUsage, now_ns: int, memory_limit_bytes: int = 0) -> Usage:
    """The usage of a cgroup that holds all of them, and held what has ended. `memory_limit_bytes` 0 = no limit."""
    working_set = sum(usage.working_set_bytes for usage in usages)
    return Usage(
        time_ns=now_ns,
        cpu_core_ns=sum(usage.cpu_core_ns for usage in usages) + ended.cpu_core_ns,
        cpu_nano_cores=sum(usage.cpu_nano_cores or 0 for usage in usages),
        working_set_bytes=working_set,
        usage_bytes=sum(usage.usage_bytes for usage in usages),
        rss_bytes=sum(usage.rss_bytes for usage in usages),
        available_bytes=max(memory_limit_bytes - working_set, 0),
        page_faults=sum(usage.page_faults for usage in usages) + ended.page_faults,
        major_page_faults=sum(usage.major_page_faults for usage in usages),
    )


def cpu_rate_nano_cores(before: CpuSample | None, now: CpuSample) -> int | None:
    """The rate between two samples; None without a first one, and where no time or no work lies between them.

    Mirrors containerd: internal/cri/server/container_stats_list.go, getUsageNanoCores; CRI-O:
    internal/lib/statsserver/stats_server.go, updateUsageNanoCores.
    """
    if before is None or now.time_ns <= before.time_ns or now.cpu_core_ns < before.cpu_core_ns:
        return None
    return (now.cpu_core_ns - before.cpu_core_ns) * _NS // (now.time_ns - before.time_ns)


def traffic_bytes(*, created_at_ns: int, now_ns: int) -> int:
    """What a pod's eth0 received. It sent half of that."""
    return 1000 + NETWORK_BYTES_PER_SECOND * max(now_ns - created_at_ns, 0) // _NS


def _cpu_core_ns(running_ns: int) -> int:
    return max(running_ns, 0) // CPU_SHARE_DIVISOR + 1


def _resident_bytes(container_id: str) -> int:
    """Between 2 and 6 MiB, the same for the same id: pods of one test should not all look alike."""
    return 2 * _MIB + int(container_id[:4], 16) * 64


def _page_faults(container_id: str, running_ns: int) -> int:
    return _resident_bytes(container_id) // 4096 + max(running_ns, 0) // _NS
