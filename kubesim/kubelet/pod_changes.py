"""What a change of a pod in the API means for the kubelet.

Mirrors kubelet: pkg/kubelet/config/config.go (checkAndUpdatePod, podsDifferSemantically).
"""

from __future__ import annotations

from kubesim.kubelet.pod_views import pod_view, status_view
from kubesim.model import k8s_v1 as v1
from kubesim.policy.pod_conditions import needs_readiness_sync


def is_terminal(pod: v1.Pod) -> bool:
    """Whether the API says that a pod has ended."""
    return pod.status.phase in {"Succeeded", "Failed"}


def asks_for_work(before: v1.Pod, after: v1.Pod) -> bool:
    """Whether more changed than the status."""
    old, new = before.metadata, after.metadata
    return (
        before.spec != after.spec
        or old.labels != new.labels
        or old.annotations != new.annotations
        or old.deletion_timestamp != new.deletion_timestamp
        or old.deletion_grace_period_seconds != new.deletion_grace_period_seconds
    )


def asks_for_readiness(pod: v1.Pod) -> bool:
    """Whether somebody set a condition that the pod's readiness waits for."""
    return bool(pod.spec.readiness_gates) and needs_readiness_sync(pod_view(pod), status_view(pod.status))
