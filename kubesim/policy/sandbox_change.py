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


def sandbox_change(pod: PodView, runtime: RuntimePod) -> SandboxChange:
    """Whether the newest sandbox still serves the pod: it alone is ready, in the wanted network, with an address."""
    if not runtime.sandboxes:
        return SandboxChange(is_needed=True, attempt=0, sandbox_id="")
    newest = runtime.sandboxes[0]
    if newest.is_ready and (len(runtime.sandboxes) == 1 or not any(one.is_ready for one in runtime.sandboxes[1:])):
        if newest.network_mode is not (NetworkMode.NODE if pod.host_network else NetworkMode.POD):
            return SandboxChange(is_needed=True, attempt=newest.attempt + 1, sandbox_id="")
        if pod.host_network or newest.ips != ():
            return SandboxChange(is_needed=False, attempt=newest.attempt, sandbox_id=newest.id)
    return SandboxChange(is_needed=True, attempt=newest.attempt + 1, sandbox_id=newest.id)
