"""The control group of a pod: what the kubelet writes there, and what it reads back.

Mirrors kubelet: pkg/kubelet/cm/helpers_linux.go (ResourceConfigForPod, CPURequestsFromConfig, CPULimitsFromConfig,
MemoryLimitsFromConfig) and cgroup_v1_manager_linux.go, cgroup_v2_manager_linux.go (getCgroupCPUConfig,
getCgroupMemoryConfig, cpuWeightToCPUShares).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from msgspec import Struct

from kubesim.model.frozen_records import replace
from kubesim.policy.cri_resources import CPU_PERIOD_US, DEFAULT_QUOTA, QuotaRule, cpu_quota_us, cpu_shares
from kubesim.policy.qos import QosClass

NO_QUOTA_US = -1
SHARES_MIN = 2
"""What a request of nothing weighs."""
CPU_LIMIT_MIN_MILLI = 10
"""The smallest cpu limit that a kernel keeps apart from smaller ones."""

_SHARES_PER_CPU, _MILLI_PER_CPU = 1024, 1000
_SHARES_MAX, _SHARES_RANGE, _WEIGHT_RANGE = 262_144, 262_142, 9999
_NO_MEMORY_LIMIT_BYTES = {1: 2**63 - 4096, 2: -1}
"""What is read where there is no limit: cgroup v1 says the largest number of whole pages, v2 "max"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PodCgroup:
    """Settings of a pod's control group; None is one that the kubelet does not set."""

    cpu_shares: int | None = None
    cpu_quota_us: int | None = None
    cpu_period_us: int | None = None
    memory_limit_bytes: int | None = None

    def merged(self, update: PodCgroup) -> PodCgroup:
        """These settings with those of an update in their place. Mirrors helpers.go, mergeResourceConfig."""

        def newer(old: int | None, new: int | None) -> int | None:
            return old if new is None else new

        return PodCgroup(
            cpu_shares=newer(self.cpu_shares, update.cpu_shares),
            cpu_quota_us=newer(self.cpu_quota_us, update.cpu_quota_us),
            cpu_period_us=newer(self.cpu_period_us, update.cpu_period_us),
            memory_limit_bytes=newer(self.memory_limit_bytes, update.memory_limit_bytes),
        )

    def without_overhead(self, *, cpu_milli: int | None, memory_bytes: int | None) -> PodCgroup:
        """What is left for the containers; None is an overhead that the pod does not have.

        Mirrors helpers_linux.go, subtractOverheadFromResourceConfig.
        """
        left = self
        if cpu_milli is not None:
            if left.cpu_period_us is not None and left.cpu_quota_us is not None:
                quota_us = left.cpu_quota_us - cpu_quota_us(cpu_milli, period_us=left.cpu_period_us)
                left = replace(left, cpu_quota_us=quota_us)
            if left.cpu_shares is not None:
                left = replace(left, cpu_shares=cpu_shares(shares_to_milli(left.cpu_shares) - cpu_milli))
        if memory_bytes is not None and left.memory_limit_bytes is not None:
            left = replace(left, memory_limit_bytes=left.memory_limit_bytes - memory_bytes)
        return left


class CgroupReading(Struct, frozen=True, kw_only=True, gc=False):
    """What the pod's control group says of the pod's resources; None is not known, or no limit."""

    cpu_request_milli: int | None = None
    cpu_limit_milli: int | None = None
    memory_limit_bytes: int | None = None


def wanted_pod_cgroup(
    *,
    qos: QosClass,
    cpu_request_milli: int,
    cpu_limit_milli: int,
    memory_limit_bytes: int,
    has_cpu_limits: bool,
    has_memory_limits: bool,
    quota: QuotaRule = DEFAULT_QUOTA,
) -> PodCgroup:
    """What the control group of a pod with these sums is set to.

    `has_cpu_limits` and `has_memory_limits`: every container has one, or the pod itself.
    """
    if qos is QosClass.BEST_EFFORT:
        return PodCgroup(cpu_shares=SHARES_MIN)
    quota_us = cpu_quota_us(cpu_limit_milli, period_us=quota.period_us) if quota.is_enforced else NO_QUOTA_US
    is_guaranteed = qos is QosClass.GUARANTEED
    sets_quota = is_guaranteed or has_cpu_limits
    return PodCgroup(
        cpu_shares=cpu_shares(cpu_request_milli),
        cpu_quota_us=quota_us if sets_quota else None,
        cpu_period_us=quota.period_us if sets_quota else None,
        memory_limit_bytes=memory_limit_bytes if is_guaranteed or has_memory_limits else None,
    )


def created_pod_cgroup(wanted: PodCgroup, *, version: int) -> PodCgroup:
    """What is read in a new control group of this version of cgroups, 1 or 2."""
    unlimited = PodCgroup(
        cpu_shares=SHARES_MIN,
        cpu_quota_us=NO_QUOTA_US,
        cpu_period_us=CPU_PERIOD_US,
        memory_limit_bytes=_NO_MEMORY_LIMIT_BYTES[version],
    )
    return written_pod_cgroup(unlimited, wanted, version=version)


def written_pod_cgroup(cgroup: PodCgroup, update: PodCgroup, *, version: int) -> PodCgroup:
    """What is read after an update. A limit of 0 is none that a kubelet writes."""
    shares = update.cpu_shares
    if shares is not None and version != 1:
        shares = kept_shares(shares)
    kept = PodCgroup(
        cpu_shares=shares,
        cpu_quota_us=update.cpu_quota_us or None,
        cpu_period_us=update.cpu_period_us or None,
        memory_limit_bytes=update.memory_limit_bytes or None,
    )
    return cgroup.merged(kept)


def kept_shares(shares: int) -> int:
    """What is read back of a weight that was written: cgroup v2 knows 10,000 of them, so small ones fall together."""
    heavier = _WEIGHT_RANGE if shares >= _SHARES_MAX else (shares - SHARES_MIN) * _WEIGHT_RANGE // _SHARES_RANGE
    return heavier * _SHARES_RANGE // _WEIGHT_RANGE + SHARES_MIN


def reading(cgroup: PodCgroup | None) -> CgroupReading:
    """The resources that a control group stands for; of none (None) nothing is known."""
    if cgroup is None:
        return CgroupReading()
    quota_us, period_us = cgroup.cpu_quota_us or NO_QUOTA_US, cgroup.cpu_period_us or CPU_PERIOD_US
    return CgroupReading(
        cpu_request_milli=shares_to_milli(cgroup.cpu_shares or 0) or None,
        cpu_limit_milli=quota_to_milli(quota_us, period_us) or None,
        memory_limit_bytes=max(cgroup.memory_limit_bytes or 0, 0) or None,
    )


def shares_to_milli(shares: int) -> int:
    """Millicores of a weight, rounded up; 0 below the smallest weight."""
    return math.ceil(shares * _MILLI_PER_CPU / _SHARES_PER_CPU) if shares >= SHARES_MIN else 0


def quota_to_milli(quota_us: int, period_us: int) -> int:
    """Millicores of a quota; 0 for none."""
    return 0 if quota_us <= 0 else quota_us * _MILLI_PER_CPU // period_us
