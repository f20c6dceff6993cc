"""The allocation manager: which resources the kubelet has promised to its pods, and which resizes still wait.

    spec (desired) ──admission──> allocated ──pod worker, runtime──> actuated
                       │ no room: Deferred, tried again when pods go or shrink, and every 3 minutes
                       └ never possible: Infeasible

Mirrors kubelet: pkg/kubelet/allocation/allocation_manager.go and handlers.go.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from msgspec.structs import replace

from kubesim.kernel import Kernel, Task, sleep
from kubesim.kubelet.container_resources import pod_qos
from kubesim.kubelet.event_recorder import EventRecorder
from kubesim.kubelet.event_reference import pod_reference
from kubesim.kubelet.metrics import DEFERRED_ACCEPTED_RESIZES, INFEASIBLE_RESIZES, Metrics
from kubesim.kubelet.node_answers import RoomForResize
from kubesim.kubelet.pod_views import is_critical
from kubesim.kubelet.resize_events import pod_resize_message
from kubesim.kubelet.resize_status import ResizeStatus
from kubesim.kubelet.resource_amounts import amounts, resizable_containers, resize_policies
from kubesim.kubelet.resource_records import PodResources, ResourceRecords
from kubesim.model import k8s_v1 as v1
from kubesim.model.pod_resources import pod_requests
from kubesim.model.remembered import remembered_with
from kubesim.policy.admission import Rejection
from kubesim.policy.feature_gates import gate_enabled
from kubesim.policy.pending_resizes import PendingResize, resize_order
from kubesim.policy.resize_admission import (
    DEFERRED,
    INFEASIBLE,
    ResizedContainer,
    ResizeNode,
    infeasible_resize,
)
from kubesim.policy.resize_messages import STARTED, pending_words
from kubesim.policy.resize_plan import Resizable, ResourceAmounts
from kubesim.policy.swap_behavior import NodeSwap, may_swap

API_CHECKS_CAPACITY_MINOR = 36
"""Since this Kubernetes minor version the API server refuses what no node could hold, and not the kubelet."""
EVENTS_MINOR = 35
"""The first minor version with Events of resizes that begin, wait or fail; that one is completed is older."""
RETRY_NS = 180_000_000_000
"""How long after the last look at the pending resizes the kubelet looks again by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AllocationSettings:
    """What of the kubelet's configuration decides about resizes."""

    node: ResizeNode
    swap: NodeSwap
    allocatable: Callable[[], Mapping[str, v1.Quantity]]
    minor: int
    gates: Mapping[str, bool]

    @property
    def node_now(self) -> ResizeNode:
        """The node with its capacity, for a kubelet that compares with that."""
        if self.minor >= API_CHECKS_CAPACITY_MINOR:
            return self.node
        capacity = amounts(v1.ResourceRequirements(requests=dict(self.allocatable())))
        return dataclasses.replace(self.node, capacity=capacity)


