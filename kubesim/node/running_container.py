"""Commands in the containers of a pod: which container is meant, and what a command gave."""

from __future__ import annotations

from dataclasses import dataclass

from kubesim.errors import InputError
from kubesim.kubelet.runtime_pods import bare_id
from kubesim.model import k8s_v1 as v1


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecResult:
    """What a command in a container gave: exit code and output bytes."""

    exit_code: int
    stdout: bytes
    stderr: bytes


def running_container_id(pod: v1.Pod, key: str, container: str | None) -> str:
    """The runtime's id of a running container, the first of the spec unless named. Raises InputError."""
    statuses = (*pod.status.container_statuses, *pod.status.init_container_statuses)
    statuses = (*statuses, *pod.status.ephemeral_container_statuses)
    name = container or pod.spec.containers[0].name
    status = next((one for one in statuses if one.name == name), None)
    if status is None:
        names = ", ".join(one.name for one in statuses) or "none"
        raise InputError(f'the pod has no container "{name}"', where=key, hint=f"containers with a status: {names}")
    if status.state.running is None:
        raise InputError(f'container "{name}" is not running', where=key, hint="advance until it is, and no further")
    return bare_id(status.container_id)
