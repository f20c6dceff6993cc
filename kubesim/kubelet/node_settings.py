"""What the configuration of a kubelet, and its host, say of all of its pods."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from kubesim.model.k8s_versions import LAST_MINOR
from kubesim.policy.cri_resources import DEFAULT_QUOTA, QuotaRule
from kubesim.policy.pod_dns import NODE_DNS, DnsSettings
from kubesim.policy.resync import RESYNC_NS
from kubesim.policy.swap_behavior import NodeSwap


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSettings:
    """What the configuration of the kubelet and its host put into every sandbox and container.

    `minor` is the kubelet's minor version, `cgroup_driver` the effective one. `cluster_dns`, `cluster_domain` and the
    sync frequency are KubeletConfiguration's.
    """

    os: str = "linux"
    minor: int = LAST_MINOR
    node_name: str
    node_ip: str
    cgroup_driver: str
    cgroups_per_qos: bool = True
    cgroup_version: int = 2
    cpu_quota: QuotaRule = DEFAULT_QUOTA
    cluster_dns: tuple[str, ...] = ()
    cluster_domain: str = ""
    sync_frequency_ns: int = RESYNC_NS
    """How long it is at least until a pod is synced again to which nothing happens."""
    dns: DnsSettings | None = NODE_DNS
    """What the node's resolv.conf says; None when the kubelet is to read none."""
    seccomp_default: bool = False
    cpu_manager_policy: str = "none"
    memory_manager_policy: str = "None"
    swap: NodeSwap = field(default_factory=NodeSwap)
    memory_capacity_bytes: int = 16 * 1024**3
    processors: int = 4
    has_selinux: bool = False
    """Without it there is nothing to relabel; the nodes that are emulated enforce neither SELinux nor AppArmor."""
    kills_one_process: bool = False
    """singleProcessOOMKill: memory that runs out costs one process, not all of its container."""
    gates: Mapping[str, bool]
    fixes: frozenset[str] = frozenset()
    """What the kubelet has on top of its release: names of policy/kubelet_fixes.py."""
