"""Ends pods to make room for a critical one.

Mirrors kubelet: pkg/kubelet/preemption/preemption.go, HandleAdmissionFailure and evictPodsToFreeRequests.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kubesim.kubelet.container_resources import pod_qos
from kubesim.kubelet.event_recorder import EventRecorder
from kubesim.kubelet.event_reference import pod_reference
from kubesim.kubelet.klog import Klog
from kubesim.kubelet.metrics import PREEMPTIONS, Metrics
from kubesim.kubelet.node_shutdown_groups import KillPod
from kubesim.kubelet.pod_views import is_critical
from kubesim.kubelet.status_generation import ended_by_kubelet
from kubesim.model import k8s_v1 as v1
from kubesim.model.pod_resources import weighed_requests
from kubesim.policy.feature_gates import gate_enabled
from kubesim.policy.preemption import (
    PREEMPTED_CONDITION_MESSAGE,
    PREEMPTED_MESSAGE,
    PREEMPTED_REASON,
    PreemptionPod,
    pods_to_preempt,
)

PREEMPTED_STATUS = ended_by_kubelet(
    reason=PREEMPTED_REASON, message=PREEMPTED_MESSAGE, condition_message=PREEMPTED_CONDITION_MESSAGE
)


class Preemption:
    """Chooses and ends the pods of one node."""

    def __init__(
        self, kill_pod: KillPod, *, recorder: EventRecorder, metrics: Metrics, klog: Klog, gates: Mapping[str, bool]
    ) -> None:
        self._kill_pod = kill_pod
        self._recorder = recorder
        self._metrics = metrics
        self._klog = klog
        self._gates = gates
        self._uses_pod_level = gate_enabled(gates, "PodLevelResources")

    def victims(self, pod: v1.Pod, active: Sequence[v1.Pod], missing: Mapping[str, int]) -> list[v1.Pod]:
        """The pods to end, in the order of their end. Raises NoVictims."""
        by_uid = {one.metadata.uid: one for one in active}
        chosen = pods_to_preempt(self._seen(pod), [self._seen(one) for one in active], missing)
        return [by_uid[one.uid] for one in chosen]

    async def make_room(self, victims: Sequence[v1.Pod], missing: Mapping[str, int]) -> None:
        """End the pods, one after the other; each is given its own grace period."""
        for pod in victims:
            key = f"{pod.metadata.namespace}/{pod.metadata.name}"
            self._recorder.event(pod_reference(pod), "Warning", PREEMPTED_REASON, PREEMPTED_MESSAGE)
            if not await self._kill_pod(
                pod.metadata.uid, grace_seconds=None, status_func=PREEMPTED_STATUS, is_evicted=True
            ):
                self._klog.error("Failed to evict pod", err="timeout waiting to kill pod", pod=key)
                continue
            self._metrics.increase(PREEMPTIONS, preemption_signal=next(iter(missing), ""))
            self._klog.info("Pod evicted successfully", pod=key)

    def _seen(self, pod: v1.Pod) -> PreemptionPod:
        return PreemptionPod(
            uid=pod.metadata.uid,
            is_critical=is_critical(pod),
            priority=pod.spec.priority,
            qos=pod_qos(pod, self._gates),
            requests={
                name: amount.milli_value if name == "cpu" else amount.value
                for name, amount in weighed_requests(pod.spec, uses_pod_level=self._uses_pod_level).items()
            },
        )
