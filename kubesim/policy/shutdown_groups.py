"""Which pods a graceful node shutdown kills together, in which order, and how many seconds each group has.

Linux and Windows share these rules. Mirrors kubelet: pkg/kubelet/nodeshutdown/nodeshutdown_manager.go (migrateConfig,
groupByPriority, killPods) and pkg/kubelet/apis/config/validation/validation.go.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from kubesim.model.duration import format_duration
from kubesim.policy.feature_gates import DEFAULT_GATES, gate_enabled

DEFAULT_PRIORITY = 0
SYSTEM_CRITICAL_PRIORITY = 2_000_000_000

TERMINATED_REASON = "Terminated"
TERMINATED_MESSAGE = "Pod was terminated in response to imminent node shutdown."
"""Pod-level reason and message of a pod that a shutdown ends; the message is also DisruptionTarget's."""

_SECOND_NS = 1_000_000_000

Period = tuple[int, int]
"""(lowest pod priority of the group, seconds the group has)"""

Group = tuple[int, int, list[str]]
"""(lowest pod priority, seconds, names of the pods in the order given)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShutdownConfig:
    """The three fields of KubeletConfiguration that configure a graceful shutdown; durations in ns."""

    grace_period_ns: int = 0
    grace_period_critical_pods_ns: int = 0
    by_pod_priority: tuple[Period, ...] = ()


def migrate_shutdown_config(requested_seconds: float, critical_seconds: float) -> list[Period]:
    """The groups that `shutdownGracePeriod` and `shutdownGracePeriodCriticalPods` stand for.

    Args:
        requested_seconds: the whole time of the shutdown.
        critical_seconds: the last part of it, for pods of priority 2000000000 and above.

    Returns:
        [(0, seconds), (2000000000, seconds)] with fractions of a second dropped, or [] when nothing is requested or
        the parts contradict each other: then the node does not handle shutdowns.
    """
    return _migrated(round(requested_seconds * _SECOND_NS), round(critical_seconds * _SECOND_NS))


def shutdown_periods(
    config: ShutdownConfig, *, os: str = "linux", gates: Mapping[str, bool] = DEFAULT_GATES
) -> list[Period]:
    """The groups that are in force, by ascending priority; [] when the node does not handle shutdowns.

    Their seconds added up are what the kubelet asks logind or the Windows service manager for.
    """
    enabled = gate_enabled(gates, "GracefulNodeShutdown")
    if os == "windows":
        enabled = gate_enabled(gates, "WindowsGracefulNodeShutdown")
    if not enabled:
        return []
    if config.by_pod_priority and gate_enabled(gates, "GracefulNodeShutdownBasedOnPodPriority"):
        return sorted(config.by_pod_priority, key=lambda period: period[0])
    return _migrated(config.grace_period_ns, config.grace_period_critical_pods_ns)


def group_by_priority(periods: Iterable[Period], pods: Iterable[tuple[str, int | None]]) -> list[Group]:
    """Sorts pods into the groups of a shutdown.

    Args:
        periods: (priority, seconds) of each group, in any order.
        pods: (name, priority); a pod without a priority (None) has 0.

    Returns:
        (priority, seconds, names) of every group that has pods, by ascending priority: the order of the killing. A pod
        belongs to the highest group that does not exceed its priority; one below all groups to the lowest. Groups
        without pods are left out, because the kubelet spends no time on them. No periods: [], nothing is killed.
    """
    ordered = sorted(periods, key=lambda period: period[0])
    if not ordered:
        return []
    priorities = [priority for priority, _ in ordered]
    names: list[list[str]] = [[] for _ in ordered]
    for name, pod_priority in pods:
        priority = DEFAULT_PRIORITY if pod_priority is None else pod_priority
        index = bisect_left(priorities, priority)
        if index == len(priorities) or (index > 0 and priorities[index] > priority):
            index -= 1
        names[index].append(name)
    return [
        (priority, seconds, members) for (priority, seconds), members in zip(ordered, names, strict=True) if members
    ]


def shutdown_grace_seconds(*, pod_seconds: int | None, group_seconds: int) -> int:
    """Seconds of grace that a pod gets once its group begins to shut down.

    The group is a ceiling, never a floor: a pod that asks for less gets less. 0 becomes the least grace a kubelet
    gives (grace_period.effective_grace).
    """
    return group_seconds if pod_seconds is None else min(pod_seconds, group_seconds)


def shutdown_config_problems(config: ShutdownConfig, *, gates: Mapping[str, bool] = DEFAULT_GATES) -> list[str]:
    """The kubelet's own messages for a configuration that it refuses to start with, in its order; [] when all is well.

    Duplicate priorities and negative seconds are not refused.
    """
    total_ns, critical_ns = config.grace_period_ns, config.grace_period_critical_pods_ns
    is_set = total_ns > 0 or critical_ns > 0
    by_priority = gate_enabled(gates, "GracefulNodeShutdownBasedOnPodPriority")
    problems = []
    if gate_enabled(gates, "GracefulNodeShutdown"):
        total = f"shutdownGracePeriod {{{format_duration(total_ns)}}}"
        critical = f"shutdownGracePeriodCriticalPods {{{format_duration(critical_ns)}}}"
        if critical_ns > total_ns:
            problems.append(f"{critical} must be <= {total}")
        if 0 < total_ns < _SECOND_NS:
            problems.append(f"{total} must be either zero or otherwise >= 1 sec")
        if 0 < critical_ns < _SECOND_NS:
            problems.append(f"{critical} must be either zero or otherwise >= 1 sec")
    elif is_set:
        fields = "shutdownGracePeriod or shutdownGracePeriodCriticalPods"
        problems.append(f"specifying {fields} requires feature gate GracefulNodeShutdown")
    if config.by_pod_priority and by_priority and is_set:
        problems.append("Cannot specify both shutdownGracePeriodByPodPriority and shutdownGracePeriod at the same time")
    if config.by_pod_priority and not by_priority:
        gate = "GracefulNodeShutdownBasedOnPodPriority"
        problems.append(f"Specifying shutdownGracePeriodByPodPriority requires feature gate {gate}")
    return [f"invalid configuration: {problem}" for problem in problems]


def _migrated(requested_ns: int, critical_ns: int) -> list[Period]:
    if requested_ns == 0 or critical_ns < 0 or critical_ns > requested_ns:
        return []
    return [
        (DEFAULT_PRIORITY, (requested_ns - critical_ns) // _SECOND_NS),
        (SYSTEM_CRITICAL_PRIORITY, critical_ns // _SECOND_NS),
    ]
