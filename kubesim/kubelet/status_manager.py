"""The status manager: what the API was told last about each pod, and what it must be told next.

Mirrors kubelet: pkg/kubelet/status/status_manager.go (SetPodStatus, SetContainerReadiness,
SetContainerStartup, updateStatusInternal, syncPod, TerminatePod).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

import msgspec
from msgspec.structs import replace

from kubesim.kernel import Kernel, Timer
from kubesim.kubelet.mirror_pods import MirrorPods
from kubesim.kubelet.outside import ApiClient
from kubesim.kubelet.pod_views import is_static, others_view, pod_view, status_view
from kubesim.kubelet.shown_resources import ShownResources
from kubesim.kubelet.told_status import Surroundings, Told, told
from kubesim.model import k8s_v1 as v1
from kubesim.model.timestamps import parse_rfc3339
from kubesim.policy.feature_gates import gate_enabled
from kubesim.policy.pod_conditions import owned_types, with_transition_times
from kubesim.policy.pod_view import PodStatusView
from kubesim.policy.probe_status import with_container_ready, with_container_started
from kubesim.policy.status_merge import (
    illegal_transition,
    merge_pod_status,
    terminated_pod_status,
    with_short_messages,
)

SYNC_ALL_NS = 10_000_000_000
"""How often the kubelet looks at the statuses of all pods in the API."""
WORKER_FIRST_NS = 100_000
"""After a probe's result the sync loop wakes the pod's worker. Where that need not wait for a relist, its status has
mostly taken the place of the first one when the status manager's goroutine looks."""

_log = logging.getLogger(__name__)


class _Record(msgspec.Struct, kw_only=True):
    """One pod: the status to tell, and what was told last."""

    pod: v1.Pod
    is_static: bool
    status: PodStatusView
    surroundings: Surroundings
    start_time_ns: int
    observed_generation: int
    is_termination_complete: bool = False
    told: Told | None = None