class AllocationManager:
    """Admits pods and resizes, and remembers what they were given."""

    def __init__(
        self,
        kernel: Kernel,
        recorder: EventRecorder,
        metrics: Metrics,
        *,
        records: ResourceRecords,
        status: ResizeStatus,
        settings: AllocationSettings,
        pod: Callable[[str], v1.Pod | None],
        refusal: Callable[[v1.Pod], Rejection | None],
        room_for_resize: RoomForResize,
        sync_now: Callable[[str], object],
    ) -> None:
        """`pod` finds a pod of the configuration by uid, as the API has it.

        `refusal` is what the handlers of admission say, with all other pods having what they were given;
        `room_for_resize` ends others for a critical pod. `sync_now` has the worker of a pod look at it at once.
        """
        self._kernel = kernel
        self._recorder = recorder
        self._metrics = metrics
        self._records = records
        self._status = status
        self._settings = settings
        self._pod = pod
        self._refusal = refusal
        self._room_for_resize = room_for_resize
        self._room_task: Task[None] | None = None
        """While others are ended for a resize, no other one is looked at."""
        self._trigger = self._again = ""
        """Why the resizes are looked at now, and why they are to be looked at again."""
        self._sync_now = sync_now
        self._pending: tuple[str, ...] = ()
        self._retry_at_ns = 0
        self._timer: Task[None] | None = None
        gates = settings.gates
        self._is_on = gate_enabled(gates, "InPlacePodVerticalScaling")
        self._pod_level = gate_enabled(gates, "InPlacePodLevelResourcesVerticalScaling")
        self._init_too = gate_enabled(gates, "InPlacePodVerticalScalingInitContainers")

    # -- what is allocated ------------------------------------------------------------------------------------

    def allocated(self, pod: v1.Pod) -> v1.Pod:
        """The pod with the resources that it was given in the place of those that its spec asks."""
        record = self._records.pod(pod.metadata.uid)
        if record is None:
            return pod
        spec = (_with_all if self._pod_level else _with_those_of_containers)(pod.spec, record)
        return pod if spec is None else replace(pod, spec=spec)

    def wants_resize(self, pod: v1.Pod) -> bool:
        """Whether the spec asks for other resources than the pod was given."""
        return self.allocated(pod) is not pod

    def remove(self, uid: str) -> None:
        """A pod is gone."""
        self._records.remove(uid)

    def keep_only(self, uids: Collection[str]) -> None:
        """Forget what is recorded for all other pods."""
        self._records.keep_only(uids)

    def allocate(self, pod: v1.Pod) -> None:
        """The pod has what its spec asks: it was admitted."""
        if not self._is_on:
            return
        containers = resizable_containers(pod.spec, init_too=self._init_too)
        level = pod.spec.resources if self._pod_level else None
        resources = PodResources(containers={one.name: one.resources for one in containers}, level=level)
        self._records.put(pod.metadata.uid, resources)

    # -- resizes that wait ------------------------------------------------------------------------------------

    @property
    def has_pending(self) -> bool:
        """Whether a resize waits."""
        return bool(self._pending)

    def push(self, uid: str) -> None:
        """A resize waits for its turn."""
        if uid in self._pending:
            return
        pods = [pod for one in (*self._pending, uid) if (pod := self._pod(one)) is not None]
        self._pending = resize_order(self._pending_resize(pod) for pod in pods)

    def retry(self, trigger: str) -> None:
        """Look at all resizes that wait; `trigger` is why now, as a metric names it."""
        if self._room_task is not None:
            self._again = trigger
            return
        self._trigger = trigger
        self._retry_at_ns = self._kernel.now_ns + RETRY_NS
        self._go_through(self._pending)
        if self._pending and self._timer is None:
            self._timer = self._kernel.spawn(self._retry_in_time(), name="retry pending resizes")

    def _go_through(self, uids: Sequence[str]) -> None:
        """Look at resizes that wait, one after the other, until others have to be ended for one."""
        for index, uid in enumerate(uids):
            pod = self._pod(uid)
            refusal = self._resize_refusal(pod) if pod is not None and self.wants_resize(pod) else None
            if pod is not None and refusal is not None and refusal.lacking and is_critical(pod):
                work = self._make_room(pod, uids[index + 1 :])
                self._room_task = self._kernel.spawn(work, name=f"make room for a resize of {pod.metadata.name}")
                return
            self._look_at(uid, refusal)

    async def _make_room(self, pod: v1.Pod, others: Sequence[str]) -> None:
        """End others for a critical pod, and look at its resize then; after that comes what waited meanwhile."""
        await self._room_for_resize(pod, partial(self._look_at, pod.metadata.uid))
        self._room_task = None
        self._go_through(others)
        if self._room_task is None and self._again:
            trigger, self._again = self._again, ""
            self.retry(trigger)

    def _look_at(self, uid: str, refusal: Rejection | None) -> None:
        """Say what becomes of a resize, and do it if nothing is said against it. A deferred one waits on."""
        pod, before = self._pod(uid), self._status.of(uid)
        was_allocated = pod is not None and self._resize(pod, refusal)
        after = self._status.of(uid)
        if pod is None or not after.is_deferred:
            self._pending = tuple(one for one in self._pending if one != uid)
        if pod is None:
            return
        if not after.is_deferred and not after.is_infeasible and before.is_deferred:
            self._metrics.increase(DEFERRED_ACCEPTED_RESIZES, retry_trigger=self._trigger)
        if was_allocated or before != after:
            self._sync_now(uid)

    def stop(self) -> None:
        """The kubelet process ends."""
        for task in (self._timer, self._room_task):
            if task is not None:
                task.cancel()
        self._records.save()

    async def _retry_in_time(self) -> None:
        """Upstream's ticker beats all the time; ours only while a resize waits, at the same instants."""
        while self._pending:
            await sleep(max(self._retry_at_ns - self._kernel.now_ns, 0))
            if self._kernel.now_ns >= self._retry_at_ns:
                self.retry("periodic_retry")
        self._timer = None

    def _pending_resize(self, pod: v1.Pod) -> PendingResize:
        waits = self._status.of(pod.metadata.uid).pending
        return PendingResize(
            uid=pod.metadata.uid,
            is_increasing=self._is_increasing(pod),
            priority=pod.spec.priority or 0,
            qos=pod_qos(pod, self._settings.gates),
            pending_since_ns=waits.last_transition_ns if waits is not None else None,
        )

    def _is_increasing(self, pod: v1.Pod) -> bool:
        allocated = self.allocated(pod)
        if allocated is pod:
            return False
        old, new = self._asked(allocated), self._asked(pod)
        return any(new.request(one) > old.request(one) for one in Resizable)

    # -- one resize -------------------------------------------------------------------------------------------

    def _resize(self, pod: v1.Pod, refusal: Rejection | None) -> bool:
        """Give the pod what its spec asks, unless that is refused; whether it got it.

        Mirrors handlePodResourcesResize.
        """
        uid, generation = pod.metadata.uid, pod.metadata.generation
        if not self.wants_resize(pod):
            self._status.clear_pending(uid)
            return False
        if refusal is None:
            self.allocate(pod)
            self._status.clear_pending(uid)
            # An error of an earlier resize is over, and the condition is of this generation.
            self._status.clear_in_progress(uid)
            self._status.set_in_progress(uid, generation=generation)
            self._event(pod, "Normal", "ResizeStarted", pod_resize_message(pod, STARTED, generation=generation))
            return True
        # Since 1.36 the Event names the reason of the handler that refused.
        names_handler = refusal.reason == INFEASIBLE or self._settings.minor >= API_CHECKS_CAPACITY_MINOR
        reason = refusal.reason if names_handler else DEFERRED
        if self._status.set_pending(uid, reason=reason, message=refusal.message, generation=generation):
            name = "ResizeInfeasible" if reason == INFEASIBLE else "ResizeDeferred"
            text = pod_resize_message(pod, pending_words(reason), generation=generation, error=refusal.message)
            self._event(pod, "Warning", name, text)
        return False

    def _resize_refusal(self, pod: v1.Pod) -> Rejection | None:
        """What the first handler that refuses the resize says; None when none does."""
        allocated = self.allocated(pod)
        infeasible = infeasible_resize(
            self._resized_containers(pod, allocated),
            qos=pod_qos(pod, self._settings.gates),
            changes_pod_level=pod.spec.resources != allocated.spec.resources,
            pod=self._asked(pod),
            node=self._settings.node_now,
            gates=self._settings.gates,
        )
        if infeasible is not None:
            self._metrics.increase(INFEASIBLE_RESIZES, reason_detail=infeasible.metric_reason)
            return Rejection(reason=INFEASIBLE, message=infeasible.message)
        return self._refusal(pod)

    def _asked(self, pod: v1.Pod) -> ResourceAmounts:
        found = pod_requests(pod.spec, uses_pod_level=gate_enabled(self._settings.gates, "PodLevelResources"))
        return ResourceAmounts(
            cpu_request_milli=found["cpu"].milli_value if "cpu" in found else 0,
            memory_request_bytes=found["memory"].value if "memory" in found else 0,
        )

    def _resized_containers(self, pod: v1.Pod, allocated: v1.Pod) -> list[ResizedContainer]:
        before = {one.name: one for one in resizable_containers(allocated.spec, init_too=self._init_too)}
        return [
            ResizedContainer(
                allocated=amounts(before[one.name].resources),
                desired=amounts(one.resources),
                memory_policy=resize_policies(before[one.name]).get("memory", ""),
                swaps=self._swaps(pod, one) or self._swaps(allocated, before[one.name]),
            )
            for one in resizable_containers(pod.spec, init_too=self._init_too)
        ]

    def _swaps(self, pod: v1.Pod, container: v1.Container) -> bool:
        found = amounts(container.resources)
        return may_swap(
            self._settings.swap,
            is_critical=is_critical(pod),
            qos=pod_qos(pod, self._settings.gates),
            memory_request_bytes=found.memory_request_bytes,
            memory_limit_bytes=found.memory_limit_bytes,
        )

    def _event(self, pod: v1.Pod, kind: str, reason: str, message: str) -> None:
        if self._settings.minor >= EVENTS_MINOR:
            self._recorder.event(pod_reference(pod), kind, reason, message)


@remembered_with
def _with_all(spec: v1.PodSpec, record: PodResources) -> v1.PodSpec | None:
    """The spec with these resources, None when it has them: one answer until one of the two is another."""
    return _allocated(spec, record, record.level)


@remembered_with
def _with_those_of_containers(spec: v1.PodSpec, record: PodResources) -> v1.PodSpec | None:
    """The same for a kubelet that does not resize pods themselves."""
    return _allocated(spec, record, spec.resources)


def _allocated(spec: v1.PodSpec, record: PodResources, level: v1.ResourceRequirements | None) -> v1.PodSpec | None:
    containers = _with_resources(spec.containers, record.containers)
    init_containers = _with_resources(spec.init_containers, record.containers)
    if level == spec.resources and containers is spec.containers and init_containers is spec.init_containers:
        return None
    return replace(spec, resources=level, containers=containers, init_containers=init_containers)


def _with_resources(
    containers: list[v1.Container], resources: Mapping[str, v1.ResourceRequirements]
) -> list[v1.Container]:
    """The containers with these resources; the same list when they have them."""
    if all(resources.get(one.name, one.resources) == one.resources for one in containers):
        return containers
    return [replace(one, resources=resources.get(one.name, one.resources)) for one in containers]
