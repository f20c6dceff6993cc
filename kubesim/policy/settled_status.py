"""Whether a status is one that stays: made again with it in the place of the status before, it is itself.

A status is made from the one before, so that in general the next one may be another though nothing happened. Nothing
upstream has this rule: it follows from those of container_status, pod_phase, container_readiness and pod_conditions.
"""

from __future__ import annotations

from kubesim.policy.pod_view import PodPhase, PodStatusView, PodView, RuntimePod, RuntimeState
from kubesim.policy.restart import all_containers_could_restart


def is_settled(pod: PodView, runtime: RuntimePod, status: PodStatusView, *, api_phase: PodPhase | None) -> bool:
    """Whether a status that was made of this stays once the API shows it; False where this is not known.

    Not of a pod whose phase the API shows only then, nor of one that might restart all of its containers. Not with a
    sidecar: that it has started counts for the phase one status later. Not with a readiness probe: a container that is
    older than the kubelet is as ready as the API shows it. Nor with containers that the runtime lost: what becomes of
    these is told in steps.
    """
    if status.phase is not api_phase or all_containers_could_restart(pod):
        return False
    for container in pod.init_containers + pod.containers + pod.ephemeral_containers:
        if container.is_sidecar or container.has_readiness_probe or runtime.newest(container.name) is None:
            return False
    return RuntimeState.UNKNOWN not in [one.state for one in runtime.containers]
