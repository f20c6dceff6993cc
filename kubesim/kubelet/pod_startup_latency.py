"""How long pods take to start, with and without what is no fault of the node: pulls and init containers.

Mirrors kubelet: pkg/kubelet/util/pod_startup_latency_tracker.go. A real kubelet hears of its own write of the status
by its watch, a moment later; here that moment is none.
"""

from __future__ import annotations

from dataclasses import dataclass

from kubesim.kernel import Kernel
from kubesim.kubelet.metrics import Metrics
from kubesim.kubelet.work_metrics import POD_START_SLI_DURATION, POD_START_TOTAL_DURATION
from kubesim.model import k8s_v1 as v1
from kubesim.model.timestamps import parse_rfc3339

SECOND_NS = 10**9


@dataclass(slots=True)
class _Start:
    """What is known of a pod that starts."""

    pull_began_ns: int | None = None
    pulled_ns: int = 0
    init_began_ns: int | None = None
    init_ns: int = 0


class PodStartupLatency:
    """Follows pods from their creation until all of their containers have started."""

    def __init__(self, kernel: Kernel, metrics: Metrics) -> None:
        self._kernel = kernel
        self._metrics = metrics
        self._starts: dict[str, _Start] = {}

    def pod_seen(self, pod: v1.Pod) -> None:
        """The API server shows a pod, new or changed."""
        uid = pod.metadata.uid
        if pod.status.phase in {"Succeeded", "Failed"}:
            self._starts.pop(uid, None)
        elif pod.status.start_time is None:
            self._starts.setdefault(uid, _Start())
        elif uid in self._starts and _has_started(pod):
            self._count(pod, self._starts.pop(uid))

    def pod_gone(self, uid: str) -> None:
        """The pod is deleted."""
        self._starts.pop(uid, None)

    def pull_began(self, uid: str) -> None:
        """An image is pulled for the pod. A pull that fails goes on, as far as this is concerned."""
        start = self._starts.get(uid)
        if start is not None and start.pull_began_ns is None:
            start.pull_began_ns = self._kernel.now_ns

    def pull_ended(self, uid: str) -> None:
        """The pull succeeded."""
        start = self._starts.get(uid)
        if start is not None and start.pull_began_ns is not None:
            start.pulled_ns += self._kernel.now_ns - start.pull_began_ns
            start.pull_began_ns = None

    def init_began(self, uid: str) -> None:
        """A plain init container was started."""
        start = self._starts.get(uid)
        if start is not None:
            start.init_began_ns = self._kernel.now_ns

    def init_ended(self, uid: str, finished_ns: int) -> None:
        """A sync found that a plain init container has ended."""
        start = self._starts.get(uid)
        if start is not None and start.init_began_ns is not None:
            start.init_ns += max(0, finished_ns - start.init_began_ns)
            start.init_began_ns = None

    def _count(self, pod: v1.Pod, start: _Start) -> None:
        took_ns = self._kernel.now_ns - parse_rfc3339(pod.metadata.creation_timestamp or "")
        self._metrics.observe(POD_START_TOTAL_DURATION, took_ns / SECOND_NS)
        if not _is_stateful(pod):
            own_ns = took_ns - start.pulled_ns - start.init_ns
            self._metrics.observe(POD_START_SLI_DURATION, own_ns / SECOND_NS)


def _has_started(pod: v1.Pod) -> bool:
    return all(one.state.running is not None for one in pod.status.container_statuses)


def _is_stateful(pod: v1.Pod) -> bool:
    """Whether a volume is anything but files that the kubelet makes itself."""
    return any(
        not (one.secret or one.config_map or one.downward_api or one.empty_dir or one.projected)
        for one in pod.spec.volumes
    )
