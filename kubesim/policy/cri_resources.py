"""What the resources of a container become in CRI: cpu shares, cpu quota, OOM score.

Mirrors kubelet: pkg/kubelet/cm/helpers_linux.go (MilliCPUToShares, MilliCPUToQuota),
pkg/kubelet/kuberuntime/kuberuntime_container_linux.go (calculateLinuxResources) and pkg/kubelet/qos/policy.go
(GetContainerOOMScoreAdjust, which shares out what a pod requests for itself).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kubesim.model.quantity import whole_units
from kubesim.policy.qos import QosClass

CPU_PERIOD_US = 100_000

_SHARES_MIN, _SHARES_MAX, _SHARES_PER_CPU = 2, 262_144, 1024
_QUOTA_MIN_US = 1000
_MILLI_PER_CPU = 1000
_PAGE_SIZES = {"2MB": "hugepages-2Mi", "1GB": "hugepages-1Gi"}
"""The sizes of a machine of x86-64, as the kernel spells them, with the names of their resources."""
_OOM_GROUP = {"memory.oom.group": "1"}
_GUARANTEED_SCORE, _BEST_EFFORT_SCORE = -997, 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaRule:
    """How a kubelet limits cpu: `is_enforced` is its cpuCFSQuota, `period_us` its cpuCFSQuotaPeriod in microseconds."""

    is_enforced: bool = True
    period_us: int = CPU_PERIOD_US


DEFAULT_QUOTA = QuotaRule()


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuResources:
    """The cpu fields of CRI LinuxContainerResources; quota and period in microseconds."""

    shares: int
    quota_us: int
    period_us: int


def cpu_resources(
    *,
    request_milli: int | None,
    limit_milli: int | None,
    has_exclusive_cpus: bool = False,
    quota: QuotaRule = DEFAULT_QUOTA,
) -> CpuResources:
    """The cpu fields for a request and a limit in millicores (None: not set).

    A container with only a limit is weighed by it. `has_exclusive_cpus` is for a container with cpus of its own while
    the gate DisableCPUQuotaWithExclusiveCPUs is on: its quota is -1, no limit. Where no quota is enforced neither quota
    nor period is set.
    """
    shares = cpu_shares(limit_milli or 0 if request_milli is None else request_milli)
    if not quota.is_enforced:
        return CpuResources(shares=shares, quota_us=0, period_us=0)
    quota_us = -1 if has_exclusive_cpus else cpu_quota_us(limit_milli or 0, period_us=quota.period_us)
    return CpuResources(shares=shares, quota_us=quota_us, period_us=quota.period_us)


def cpu_shares(milli: int) -> int:
    """The cgroup weight of an amount of cpu in millicores: 1024 for a whole cpu, within [2, 262144]."""
    return min(max(milli * _SHARES_PER_CPU // _MILLI_PER_CPU, _SHARES_MIN), _SHARES_MAX)


def cpu_quota_us(milli: int, *, period_us: int = CPU_PERIOD_US) -> int:
    """Microseconds of cpu per period for a limit in millicores: 0 without a limit, otherwise at least 1000."""
    return max(milli * period_us // _MILLI_PER_CPU, _QUOTA_MIN_US) if milli > 0 else 0


def oom_score_adj(
    *,
    qos: QosClass,
    memory_request_bytes: int,
    memory_capacity_bytes: int,
    is_node_critical: bool = False,
    least_regular_request_bytes: int | None = None,
    pod_share_bytes: int = 0,
) -> int:
    """How willingly the kernel kills the container, from -997 (last) to 1000 (first).

    `least_regular_request_bytes` is given for a sidecar: the smallest memory request of the pod's regular containers,
    whose score the sidecar never exceeds. `is_node_critical` is a pod of priority class system-node-critical.
    `pod_share_bytes` is the container's part of what the pod itself requests beyond its containers.
    """
    if is_node_critical or qos is QosClass.GUARANTEED:
        return _GUARANTEED_SCORE
    if qos is QosClass.BEST_EFFORT:
        return _BEST_EFFORT_SCORE
    score = _burstable_score(memory_request_bytes + pod_share_bytes, memory_capacity_bytes)
    if least_regular_request_bytes is not None:
        score = min(score, _burstable_score(least_regular_request_bytes + pod_share_bytes, memory_capacity_bytes))
    # A burstable container is killed before every guaranteed one and after every best-effort one.
    return min(max(score, _BEST_EFFORT_SCORE + _GUARANTEED_SCORE), _BEST_EFFORT_SCORE - 1)


def _burstable_score(request_bytes: int, capacity_bytes: int) -> int:
    return _BEST_EFFORT_SCORE - _BEST_EFFORT_SCORE * request_bytes // capacity_bytes


def hugepage_limits(limits: Mapping[str, str | float]) -> dict[str, int]:
    """Bytes of huge pages that a container may have, by the kernel's word for their size.

    `limits` are those of the container on top of those of its pod. A size that they do not name is forbidden.
    Mirrors kubelet: pkg/kubelet/kuberuntime/kuberuntime_container_linux.go, GetHugepageLimitsFromResources.
    """
    return {size: whole_units(limits[name]) if name in limits else 0 for size, name in _PAGE_SIZES.items()}


def oom_group(*, kills_one_process: bool) -> Mapping[str, str]:
    """What the settings of a control group say of memory that runs out: whether it ends all of its processes.

    So it is of containers and of sandboxes, since 1.28, on nodes with control groups of version 2.
    """
    return {} if kills_one_process else _OOM_GROUP


def windows_cpu_maximum(*, limit_milli: int, processors: int) -> int:
    """The share of all processors, in hundredths of a per cent, from 1 to 10000; 0 without a limit.

    Mirrors kubelet: pkg/kubelet/kuberuntime/kuberuntime_container_windows.go, calculateCPUMaximum.
    """
    if limit_milli == 0:
        return 0
    return min(max(10 * limit_milli // processors, 1), 10_000)


def windows_cpu_limit_milli(maximum: int, *, processors: int) -> int:
    """The limit in millicores that a share of all processors stands for; 0 for none. What was cut stays lost.

    Mirrors kubelet: pkg/kubelet/kuberuntime/kuberuntime_container_windows.go, toKubeContainerResources.
    """
    return max(maximum, 0) * processors // 10
