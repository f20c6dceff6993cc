"""How many pods there are, by what the kubelet makes of them: counted when somebody reads the metrics.

A real kubelet counts at every relist (pkg/kubelet/pleg/generic.go, updateRunningPodAndContainerMetrics) and at every
housekeeping (pkg/kubelet/kubelet_pods.go, HandlePodCleanups), whether or not anybody reads.
"""

from __future__ import annotations

from collections import Counter

from kubesim.kubelet.metrics import Metrics
from kubesim.kubelet.pod_engine import PodEngine
from kubesim.kubelet.pod_work import WorkType
from kubesim.kubelet.work_metrics import ACTIVE_PODS, DESIRED_PODS, RUNNING_CONTAINERS, RUNNING_PODS, WORKING_PODS
from kubesim.model import k8s_v1 as v1

CONFIG_SOURCE = "kubernetes.io/config.source"


class PodGauges:
    """Fills the gauges from what the engine knows at the moment."""

    def __init__(self, metrics: Metrics, engine: PodEngine) -> None:
        self._metrics = metrics
        self._engine = engine
        metrics.before_reading(self._fill)

    def _fill(self) -> None:
        pods = [self._engine.cache.get(uid) for uid in self._engine.pleg.uids]
        self._metrics.put(RUNNING_PODS, sum(any(one.is_ready for one in pod.sandboxes) for pod in pods))
        states = Counter(one.state.value for pod in pods for one in pod.containers)
        for state, count in states.items():
            self._metrics.put(RUNNING_CONTAINERS, count, container_state=state)
        for name, found in ((DESIRED_PODS, self._engine.pods.values()), (ACTIVE_PODS, self._engine.active)):
            counts = Counter(_static(pod) for pod in found)
            for static in ("", "true"):
                self._metrics.put(name, counts[static], static=static)
        self._fill_working()

    def _fill_working(self) -> None:
        desired = self._engine.pods
        counts = Counter(
            (work.work_type, "desired" if uid in desired else "orphan", _static(work.pod))
            for uid, work in self._engine.workers.work.items()
        )
        counts[WorkType.TERMINATING, "runtime_only", "unknown"] = len(self._engine.orphans)
        kinds = (*((config, static) for config in ("desired", "orphan") for static in ("", "true")),)
        for lifecycle in WorkType:
            for config, static in (*kinds, ("runtime_only", "unknown")):
                count = counts[lifecycle, config, static]
                self._metrics.put(WORKING_PODS, count, lifecycle=lifecycle, config=config, static=static)


def _static(pod: v1.Pod) -> str:
    """The label: "true" for a pod that did not come from the API server."""
    return "" if pod.metadata.annotations.get(CONFIG_SOURCE, "api") == "api" else "true"
