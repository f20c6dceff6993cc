"""Which dead containers and sandboxes of a pod are no longer kept.

Mirrors kubelet: pkg/kubelet/kuberuntime/kuberuntime_gc.go (evictContainers, evictSandboxes) and
pkg/kubelet/pod_container_deletor.go (getContainersToDeleteInPod).
"""

from __future__ import annotations

from kubesim.policy.pod_view import RuntimeContainer, RuntimePod, RuntimeSandbox, RuntimeState

DEAD_PER_NAME = 1
"""maximum-dead-containers-per-container: the newest one keeps its logs and its last state readable."""


def older_containers(runtime: RuntimePod) -> list[RuntimeContainer]:
    """The dead containers beyond the newest one of each name, newest first."""
    kept: dict[str, int] = {}
    older = []
    for container in runtime.containers:
        if container.state is RuntimeState.EXITED:
            kept[container.name] = kept.get(container.name, 0) + 1
            if kept[container.name] > DEAD_PER_NAME:
                older.append(container)
    return older


def older_sandboxes(runtime: RuntimePod) -> list[RuntimeSandbox]:
    """The sandboxes that do not run, hold no container and are not the pod's newest."""
    if len(runtime.sandboxes) <= 1:
        return []
    holding = {one.sandbox_id for one in runtime.containers}
    return [one for one in runtime.sandboxes[1:] if not one.is_ready and one.id not in holding]


def ended_containers(runtime: RuntimePod) -> list[RuntimeContainer]:
    """All containers that do not run, the newest ones too: of a pod that is gone or was evicted nothing is kept."""
    return [one for one in runtime.containers if one.state is not RuntimeState.RUNNING]


def ended_sandboxes(runtime: RuntimePod) -> list[RuntimeSandbox]:
    """All sandboxes that neither run nor hold a container that does."""
    holding = {one.sandbox_id for one in runtime.containers if one.state is RuntimeState.RUNNING}
    return [one for one in runtime.sandboxes if not one.is_ready and one.id not in holding]
