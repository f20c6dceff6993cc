"""Which changes of a pod in the API ask its worker for something.

Mirrors kubelet: pkg/kubelet/config/config.go (podsDifferSemantically) and pkg/kubelet/kubelet.go (HandlePodUpdates,
HandlePodRemoves, HandlePodReconcile) for mirror pods.
"""

from __future__ import annotations

from kubesim.kubelet.mirror_pods import MirrorPods
from kubesim.kubelet.pod_views import pod_view, status_view
from kubesim.kubelet.pod_workers import PodWorkers
from kubesim.kubelet.status_manager import StatusManager
from kubesim.model import k8s_v1 as v1
from kubesim.policy.pod_conditions import needs_readiness_sync


def is_terminal(pod: v1.Pod) -> bool:
    """Whether the API says that a pod has ended."""
    return pod.status.phase in {"Succeeded", "Failed"}


def asks_for_work(before: v1.Pod, after: v1.Pod) -> bool:
    """Whether more than the status is different."""
    old, new = before.metadata, after.metadata
    return (
        before.spec != after.spec
        or old.labels != new.labels
        or old.annotations != new.annotations
        or old.deletion_timestamp != new.deletion_timestamp
        or old.deletion_grace_period_seconds != new.deletion_grace_period_seconds
    )


def asks_for_readiness(pod: v1.Pod) -> bool:
    """Whether a condition of somebody else makes the pod ready, or ends that."""
    return bool(pod.spec.readiness_gates) and needs_readiness_sync(pod_view(pod), status_view(pod.status))


class MirrorChanges:
    """Syncs static pods whose mirrors change in the API."""

    def __init__(self, mirrors: MirrorPods, statuses: StatusManager, workers: PodWorkers) -> None:
        self._mirrors = mirrors
        self._statuses = statuses
        self._workers = workers

    def changed(self, mirror: v1.Pod) -> None:
        """The API has a mirror pod, or a new version of one."""
        before = self._mirrors.mirror(mirror.metadata.uid)
        static = self._mirrors.add_mirror(mirror)
        if before is None:
            self._statuses.mirror_appeared(mirror)
        if static is not None and (before is None or asks_for_work(before, mirror)):
            self._sync(static, mirror)

    def removed(self, uid: str) -> bool:
        """A pod is gone from the API; whether it was a mirror pod."""
        mirror = self._mirrors.mirror(uid)
        if mirror is None:
            return False
        static = self._mirrors.remove_mirror(mirror)
        if static is not None:
            self._sync(static, mirror)
        return True

    def _sync(self, static: v1.Pod, mirror: v1.Pod) -> None:
        self._mirrors.tell(static, mirror)
        self._workers.wake(static.metadata.uid)
