"""What a container is said to use: plausible numbers that only grow, derived from its times and its id.

Rule 1: a number is a function of the time and the container, so two calls at one instant agree and counters never fall.
Rule 2: working set <= usage, rss <= working set, available = limit - working set.
"""

from __future__ import annotations

from dataclasses import dataclass

_MIB = 1 << 20
_NS = 1_000_000_000

CPU_SHARE_DIVISOR = 100
"""A running container is said to use a hundredth of a core."""

NETWORK_BYTES_PER_SECOND = 1500
SAMPLE_PERIOD_NS = 10 * _NS
"""Period of the background sampling; a rate exists once two samples do. Mirrors containerd: stats_collect_period."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Numbers of one cgroup at one instant."""

    time_ns: int
    cpu_core_ns: int
    cpu_nano_cores: int | None
    """None until there are two samples to take a rate from."""
    working_set_bytes: int
    usage_bytes: int
    rss_bytes: int
    available_bytes: int
    page_faults: int
    major_page_faults: int


def container_usage(
    *, container_id: str, started_at_ns: int, now_ns: int, memory_limit_bytes: int, process_bytes: int = 0
) -> Usage:
    """The usage of a running container. `memory_limit_bytes` 0 = no limit; `process_bytes` is what its emulated
    processes took."""
    running_ns = max(now_ns - started_at_ns, 1)
    # Between 2 and 6 MiB, the same for the same id: pods of one test should not all look alike.
    working_set = 2 * _MIB + int(container_id[:4], 16) * 64
    working_set = max(working_set, process_bytes)
    if memory_limit_bytes > 0:
        working_set = min(working_set, memory_limit_bytes)
    return Usage(
        time_ns=now_ns,
        cpu_core_ns=running_ns // CPU_SHARE_DIVISOR + 1,
        cpu_nano_cores=_NS // CPU_SHARE_DIVISOR if running_ns >= SAMPLE_PERIOD_NS else None,
        working_set_bytes=working_set,
        usage_bytes=working_set + working_set // 4,
        rss_bytes=working_set // 2,
        available_bytes=max(memory_limit_bytes - working_set, 0) if memory_limit_bytes > 0 else 0,
        page_faults=working_set // 4096 + running_ns // _NS,
        major_page_faults=0,
    )


def pause_usage(*, created_at_ns: int, now_ns: int) -> Usage:
    """The usage of a sandbox's own process, which does nothing but wait."""
    return Usage(
        time_ns=now_ns,
        cpu_core_ns=20_000_000 + max(now_ns - created_at_ns, 0) // 1_000_000,
        cpu_nano_cores=1000 if now_ns - created_at_ns >= SAMPLE_PERIOD_NS else None,
        working_set_bytes=256 * 1024,
        usage_bytes=320 * 1024,
        rss_bytes=48 * 1024,
        available_bytes=0,
        page_faults=600,
        major_page_faults=0,
    )


def total(usages: list[Usage], *, now_ns: int) -> Usage:
    """The usage of a cgroup that holds all of them."""
    rates = [usage.cpu_nano_cores for usage in usages if usage.cpu_nano_cores is not None]
    return Usage(
        time_ns=now_ns,
        cpu_core_ns=sum(usage.cpu_core_ns for usage in usages),
        cpu_nano_cores=sum(rates) if rates else None,
        working_set_bytes=sum(usage.working_set_bytes for usage in usages),
        usage_bytes=sum(usage.usage_bytes for usage in usages),
        rss_bytes=sum(usage.rss_bytes for usage in usages),
        available_bytes=sum(usage.available_bytes for usage in usages),
        page_faults=sum(usage.page_faults for usage in usages),
        major_page_faults=sum(usage.major_page_faults for usage in usages),
    )
