"""What KubeletConfiguration says about the node and its shutdown, in the terms of the modules that need it."""

from __future__ import annotations

from collections.abc import Mapping

from kubesim.kubelet.event_queue import EventRate
from kubesim.kubelet.image_puller import PullLimits
from kubesim.kubelet.kubelet_host import KubeletHost
from kubesim.kubelet.node_description import NodeDescription
from kubesim.kubelet.node_settings import NodeSettings
from kubesim.kubelet.node_status_settings import NodeStatusSettings
from kubesim.model.duration import parse_duration
from kubesim.model.frozen_records import replace
from kubesim.model.k8s_versions import LAST_MINOR
from kubesim.model.kubelet_configuration import KubeletConfiguration
from kubesim.model.quantity import whole_units
from kubesim.policy.cgroup_version import cgroup_v1_warning
from kubesim.policy.cri_resources import QuotaRule
from kubesim.policy.eviction_thresholds import EvictionSettings
from kubesim.policy.feature_gates import DEFAULT_GATES, gate_enabled
from kubesim.policy.image_garbage import ImagePolicy
from kubesim.policy.pod_dns import NODE_DNS
from kubesim.policy.shutdown_groups import ShutdownConfig
from kubesim.policy.swap_behavior import NodeSwap

MICROSECOND_NS = 1000
CLIENT_QPS = 5
"""What a client that is told no rate takes."""
DEVICE_CLEANUP_MINOR = 31


def shutdown_config(config: KubeletConfiguration) -> ShutdownConfig:
    """The three fields that configure a graceful shutdown."""
    return ShutdownConfig(
        grace_period_ns=parse_duration(config.shutdown_grace_period),
        grace_period_critical_pods_ns=parse_duration(config.shutdown_grace_period_critical_pods),
        by_pod_priority=tuple(
            (one.priority, one.shutdown_grace_period_seconds) for one in config.shutdown_grace_period_by_pod_priority
        ),
    )


def quota_rule(config: KubeletConfiguration) -> QuotaRule:
    """How containers and pods are kept to their cpu limits. Go cuts what is less than a microsecond."""
    return QuotaRule(
        is_enforced=config.cpu_cfs_quota, period_us=parse_duration(config.cpu_cfs_quota_period) // MICROSECOND_NS
    )


def image_policy(config: KubeletConfiguration) -> ImagePolicy:
    """When images are removed."""
    return ImagePolicy(
        high_percent=config.image_gc_high_threshold_percent,
        low_percent=config.image_gc_low_threshold_percent,
        min_age_ns=parse_duration(config.image_minimum_gc_age),
        max_age_ns=parse_duration(config.image_maximum_gc_age),
    )


def pull_limits(config: KubeletConfiguration) -> PullLimits:
    """How many images are pulled at a time, and in a second. `config` has its defaults filled in."""
    return PullLimits(
        at_once=1 if config.serialize_image_pulls else config.max_parallel_image_pulls,
        per_second=config.registry_pull_qps,
        burst=config.registry_burst,
    )


def event_rate(config: KubeletConfiguration) -> EventRate:
    """How fast events are written. `config` has its defaults filled in.

    eventRecordQPS 0 is no promise of no limit: client-go takes it for "not set", which is 5 a second.
    Mirrors cmd/kubelet/app/server.go and client-go: rest/config.go (DefaultQPS).
    """
    return EventRate(per_second=config.event_record_qps or CLIENT_QPS, burst=config.event_burst)


def eviction_settings(config: KubeletConfiguration) -> EvictionSettings:
    """When pods are ended for what the node lacks. `config` has its defaults filled in."""
    return EvictionSettings(
        hard=config.eviction_hard or {},
        soft=config.eviction_soft,
        soft_grace=config.eviction_soft_grace_period,
        min_reclaim=config.eviction_minimum_reclaim,
        enforces_pods="pods" in config.enforce_node_allocatable,
        transition_ns=parse_duration(config.eviction_pressure_transition_period),
        max_pod_grace_seconds=config.eviction_max_pod_grace_period,
    )