class StatusManager:
    """Keeps the newest status of every pod and writes it to the API."""

    def __init__(
        self,
        kernel: Kernel,
        api: ApiClient,
        mirrors: MirrorPods,
        *,
        gates: Mapping[str, bool],
        could_have_running_containers: Callable[[str], bool],
    ) -> None:
        self._kernel = kernel
        self._api = api
        self._gates = gates
        self._owned_types = owned_types(gates)
        self._could_have_running_containers = could_have_running_containers
        self._records: dict[str, _Record] = {}
        self._began_ns = kernel.now_ns
        self._is_writing = False
        self._reconciles: dict[str, Timer] = {}
        self._mirrors = mirrors
        self.writes_scheduled = 0
        """How many writes were scheduled since the start."""
        self._untold: set[str] = set()
        """Static pods whose mirror does not show their status yet."""

    def get(self, uid: str) -> PodStatusView | None:
        """The cached status."""
        record = self._records.get(uid)
        return None if record is None else record.status

    def surroundings(self, pod: v1.Pod) -> Surroundings:
        """What was told with the cached status; of a pod without one, the resources that the API shows."""
        record = self._records.get(pod.metadata.uid)
        if record is not None:
            return record.surroundings
        status = pod.status
        statuses = (*status.container_statuses, *status.init_container_statuses, *status.ephemeral_container_statuses)
        return Surroundings(
            containers={one.name: ShownResources.of(one) for one in statuses}, resources=status.resources
        )

    def is_shown_in(self, pod: v1.Pod) -> bool:
        """Whether the API shows in this version of a pod the cached status, as this kubelet has written it."""
        record = self._records.get(pod.metadata.uid)
        if record is None or record.told is None:
            return False
        return record.told.status is record.status and record.told.struct is pod.status

    def published(self, uid: str) -> v1.PodStatus | None:
        """The cached status as the API would show it."""
        record = self._records.get(uid)
        return None if record is None else self._to_tell(record, record.status).struct

    def start_time_ns(self, uid: str) -> int | None:
        """When the pod's first status was stored."""
        record = self._records.get(uid)
        return None if record is None else record.start_time_ns

    def set(
        self, pod: v1.Pod, status: PodStatusView, surroundings: Surroundings | None = None, *, delay_ns: int = 0
    ) -> None:
        """Take a new status, to be written after that delay; an illegal transition is logged and dropped whole."""
        uid = pod.metadata.uid
        record = self._records.get(uid)
        view = pod_view(pod)
        old = record.status if record is not None else status_view(self._stored_status(pod))
        fault = illegal_transition(view, old, status, self._gates)
        if fault is not None:
            _log.error("Status update on pod %s/%s aborted: %s", pod.metadata.namespace, pod.metadata.name, fault)
            return
        dated = with_transition_times(status.conditions, old=old, now_ns=self._kernel.now_ns, gates=self._gates)
        status = with_short_messages(view, replace(status, conditions=dated))
        if surroundings is None:
            surroundings = record.surroundings if record is not None else Surroundings()
        if record is not None and self._is_same(record, pod, status, surroundings):
            return
        self._store(pod, status, surroundings, delay_ns=delay_ns)

    def pod_ip(self, uid: str) -> str:
        """The first address of the pod in its cached status; empty before there is one."""
        record = self._records.get(uid)
        return record.surroundings.pod_ips[0] if record is not None and record.surroundings.pod_ips else ""

    def set_container_ready(self, uid: str, container_id: str, *, ready: bool) -> None:
        """A readiness probe says something new: the sync that looks at everything follows."""
        record = self._records.get(uid)
        if record is not None:
            changed = with_container_ready(
                pod_view(record.pod), record.status, container_id, ready=ready, gates=self._gates
            )
            if changed is not None:
                self.set(record.pod, changed, delay_ns=WORKER_FIRST_NS)

    def set_container_started(self, uid: str, container_id: str, *, started: bool) -> None:
        """A startup probe says something new."""
        record = self._records.get(uid)
        if record is not None:
            changed = with_container_started(record.status, container_id, started=started)
            if changed is not None:
                self.set(record.pod, changed, delay_ns=WORKER_FIRST_NS)

    def stored(self, pod: v1.Pod) -> None:
        """The API's copy of a pod changed.

        A status that somebody else wrote is made good with the next sync of all pods, when it is not the kubelet's.
        Mirrors syncBatch and needsReconcile.
        """
        uid = pod.metadata.uid
        record = self._records.get(uid)
        if record is None:
            return
        is_written_by_others = not self._is_writing and pod.status != record.pod.status
        record.pod = pod
        if is_written_by_others:
            self._reconcile_later(uid)

    def _reconcile_later(self, uid: str) -> None:
        """With the next sync of all pods."""
        if uid not in self._reconciles:
            rounds = (self._kernel.now_ns - self._began_ns) // SYNC_ALL_NS + 1
            at_ns = self._began_ns + rounds * SYNC_ALL_NS
            self._reconciles[uid] = self._kernel.call_at(at_ns, self._reconcile, uid)

    def _reconcile(self, uid: str) -> None:
        del self._reconciles[uid]
        self.sync(uid)

    def stop(self) -> None:
        """The kubelet process ends: nothing is written any more."""
        for timer in self._reconciles.values():
            self._kernel.cancel(timer)
        self._reconciles.clear()
        self._records.clear()

    def terminate(self, pod: v1.Pod) -> None:
        """The pod's containers are gone for good: no container waits or runs in its last status."""
        record = self._records.get(pod.metadata.uid)
        stored = status_view(pod.status)
        status = record.status if record is not None else stored
        final = terminated_pod_status(pod_view(pod), status, api=stored)
        surroundings = record.surroundings if record is not None else Surroundings()
        self._store(pod, final, surroundings, is_termination_complete=True)

    def forget(self, uid: str) -> None:
        """Drop a pod that no longer exists."""
        self._records.pop(uid, None)
        self._untold.discard(uid)

    def mirror_appeared(self, mirror: v1.Pod) -> None:
        """A new mirror pod shows nothing of its static pod. It is told with the next news of any pod, or every 10 s."""
        for uid, record in self._records.items():
            if record.is_static and self._mirrors.mirror_of(record.pod) is mirror:
                self._untold.add(uid)
                self._reconcile_later(uid)

    def sync(self, uid: str) -> None:
        """Write what the API does not know yet, and delete the pod there once nothing holds it."""
        self._tell(uid)
        if self._untold:
            for other in sorted(self._untold - {uid}):
                self._tell(other)

    def _sync_stored(self, uid: str) -> None:
        """`sync`. What is written of a pod that lives on changes nothing but what the API shows of it."""
        self.sync(uid)
        record = self._records.get(uid)
        if record is not None and not self._untold and self._lives_on(record):
            self._kernel.discount(1)

    def _lives_on(self, record: _Record) -> bool:
        pod, phase = record.pod, record.status.phase
        is_over = phase is not None and phase.is_terminal
        return pod.metadata.deletion_timestamp is None and not is_over and not record.is_static

    def _tell(self, uid: str) -> None:
        record = self._records.get(uid)
        pod = self._api_pod(uid, record)
        if record is None or pod is None:
            return
        stored = pod.status
        merged = merge_pod_status(
            pod_view(pod),
            api=others_view(stored, self._owned_types),
            new=record.status,
            could_have_running_containers=self._could_have_running_containers(pod.metadata.uid),
            now_ns=self._kernel.now_ns,
            gates=self._gates,
        )
        if merged.phase is not record.status.phase:
            # Its end is not told as long as a container might run.
            self._reconcile_later(uid)
        record.told = self._to_tell(record, merged)
        if record.told.struct != stored:
            self._is_writing = True
            try:
                updated = self._api.patch_pod_status(pod.metadata.uid, record.told.struct)
            finally:
                self._is_writing = False
            if updated is None:
                return
            pod = updated
        self._untold.discard(uid)
        if record.is_static:
            return
        record.pod = pod
        if (
            record.is_termination_complete
            and pod.metadata.deletion_timestamp is not None
            and pod.status.phase in {"Succeeded", "Failed"}
        ):
            self._api.delete_pod_now(uid)

    def _api_pod(self, uid: str, record: _Record | None) -> v1.Pod | None:
        """The pod of the API that shows a status: the mirror of a static pod, or None while there is none."""
        if record is None or not record.is_static:
            return record.pod if record is not None else None
        mirror = self._mirrors.mirror_of(record.pod)
        if mirror is None:
            self._untold.add(uid)
            return None
        if not self._mirrors.is_shown_by(mirror, uid):
            # Another static pod has taken the name: what this one was is nobody's business any more.
            self.forget(uid)
            return None
        return mirror

    def _stored_status(self, pod: v1.Pod) -> v1.PodStatus:
        """What the API shows of a pod that this kubelet has no status of."""
        mirror = self._mirrors.mirror_of(pod) if is_static(pod) else None
        return mirror.status if mirror is not None else pod.status

    def _store(
        self,
        pod: v1.Pod,
        status: PodStatusView,
        surroundings: Surroundings,
        *,
        is_termination_complete: bool = False,
        delay_ns: int = 0,
    ) -> None:
        uid = pod.metadata.uid
        record = self._records.get(uid)
        if record is not None:
            # A sync works on the pod as it was when the sync began; what the API shows by now is in the record.
            if pod.status is not record.pod.status:
                pod = replace(pod, status=record.pod.status)
            record.pod, record.status, record.surroundings = pod, status, surroundings
            record.observed_generation = max(record.observed_generation, pod.metadata.generation)
        else:
            record = self._records[uid] = _Record(
                pod=pod,
                is_static=is_static(pod),
                status=status,
                surroundings=surroundings,
                start_time_ns=self._first_start_ns(pod),
                observed_generation=pod.metadata.generation,
            )
        record.is_termination_complete |= is_termination_complete
        if record.is_static and self._mirrors.mirror_of(pod) is None:
            # It is looked up before the sync that sets the status has made the mirror.
            self._untold.add(uid)
            return
        # The kubelet's status manager is a goroutine of its own: by the time it writes, the worker that set the status
        # has gone on. So the last status of a kill finds the pod terminated, and its phase is not held back.
        self._kernel.call_later(delay_ns, self._sync_stored, uid)
        self.writes_scheduled += 1

    def _first_start_ns(self, pod: v1.Pod) -> int:
        stored = self._stored_status(pod).start_time
        return parse_rfc3339(stored) if stored else self._kernel.now_ns

    def _is_same(self, record: _Record, pod: v1.Pod, status: PodStatusView, surroundings: Surroundings) -> bool:
        """Whether an update would tell nothing new. A pod that is being deleted is always told again."""
        tracks = gate_enabled(self._gates, "PodObservedGenerationTracking")
        before = record.status
        return (
            pod.metadata.deletion_timestamp is None
            and (not tracks or record.observed_generation >= pod.metadata.generation)
            and status.container_statuses == before.container_statuses
            and status.init_container_statuses == before.init_container_statuses
            and status.ephemeral_container_statuses == before.ephemeral_container_statuses
            and (status.phase, status.reason, status.message) == (before.phase, before.reason, before.message)
            and self._owned(status) == self._owned(before)
            and surroundings == record.surroundings
        )

    def _owned(self, status: PodStatusView) -> list[tuple[str, ...]]:
        """What of the conditions is worth a write: what the kubelet's own say."""
        types = self._owned_types
        return [(one.type, one.status, one.reason, one.message) for one in status.conditions if one.type in types]

    def _to_tell(self, record: _Record, status: PodStatusView) -> Told:
        return told(
            status,
            record.surroundings,
            record.told,
            start_time_ns=record.start_time_ns,
            observed_generation=record.observed_generation,
            gates=self._gates,
        )
