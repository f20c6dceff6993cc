"""The eviction manager of a kubelet process: what it watches, whom it may end, and what it frees before.

Mirrors kubelet: pkg/kubelet/kubelet.go (NewMainKubelet, initializeRuntimeDependentModules).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from kubesim.cri.client import CriClient
from kubesim.kernel import Kernel
from kubesim.kubelet.event_recorder import EventRecorder
from kubesim.kubelet.eviction_manager import EvictionCollaborators, EvictionManager, NodeResources
from kubesim.kubelet.image_gc import ImageGarbageCollector
from kubesim.kubelet.klog import Klog
from kubesim.kubelet.kubelet_host import KubeletHost
from kubesim.kubelet.metrics import Metrics
from kubesim.kubelet.node_configuration import eviction_settings
from kubesim.kubelet.node_description import NodeDescription
from kubesim.kubelet.pod_directories import PodDirectories
from kubesim.kubelet.pod_engine import PodEngine
from kubesim.kubelet.pod_usage import PodUsages
from kubesim.model.duration import parse_duration
from kubesim.model.kubelet_configuration import KubeletConfiguration
from kubesim.model.quantity import whole_units
from kubesim.policy.feature_gates import gate_enabled


def eviction_manager(
    kernel: Kernel,
    client: CriClient,
    engine: PodEngine,
    collector: ImageGarbageCollector,
    host: KubeletHost,
    config: KubeletConfiguration,
    *,
    description: NodeDescription,
    directories: PodDirectories,
    gates: Mapping[str, bool],
    recorder: EventRecorder,
    metrics: Metrics,
    klog: Klog,
    has_node: Callable[[], bool],
) -> EvictionManager | None:
    """A manager that ends active pods of an engine; None on a machine whose disk or memory is somebody else's."""
    if host.disk is None or host.memory is None:
        return None
    capacity_bytes = whole_units(description.all_capacity["memory"])
    reserved_bytes = sum(whole_units(one["memory"]) for one in description.reserved if "memory" in one)
    return EvictionManager(
        kernel,
        NodeResources(
            disk=host.disk,
            memory=host.memory,
            memory_capacity_bytes=capacity_bytes,
            # Without a cgroup of all pods there is nothing to measure against.
            allocatable_memory_bytes=capacity_bytes - reserved_bytes if config.cgroups_per_qos else None,
            root_directory=host.root_directory,
        ),
        eviction_settings(config),
        EvictionCollaborators(
            active_pods=engine.active_pods,
            kill_pod=engine.workers.kill_and_wait,
            has_ended=engine.workers.has_ended,
            make_room=(engine.remove_ended_pods, collector.remove_unused),
        ),
        PodUsages(
            kernel,
            client,
            host.files,
            directories,
            period_ns=parse_duration(config.volume_stats_agg_period),
            uses_pod_level=gate_enabled(gates, "PodLevelResources"),
        ),
        node_name=host.name,
        gates=gates,
        recorder=recorder,
        metrics=metrics,
        klog=klog,
        limits_storage=config.local_storage_capacity_isolation,
        has_node=has_node,
    )
