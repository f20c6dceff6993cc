"""In-place resize of one kubelet process: its parts, and what the changes of pods mean for it.

Mirrors kubelet: pkg/kubelet/kubelet.go (HandlePodAdditions, HandlePodUpdates, HandlePodRemoves, HandlePodReconcile,
recordResizeOperations, SyncPod as far as it is about resizes).
"""

from __future__ import annotations

from collections.abc import Callable, MutableMapping

from kubesim.cri.client import CriClient
from kubesim.kernel import Kernel
from kubesim.kubelet.allocation import EVENTS_MINOR, AllocationManager, AllocationSettings
from kubesim.kubelet.event_recorder import EventRecorder
from kubesim.kubelet.event_reference import pod_reference
from kubesim.kubelet.metrics import REQUESTED_RESIZES, Metrics
from kubesim.kubelet.node_answers import NodeAnswers
from kubesim.kubelet.node_settings import NodeSettings
from kubesim.kubelet.outside import HostFiles
from kubesim.kubelet.pod_cgroups import PodCgroups
from kubesim.kubelet.pod_resize import PodResizer
from kubesim.kubelet.pod_views import status_view
from kubesim.kubelet.resize_events import pod_resize_message
from kubesim.kubelet.resize_needs import ResizeNeeds
from kubesim.kubelet.resize_status import ResizeStatus
from kubesim.kubelet.resource_amounts import amounts, resizable_containers
from kubesim.kubelet.resource_records import ACTUATED_PODS, ALLOCATED_PODS, ResourceRecords
from kubesim.kubelet.runtime_resources import ReportedResources
from kubesim.kubelet.used_requests import used_requests
from kubesim.model import k8s_v1 as v1
from kubesim.policy.feature_gates import gate_enabled
from kubesim.policy.pod_cgroup import PodCgroup
from kubesim.policy.pod_view import Condition, RuntimePod
from kubesim.policy.resize_admission import ResizeNode
from kubesim.policy.resize_messages import COMPLETED, ERROR
from kubesim.policy.resize_plan import resize_operations

REASON_ERROR = "Error"


