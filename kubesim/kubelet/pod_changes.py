"""What the kubelet looks at in a pod of the API to know whether it has to do something."""

from __future__ import annotations

from kubesim.model import k8s_v1 as v1


def is_terminal(pod: v1.Pod) -> bool:
    """Whether the pod has ended for good, by what the API says."""
    return pod.status.phase in {"Succeeded", "Failed"}


def asks_for_work(before: v1.Pod, after: v1.Pod) -> bool:
    """Whether a change of a pod is more than the status that this kubelet wrote itself."""
    old, new = before.metadata, after.metadata
    return (
        before.spec != after.spec
        or old.labels != new.labels
        or old.annotations != new.annotations
        or old.deletion_timestamp != new.deletion_timestamp
        or old.deletion_grace_period_seconds != new.deletion_grace_period_seconds
    )
