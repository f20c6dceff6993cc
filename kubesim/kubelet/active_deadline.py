"""activeDeadlineSeconds: a pod that is active for longer fails.

Mirrors kubelet: pkg/kubelet/active_deadline.go.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping

from kubesim.kernel import Kernel
from kubesim.kubelet.event_recorder import EventRecorder
from kubesim.kubelet.event_reference import pod_reference
from kubesim.kubelet.status_manager import StatusManager
from kubesim.model import k8s_v1 as v1
from kubesim.policy.pod_phase import PhaseReason
from kubesim.policy.pod_view import PodPhase

REASON = "DeadlineExceeded"
MESSAGE = "Pod was active on the node longer than the specified deadline"


class ActiveDeadline:
    """Watches the deadlines of pods."""

    def __init__(self, kernel: Kernel, recorder: EventRecorder, statuses: StatusManager) -> None:
        self._kernel = kernel
        self._recorder = recorder
        self._statuses = statuses
        self.next_ns = 0
        """When the next deadline of the pods that `over` was asked about passes."""

    def end_ns(self, pod: v1.Pod) -> int:
        """When the pod's time is over."""
        seconds = pod.spec.active_deadline_seconds
        if seconds is None:
            return sys.maxsize
        start_ns = self._statuses.start_time_ns(pod.metadata.uid)
        return sys.maxsize if start_ns is None else start_ns + seconds * 1_000_000_000

    def over(self, pods: Mapping[str, v1.Pod]) -> list[str]:
        """The uids of the pods whose time is over."""
        now_ns, next_ns, over = self._kernel.now_ns, sys.maxsize, []
        for uid, pod in pods.items():
            if pod.spec.active_deadline_seconds is None:
                continue
            if (end_ns := self.end_ns(pod)) > now_ns:
                next_ns = min(next_ns, end_ns)
            else:
                over.append(uid)
        self.next_ns = next_ns
        return over

    def check(self, pod: v1.Pod) -> PhaseReason | None:
        """The phase that the deadline demands, with its event; None while there is time."""
        if self._kernel.now_ns < self.end_ns(pod):
            return None
        self._recorder.event(pod_reference(pod), "Normal", REASON, MESSAGE)
        return PhaseReason(phase=PodPhase.FAILED, reason=REASON, message=MESSAGE)