class Resizing:
    """All that a kubelet process has for resizes."""

    def __init__(
        self,
        kernel: Kernel,
        client: CriClient,
        recorder: EventRecorder,
        metrics: Metrics,
        host_files: HostFiles,
        node: NodeSettings,
        *,
        root_directory: str,
        host_cgroups: MutableMapping[str, PodCgroup],
        pod: Callable[[str], v1.Pod | None],
        answers: NodeAnswers,
        sync_now: Callable[[str], object],
        reinspect: Callable[[str], object],
    ) -> None:
        """`reinspect` has the PLEG ask the runtime about a pod by uid, whether or not a container changed its state.

        The other functions are AllocationManager's. Raises KubeletStartError for a record that cannot be read.
        """
        gates = node.gates
        self._kernel = kernel
        self._recorder = recorder
        self._metrics = metrics
        self._minor = node.minor
        self._is_on = gate_enabled(gates, "InPlacePodVerticalScaling")
        self._pod_level = gate_enabled(gates, "InPlacePodLevelResourcesVerticalScaling")
        self._uses_pod_level = gate_enabled(gates, "PodLevelResources")
        self._init_too = gate_enabled(gates, "InPlacePodVerticalScalingInitContainers")
        self.status = ResizeStatus(kernel, metrics)
        self.cgroups = PodCgroups(
            host_cgroups,
            is_on=node.cgroups_per_qos and node.os == "linux",
            version=node.cgroup_version,
            gates=gates,
            quota=node.cpu_quota,
        )
        self._actuated = ResourceRecords(host_files, f"{root_directory}/{ACTUATED_PODS}" if self._is_on else None)
        allocated = ResourceRecords(host_files, f"{root_directory}/{ALLOCATED_PODS}" if self._is_on else None)
        self.needs = ResizeNeeds(actuated=self._actuated, cgroups=self.cgroups, node=node)
        self.resizer = PodResizer(
            kernel,
            client,
            metrics,
            needs=self.needs,
            actuated=self._actuated,
            cgroups=self.cgroups,
            node=node,
            reinspect=reinspect,
        )
        self.reported = ReportedResources(self._actuated, gates=gates, processors=node.processors)
        self.allocation = AllocationManager(
            kernel,
            recorder,
            metrics,
            records=allocated,
            status=self.status,
            settings=_allocation_settings(node, answers),
            pod=pod,
            refusal=answers.admission_refusal,
            room_for_resize=answers.room_for_resize,
            sync_now=sync_now,
        )
        self._added: list[str] = []

    def stop(self) -> None:
        """The kubelet process ends."""
        self.allocation.stop()
        self._actuated.save()

    # -- what happens to pods -----------------------------------------------------------------------------------

    def added(self, pod: v1.Pod) -> None:
        """A pod was admitted. One that an earlier process knew may have a resize that waits."""
        if not self._is_on:
            return
        uid = pod.metadata.uid
        self.status.backfill(uid, status_view(pod.status).conditions)
        if self.allocation.wants_resize(pod):
            if not self._added:
                # Not before all pods of the same delivery are there: they hold resources.
                self._kernel.call_soon(self._all_added)
            self._added.append(uid)

    def _all_added(self) -> None:
        for uid in self._added:
            self.allocation.push(uid)
        self._added.clear()
        self.allocation.retry("pods_added")

    def updated(self, before: v1.Pod, pod: v1.Pod) -> None:
        """The spec of a pod changed."""
        if not self._is_on or not self._asks_for_resize(before, pod):
            return
        if self.allocation.wants_resize(pod):
            self.allocation.push(pod.metadata.uid)
            self.allocation.retry("pod_updated")
        else:
            # A resize that waited was taken back.
            self.status.clear_pending(pod.metadata.uid)

    def reconciled(self, before: v1.Pod, pod: v1.Pod) -> None:
        """Only the status of a pod changed: there may be more room now."""
        if not self._is_on or not self.allocation.has_pending:
            return
        terminal = {"Succeeded", "Failed"}
        if pod.status.phase in terminal and before.status.phase not in terminal:
            self.allocation.retry("pod_terminated")
        elif self._uses_less(before, pod):
            self.allocation.retry("pod_resized")

    def removed(self, uid: str) -> None:
        """A pod is gone from the API."""
        self.allocation.remove(uid)
        self.status.forget(uid)
        if self.allocation.has_pending:
            self.allocation.retry("pods_removed")

    def forget(self, uid: str) -> None:
        """Nothing of a pod is left in the runtime."""
        self.needs.forget(uid)
        self.cgroups.destroy(uid)

    def _asks_for_resize(self, before: v1.Pod, pod: v1.Pod) -> bool:
        found = False
        after = {one.name: one for one in resizable_containers(pod.spec, init_too=self._init_too)}
        for old in resizable_containers(before.spec, init_too=self._init_too):
            for resource, requirement, operation in resize_operations(
                amounts(old.resources), amounts(after[old.name].resources)
            ):
                found = True
                self._metrics.increase(
                    REQUESTED_RESIZES, resource=resource, requirement=requirement, operation=operation
                )
        return found or before.spec.resources != pod.spec.resources

    def _uses_less(self, before: v1.Pod, pod: v1.Pod) -> bool:
        old, new = (
            used_requests(self.allocation.allocated(one), uses_pod_level=self._uses_pod_level, by_level=self._pod_level)
            for one in (before, pod)
        )
        return new.cpu_request_milli < old.cpu_request_milli or new.memory_request_bytes < old.memory_request_bytes

    # -- what syncs do ------------------------------------------------------------------------------------------

    def sync_begins(self, pod: v1.Pod, runtime: RuntimePod) -> None:
        """Say whether a resize of the pod is being done, and that one is completed."""
        if not self._is_on:
            return
        uid = pod.metadata.uid
        if self.needs.is_in_progress(pod, runtime):
            self.status.set_in_progress(uid, generation=pod.metadata.generation)
            return
        generation = self.status.clear_in_progress(uid)
        if generation is not None:
            text = pod_resize_message(pod, COMPLETED, generation=generation)
            self._recorder.event(pod_reference(pod), "Normal", "ResizeCompleted", text)

    def ensure_cgroup(self, pod: v1.Pod) -> None:
        """The pod has a control group from its first sync on."""
        if self.cgroups.ensure(pod):
            self.needs.cgroup_created(pod)

    def failed(self, pod: v1.Pod, error: str) -> None:
        """The runtime did not take a resize, or the pod uses too much for it."""
        generation, is_news = self.status.set_in_progress(
            pod.metadata.uid, generation=pod.metadata.generation, reason=REASON_ERROR, message=error
        )
        if is_news and self._minor >= EVENTS_MINOR:
            text = pod_resize_message(pod, ERROR, generation=generation, error=error)
            self._recorder.event(pod_reference(pod), "Warning", "ResizeError", text)

    def conditions(self, pod: v1.Pod, *, is_terminal: bool) -> tuple[Condition, ...]:
        """The conditions for a status; a pod that has ended has none. Mirrors determinePodResizeStatus."""
        uid = pod.metadata.uid
        if is_terminal:
            self.status.forget(uid)
        return self.status.of(uid).listed


def _allocation_settings(node: NodeSettings, answers: NodeAnswers) -> AllocationSettings:
    return AllocationSettings(
        node=ResizeNode(
            os=node.os,
            cpu_manager_policy=node.cpu_manager_policy,
            memory_manager_policy=node.memory_manager_policy,
        ),
        swap=node.swap,
        allocatable=answers.allocatable,
        minor=node.minor,
        gates=node.gates,
    )