def node_status_settings(
    config: KubeletConfiguration,
    *,
    os: str,
    cgroup_version: int = 2,
    minor: int = LAST_MINOR,
    gates: Mapping[str, bool] = DEFAULT_GATES,
) -> NodeStatusSettings:
    """How often the status is written, and with what. `config` has its defaults filled in."""
    return NodeStatusSettings(
        update_frequency_ns=parse_duration(config.node_status_update_frequency or "10s"),
        report_frequency_ns=parse_duration(config.node_status_report_frequency or "5m0s"),
        images_max=config.node_status_max_images,
        port=config.port,
        is_registering=config.register_node,
        is_attach_detach_by_controller=config.enable_controller_attach_detach,
        isolates_storage=config.local_storage_capacity_isolation,
        enforced_allocatable=enforced_allocatable(config, os=os),
        cgroup_warning=cgroup_v1_warning(minor) if cgroup_version == 1 else "",
        cleans_up_devices=(
            os == "linux" and minor >= DEVICE_CLEANUP_MINOR and gate_enabled(gates, "DynamicResourceAllocation")
        ),
    )


def node_settings(
    config: KubeletConfiguration,
    host: KubeletHost,
    description: NodeDescription,
    *,
    cgroup_driver: str,
    gates: Mapping[str, bool],
    fixes: frozenset[str] = frozenset(),
) -> NodeSettings:
    """What goes into every sandbox and container. `config` has its defaults filled in."""
    return NodeSettings(
        os=host.os,
        minor=description.minor,
        node_name=host.name,
        node_ip=host.ip,
        cgroup_driver=cgroup_driver,
        cgroups_per_qos=config.cgroups_per_qos,
        cgroup_version=host.cgroup_version,
        cpu_quota=quota_rule(config),
        cluster_dns=tuple(config.cluster_dns),
        cluster_domain=config.cluster_domain,
        sync_frequency_ns=parse_duration(config.sync_frequency),
        dns=NODE_DNS if config.resolv_conf else None,
        seccomp_default=config.seccomp_default,
        memory_capacity_bytes=whole_units(description.all_capacity["memory"]),
        cpu_manager_policy=config.cpu_manager_policy,
        memory_manager_policy=config.memory_manager_policy,
        swap=NodeSwap(
            behavior=config.memory_swap.swap_behavior,
            capacity_bytes=description.host_identity.swap_bytes,
            cgroup_version=host.cgroup_version,
            minor=description.minor,
            gates=gates,
        ),
        gates=gates,
        fixes=fixes,
        # Only control groups of version 2 can be ended as a whole.
        kills_one_process=bool(config.single_process_oom_kill) or host.cgroup_version == 1,
    )


def enforced_allocatable(config: KubeletConfiguration, *, os: str) -> tuple[str, ...]:
    """What the node's events say once the limits of its cgroups are set. A Windows node has none.

    Mirrors kubelet: pkg/kubelet/cm/node_container_manager_linux.go, enforceNodeAllocatableCgroups.
    """
    if os != "linux":
        return ()
    texts = ["Updated Node Allocatable limit across pods"] if config.cgroups_per_qos else []
    reserved = {"system": config.system_reserved_cgroup, "kube": config.kube_reserved_cgroup}
    for key in ("system-reserved", "kube-reserved", "system-reserved-compressible", "kube-reserved-compressible"):
        if key in config.enforce_node_allocatable:
            who = key.partition("-")[0]
            texts.append(f"Updated limits on {who} reserved cgroup {reserved[who]}")
    return tuple(texts)


def configured(description: NodeDescription, config: KubeletConfiguration) -> NodeDescription:
    """The node as the kubelet reports it: how many pods it takes, and what it keeps back from them.

    Without localStorageCapacityIsolation a node tells of no ephemeral storage.
    Taints of the description come before those of registerWithTaints.
    """
    pods_max = config.max_pods
    if config.pods_per_core > 0:
        cores = whole_units(description.all_capacity.get("cpu", "0"))
        pods_max = min(pods_max, cores * config.pods_per_core)
    capacity = {name: amount for name, amount in description.all_capacity.items() if name != "pods"}
    if not config.local_storage_capacity_isolation:
        capacity.pop("ephemeral-storage", None)
    return replace(
        description,
        capacity=capacity,
        pods_max=pods_max,
        reserved=(*description.reserved, config.system_reserved, config.kube_reserved),
        eviction_hard=config.eviction_hard or {},
        taints=(*description.taints, *config.register_with_taints),
        provider_id=config.provider_id,
    )
