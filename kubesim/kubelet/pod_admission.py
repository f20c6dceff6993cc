"""The door of a kubelet: pods that the API server placed on the node are taken, refused, or wait for room.

Mirrors kubelet: pkg/kubelet/kubelet.go (HandlePodAdditions, rejectPod) and pkg/kubelet/lifecycle/predicate.go (Admit).
A real kubelet handles nothing else while it ends pods for a critical one; this one takes no other pod meanwhile, so
that nobody gets the room that is made, and goes on with those that it has.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from kubesim.kernel import Promise
from kubesim.kubelet.admission import NodeSituation, admission_refusal, missing_for
from kubesim.kubelet.metrics import ADMISSION_REJECTIONS, Metrics
from kubesim.kubelet.pod_engine import PodEngine
from kubesim.kubelet.pod_views import is_critical
from kubesim.kubelet.preemption import Preemption
from kubesim.model import k8s_v1 as v1
from kubesim.policy.admission import Rejection, Room
from kubesim.policy.preemption import NoVictims


class _Victims(NamedTuple):
    """The pods to end, and what lacks."""

    pods: Sequence[v1.Pod]
    missing: Mapping[str, int]


class PodAdmission:
    """Admits pods to one engine."""

    def __init__(
        self,
        engine: PodEngine,
        preemption: Preemption,
        metrics: Metrics,
        *,
        situation: Callable[[], NodeSituation],
        spawn: Callable[[Coroutine[Any, Any, None], str], object],
    ) -> None:
        """`situation` tells how the node is at present; what `spawn` starts ends with the kubelet."""
        self._spawn = spawn
        self._engine = engine
        self._preemption = preemption
        self._metrics = metrics
        self._situation = situation
        self._waiting: dict[str, v1.Pod] = {}
        """By uid: the critical pod that room is made for, and those that came after it."""
        self._makes_room = False
        self._room_made: Promise[None] = Promise()
        """Kept when the room that is made now is given away."""

    def add(self, pod: v1.Pod) -> None:
        """A pod that this kubelet has not seen. Terminal pods and pods on their way out pass."""
        is_ending = pod.metadata.deletion_timestamp is not None or pod.status.phase in {"Succeeded", "Failed"}
        if is_ending or self._engine.workers.is_termination_requested(pod.metadata.uid):
            self._engine.add(pod)
            return
        if self._makes_room:
            self._waiting[pod.metadata.uid] = pod
            return
        judged = self._engine.resizing.allocation.allocated(pod)
        situation = self._situation()
        refusal = admission_refusal(judged, situation)
        if refusal is not None and refusal.lacking and is_critical(pod):
            refusal = self._make_room(judged, situation)
            if refusal is None:
                return
        self._settle(pod, judged, refusal)

    def _settle(self, pod: v1.Pod, judged: v1.Pod, refusal: Rejection | None) -> None:
        """Take a pod, or refuse it; `judged` is the pod with the resources that it is given."""
        if refusal is not None:
            self._metrics.increase(ADMISSION_REJECTIONS, reason=refusal.metric_reason)
            self._engine.reject(pod, refusal)
            return
        self._engine.resizing.allocation.allocate(judged)
        self._engine.add(pod)

    def update(self, pod: v1.Pod) -> bool:
        """The API's copy of a pod changed; whether it is one that still waits for room."""
        is_waiting = pod.metadata.uid in self._waiting
        if is_waiting:
            self._waiting[pod.metadata.uid] = pod
        return is_waiting

    def remove(self, uid: str) -> bool:
        """A pod is gone from the API; whether it was one that still waited for room."""
        return self._waiting.pop(uid, None) is not None

    async def room_for_resize(self, pod: v1.Pod, settle: Callable[[Rejection | None], object]) -> None:
        """End pods for the resize of a critical one. `settle` hears what is said against it then, before others are.

        Mirrors pkg/kubelet/allocation/allocation_manager.go (canAdmitPod): a resize passes the handlers of admission.
        """
        while self._makes_room:
            await self._room_made.wait()
        situation = self._beside(pod)
        refusal = admission_refusal(pod, situation)
        if refusal is None or not refusal.lacking:
            settle(refusal)
            return
        choice = self._victims(pod, situation)
        if isinstance(choice, Rejection):
            settle(choice)
            return
        await self._end_others(choice, lambda: settle(admission_refusal(pod, self._beside(pod), room=Room.MADE)))

    def _beside(self, pod: v1.Pod) -> NodeSituation:
        """The node without a pod that is there."""
        situation = self._situation()
        return replace(situation, active_pods=situation.active_pods.without(pod.metadata.uid))

    def _make_room(self, pod: v1.Pod, situation: NodeSituation) -> Rejection | None:
        """Begin to end pods for a critical one; the refusal when that does not help."""
        choice = self._victims(pod, situation)
        if isinstance(choice, Rejection):
            return choice
        uid = pod.metadata.uid
        self._waiting[uid] = pod

        def admit() -> None:
            waiting = self._waiting.pop(uid, None)
            if waiting is not None:
                self._settle(waiting, pod, admission_refusal(pod, self._situation(), room=Room.MADE))

        self._spawn(self._end_others(choice, admit), f"make room for {pod.metadata.name}")
        return None

    def _victims(self, pod: v1.Pod, situation: NodeSituation) -> _Victims | Rejection:
        """Whom to end for a critical pod, or why that does not help."""
        refusal = admission_refusal(pod, situation, room=Room.WANTED)
        if refusal is not None:
            return refusal
        missing = missing_for(pod, situation)
        try:
            victims = self._preemption.victims(pod, list(situation.active_pods), missing)
        except NoVictims as error:
            message = f"Unexpected error while attempting to recover from admission failure: {error}"
            return Rejection(reason="UnexpectedAdmissionError", message=message)
        self._makes_room = True
        return _Victims(victims, missing)

    async def _end_others(self, choice: _Victims, then: Callable[[], object]) -> None:
        """End the pods, give the room to whom it was made for, and let in who came meanwhile."""
        await self._preemption.make_room(choice.pods, choice.missing)
        self._makes_room = False
        then()
        made, self._room_made = self._room_made, Promise()
        made.resolve(None)
        others, self._waiting = list(self._waiting.values()), {}
        for other in others:
            self.add(other)
