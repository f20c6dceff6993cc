"""The runtime manager of an engine with what starts sandboxes and containers.

Mirrors kubelet: pkg/kubelet/kuberuntime/kuberuntime_manager.go, NewKubeGenericRuntimeManager.
"""

from __future__ import annotations

from collections.abc import Callable

from kubesim.cri.client import CriClient
from kubesim.kernel import Kernel
from kubesim.kubelet.container_config import ContainerConfigs
from kubesim.kubelet.container_hooks import ContainerHooks
from kubesim.kubelet.container_kill import ContainerKiller
from kubesim.kubelet.container_start import ContainerStarter
from kubesim.kubelet.dead_containers import DeadContainers
from kubesim.kubelet.environment import Environments
from kubesim.kubelet.event_recorder import EventRecorder
from kubesim.kubelet.image_manager import ImageManager
from kubesim.kubelet.metrics import Metrics
from kubesim.kubelet.node_settings import NodeSettings
from kubesim.kubelet.outside import HostFiles
from kubesim.kubelet.pod_directories import PodDirectories
from kubesim.kubelet.pod_startup_latency import PodStartupLatency
from kubesim.kubelet.resizing import Resizing
from kubesim.kubelet.runtime_classes import RuntimeClasses
from kubesim.kubelet.runtime_manager import RuntimeManager
from kubesim.kubelet.runtime_pods import RuntimePods
from kubesim.kubelet.sandbox_start import SandboxStarter
from kubesim.kubelet.user_namespaces import UserNamespaces
from kubesim.kubelet.volumes import PodVolumes
from kubesim.model import k8s_v1 as v1
from kubesim.policy.crash_loop_backoff import BackoffPolicy


def runtime_manager(
    kernel: Kernel,
    client: CriClient,
    recorder: EventRecorder,
    runtime_pods: RuntimePods,
    images: ImageManager,
    killer: ContainerKiller,
    hooks: ContainerHooks,
    host_files: HostFiles,
    directories: PodDirectories,
    node: NodeSettings,
    metrics: Metrics,
    user_namespaces: UserNamespaces,
    latency: PodStartupLatency,
    volumes: PodVolumes,
    environments: Environments,
    resizing: Resizing,
    runtime_classes: RuntimeClasses,
    *,
    backoff_policy: BackoffPolicy,
    on_sandbox_ready: Callable[[v1.Pod], object],
    is_termination_requested: Callable[[str], bool],
) -> RuntimeManager:
    """`on_sandbox_ready` is told of each pod whose sandbox is up."""
    starter = _container_starter(
        kernel, client, recorder, images, killer, hooks, host_files, directories, node, volumes, environments, resizing
    )
    sandboxes = SandboxStarter(
        client,
        recorder,
        runtime_pods,
        host_files,
        directories,
        node,
        metrics,
        user_namespaces,
        runtime_classes=runtime_classes,
        on_ready=on_sandbox_ready,
        is_termination_requested=is_termination_requested,
    )
    return RuntimeManager(
        kernel,
        client,
        recorder,
        images,
        sandboxes,
        starter,
        killer,
        DeadContainers(client, host_files),
        node,
        metrics,
        latency,
        backoff_policy=backoff_policy,
        resizing=resizing,
    )


def _container_starter(
    kernel: Kernel,
    client: CriClient,
    recorder: EventRecorder,
    images: ImageManager,
    killer: ContainerKiller,
    hooks: ContainerHooks,
    host_files: HostFiles,
    directories: PodDirectories,
    node: NodeSettings,
    volumes: PodVolumes,
    environments: Environments,
    resizing: Resizing,
) -> ContainerStarter:
    configs = ContainerConfigs(node, host_files, directories, volumes, environments)
    return ContainerStarter(
        kernel,
        client,
        recorder,
        images,
        configs,
        killer,
        hooks,
        host_files,
        directories,
        minor=node.minor,
        needs=resizing.needs,
    )
