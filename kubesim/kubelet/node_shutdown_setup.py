"""The shutdown manager of a kubelet process: which pods it ends, and what it tells of it.

Mirrors kubelet: pkg/kubelet/kubelet.go (NewMainKubelet, shutdownManager).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from kubesim.kernel import Kernel
from kubesim.kubelet.event_recorder import EventRecorder
from kubesim.kubelet.klog import Klog
from kubesim.kubelet.kubelet_host import KubeletHost
from kubesim.kubelet.metrics import Metrics
from kubesim.kubelet.node_configuration import shutdown_config
from kubesim.kubelet.node_shutdown import NodeShutdownManager, ShutdownHost
from kubesim.kubelet.node_shutdown_groups import ShutdownCollaborators
from kubesim.kubelet.node_shutdown_timeline import ShutdownPod
from kubesim.kubelet.pod_engine import PodEngine
from kubesim.kubelet.pod_views import is_static
from kubesim.model import k8s_v1 as v1
from kubesim.model.kubelet_configuration import KubeletConfiguration


def shutdown_manager(
    kernel: Kernel,
    engine: PodEngine,
    host: KubeletHost,
    config: KubeletConfiguration,
    *,
    gates: Mapping[str, bool],
    sync_node_status: Callable[[], None],
    recorder: EventRecorder,
    metrics: Metrics,
    klog: Klog,
) -> NodeShutdownManager:
    """A manager that ends the active pods of an engine when this host shuts down."""
    return NodeShutdownManager(
        kernel,
        config=shutdown_config(config),
        os=host.os,
        gates=gates,
        node_name=host.name,
        host=ShutdownHost(
            files=host.files,
            root_directory=host.root_directory,
            logind=host.logind,
            service_control_manager=host.service_control_manager,
        ),
        around=ShutdownCollaborators(
            active_pods=lambda: [_shutdown_pod(pod) for pod in engine.active_pods()],
            kill_pod=engine.workers.kill_and_wait,
            wait_unmounted=engine.wait_unmounted,
            sync_node_status=sync_node_status,
        ),
        recorder=recorder,
        metrics=metrics,
        klog=klog,
    )


def _shutdown_pod(pod: v1.Pod) -> ShutdownPod:
    return ShutdownPod(
        uid=pod.metadata.uid,
        namespace=pod.metadata.namespace,
        name=pod.metadata.name,
        priority=pod.spec.priority,
        grace_seconds=pod.spec.termination_grace_period_seconds,
        is_static=is_static(pod),
    )
