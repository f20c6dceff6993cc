"""Does the pod need a new sandbox?

Mirrors kubelet: pkg/kubelet/kuberuntime/util/util.go, PodSandboxChanged.
"""

from __future__ import annotations

from msgspec import Struct

from kubesim.policy.pod_view import NetworkMode, PodView, RuntimePod


class SandboxChange(Struct, frozen=True, kw_only=True, gc=False):
    """The answer: whether to create a sandbox, with which attempt, and which sandbox it replaces or keeps.

    `sandbox_id` is empty when there is none, and when the network mode changed: then the kubelet treats the new
    sandbox as the pod's first and writes no SandboxChanged event.
    """

    is_needed: bool
    attempt: int
    sandbox_id: str
    why: str


def sandbox_change(pod: PodView, runtime: RuntimePod) -> SandboxChange:
    """Whether the pod's newest sandbox still serves it."""
    if not runtime.sandboxes:
        return SandboxChange(is_needed=True, attempt=0, sandbox_id="", why="the pod has no sandbox")
    newest = runtime.sandboxes[0]
    wanted = NetworkMode.NODE if pod.host_network else NetworkMode.POD
    sandbox_id = newest.id
    if len(runtime.sandboxes) > 1 and sum(sandbox.is_ready for sandbox in runtime.sandboxes) > 1:
        why = "more than one sandbox is ready"
    elif not newest.is_ready:
        why = "the newest sandbox is not ready"
    elif newest.network_mode is not wanted:
        why, sandbox_id = f"the network mode is {newest.network_mode} but the pod wants {wanted}", ""
    elif not pod.host_network and newest.ips == ():
        why = "the sandbox has no IP address"
    else:
        return SandboxChange(is_needed=False, attempt=newest.attempt, sandbox_id=newest.id, why="")
    return SandboxChange(is_needed=True, attempt=newest.attempt + 1, sandbox_id=sandbox_id, why=why)
