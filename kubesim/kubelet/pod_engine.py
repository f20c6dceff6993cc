"""The pod engine: everything between a pod of the configuration and the runtime, composed and kept running.

Mirrors kubelet: pkg/kubelet/kubelet.go (HandlePodAdditions, HandlePodUpdates, HandlePodRemoves, HandlePodSyncs,
HandlePodCleanups, rejectPod, syncLoopIteration).
"""

from __future__ import annotations

from collections.abc import Coroutine, Iterator, Mapping, MutableMapping, Sequence
from typing import Any

from msgspec.structs import replace

from kubesim.cri.client import CriClient
from kubesim.kernel import Kernel
from kubesim.kubelet.active_deadline import ActiveDeadline
from kubesim.kubelet.active_pods import ActivePods
from kubesim.kubelet.container_hooks import ContainerHooks
from kubesim.kubelet.container_kill import ContainerKiller
from kubesim.kubelet.dead_containers import DeadContainers
from kubesim.kubelet.event_recorder import EventRecorder, node_reference
from kubesim.kubelet.event_reference import pod_reference
from kubesim.kubelet.image_manager import ImageManager
from kubesim.kubelet.image_pull_records import ImagePullRecords
from kubesim.kubelet.image_puller import PullLimits
from kubesim.kubelet.klog import Klog
from kubesim.kubelet.metrics import Metrics
from kubesim.kubelet.mirror_pods import MirrorPods
from kubesim.kubelet.node_answers import NodeAnswers
from kubesim.kubelet.node_settings import NodeSettings
from kubesim.kubelet.object_readers import readers_of_objects
from kubesim.kubelet.orphan_pods import OrphanPods
from kubesim.kubelet.outside import ApiClient, HostFiles, PodNetwork
from kubesim.kubelet.pleg_evented import plegs
from kubesim.kubelet.pod_cache import PodCache
from kubesim.kubelet.pod_changes import MirrorChanges, asks_for_readiness, asks_for_work, is_terminal
from kubesim.kubelet.pod_cleanup import PodCleanup
from kubesim.kubelet.pod_directories import PodDirectories
from kubesim.kubelet.pod_startup_latency import PodStartupLatency
from kubesim.kubelet.pod_sync import PodSync
from kubesim.kubelet.pod_views import is_static
from kubesim.kubelet.pod_workers import PodWorkers
from kubesim.kubelet.probe_manager import ProbeManager
from kubesim.kubelet.prober import Prober
from kubesim.kubelet.pull_secrets import PullSecrets
from kubesim.kubelet.resizing import Resizing
from kubesim.kubelet.runtime_classes import RuntimeClasses
from kubesim.kubelet.runtime_pods import RuntimePods
from kubesim.kubelet.runtime_setup import runtime_manager
from kubesim.kubelet.status_manager import StatusManager
from kubesim.kubelet.sync_loop import SyncLoop
from kubesim.kubelet.told_status import Surroundings
from kubesim.kubelet.user_namespaces import UserNamespaces
from kubesim.kubelet.volume_manager import VolumeManager
from kubesim.kubelet.work_metrics import CONTAINERS_PER_POD
from kubesim.model import k8s_v1 as v1
from kubesim.policy.admission import Rejection
from kubesim.policy.crash_loop_backoff import BackoffPolicy
from kubesim.policy.feature_gates import gate_enabled
from kubesim.policy.pleg_events import PlegEvent, PlegEventKind
from kubesim.policy.pod_cgroup import PodCgroup
from kubesim.policy.pod_view import PodPhase, PodStatusView, RuntimeState


class PodEngine:
    """Runs the pods of one kubelet process. A new process is a new engine over the same runtime and API."""

    def __init__(
        self,
        kernel: Kernel,
        client: CriClient,
        api: ApiClient,
        recorder: EventRecorder,
        host_files: HostFiles,
        node: NodeSettings,
        directories: PodDirectories,
        metrics: Metrics,
        user_namespaces: UserNamespaces,
        *,
        network: PodNetwork | None,
        klog: Klog,
        runtime_name: str,
        backoff_policy: BackoffPolicy,
        pull_limits: PullLimits,
        pull_records: ImagePullRecords | None,
        answers: NodeAnswers,
        host_cgroups: MutableMapping[str, PodCgroup],
    ) -> None:
        """`host_cgroups` are the pods' control groups on the host. Raises KubeletStartError."""
        self._kernel, self._recorder, self._api, self._node = kernel, recorder, api, node_reference(node.node_name)
        self._pods: dict[str, v1.Pod] = {}
        self.active = ActivePods(uses_pod_level=gate_enabled(node.gates, "PodLevelResources"))
        self.cache = PodCache()
        self.resizing = self._resizing(client, metrics, host_files, node, directories, answers, host_cgroups)
        told, could = self.resizing.reported, self._could_have_running_containers
        self.runtime_pods = RuntimePods(client, host_files, told, runtime_name=runtime_name, os=node.os)
        self.mirrors = MirrorPods(api, node_name=node.node_name, klog=klog)
        self.statuses = StatusManager(kernel, api, self.mirrors, gates=node.gates, could_have_running_containers=could)
        self.loop = self._sync_loop(klog, metrics, answers)
        pods, cache, tell = self.runtime_pods, self.cache, self.loop.pleg_event
        self.pleg, self.evented_pleg = plegs(kernel, client, pods, cache, tell, klog, metrics, gates=node.gates)
        hooks = ContainerHooks(kernel, client, recorder, self.runtime_pods, network, metrics, minor=node.minor)
        killer = self._killer = ContainerKiller(kernel, client, recorder, hooks)
        self._host_files, self._directories, self._user_namespaces = host_files, directories, user_namespaces
        self._environments, self._volumes = readers_of_objects(
            kernel, api, recorder, host_files, directories, node, answers, klog
        )
        self._volume_manager = VolumeManager(kernel, recorder, self._volumes)
        self._metrics, self._latency = metrics, PodStartupLatency(kernel, metrics)
        self._images = ImageManager(
            kernel, client, recorder, metrics, self._latency, limits=pull_limits, gates=node.gates, records=pull_records
        )
        self.probes = self._probe_manager(client, node, network, metrics)
        self._sync = self._pod_sync(client, hooks, node, answers, backoff_policy)
        self._deadline = ActiveDeadline(kernel, recorder, self.statuses)
        dead = DeadContainers(client, host_files)
        self.orphans = OrphanPods(kernel, recorder, self.runtime_pods, killer, dead, forget=self._forget_orphan)
        allocated, stopped, resync_ns = self.resizing.allocation.allocated, self.active.discard, node.sync_frequency_ns
        self.workers = PodWorkers(
            kernel, self.cache, self._sync, recorder, allocated=allocated, on_stopped=stopped, resync_ns=resync_ns
        )
        self.mirror_changes = MirrorChanges(self.mirrors, self.statuses, self.workers)
        self.cleanup = self._cleanup(dead)

    def _resizing(
        self,
        client: CriClient,
        metrics: Metrics,
        host_files: HostFiles,
        node: NodeSettings,
        directories: PodDirectories,
        answers: NodeAnswers,
        host_cgroups: MutableMapping[str, PodCgroup],
    ) -> Resizing:
        return Resizing(
            self._kernel,
            client,
            self._recorder,
            metrics,
            host_files,
            node,
            root_directory=directories.root,
            host_cgroups=host_cgroups,
            pod=self._pods.get,
            answers=answers,
            sync_now=self._sync_now,
            reinspect=lambda uid: self.pleg.request_reinspect(uid),  # noqa: PLW0108 - made after this
        )

    def _pod_sync(
        self,
        client: CriClient,
        hooks: ContainerHooks,
        node: NodeSettings,
        answers: NodeAnswers,
        backoff_policy: BackoffPolicy,
    ) -> PodSync:
        manager = runtime_manager(
            self._kernel,
            client,
            self._recorder,
            self.runtime_pods,
            self._images,
            self._killer,
            hooks,
            self._host_files,
            self._directories,
            node,
            self._metrics,
            self._user_namespaces,
            self._latency,
            self._volumes,
            self._environments,
            self.resizing,
            RuntimeClasses(get=self._api.get_runtime_class),
            backoff_policy=backoff_policy,
            on_sandbox_ready=lambda pod: self._sync.sandbox_ready(pod),  # noqa: PLW0108 - made after this
            is_termination_requested=lambda uid: self.workers.is_termination_requested(uid),  # noqa: PLW0108 - likewise
        )
        return PodSync(
            self._kernel,
            self._recorder,
            self.statuses,
            manager,
            self._killer,
            self.runtime_pods,
            self.cache,
            self.pleg,
            self._volume_manager,
            self._host_files,
            self._directories,
            node,
            self.probes,
            self._metrics,
            self.mirrors,
            user_namespaces=self._user_namespaces,
            pull_secrets=PullSecrets(self._api.get_secret, self._recorder),
            answers=answers,
            resizing=self.resizing,
        )

    def _sync_loop(self, klog: Klog, metrics: Metrics, answers: NodeAnswers) -> SyncLoop:
        return SyncLoop(
            self._kernel,
            klog=klog,
            metrics=metrics,
            errors=answers.runtime_errors,
            on_pleg_event=self._on_pleg_event,
            on_tick=self._tick,
            idle_until_ns=lambda: min(self._deadline.next_ns, self.workers.next_due_ns),
            well_until_ns=answers.well_until_ns,
            on_ticks_in_vain=lambda looks: self.pleg.checked_again(looks),  # noqa: PLW0108 - made after this
            pass_tick=self._pass_tick,
            on_housekeeping=self._housekeep,
        )

    def _cleanup(self, dead: DeadContainers) -> PodCleanup:
        return PodCleanup(
            self._kernel,
            self.workers,
            self.statuses,
            self.mirrors,
            self.orphans,
            self.pleg,
            self.cache,
            self.runtime_pods,
            self._volumes,
            dead,
            self._host_files,
            self._directories,
            self._metrics,
            self._recorder,
            self._node,
            pods=self._pods,
            forget=self._sync.forget,
            restart=self.add,
        )

    def _probe_manager(
        self, client: CriClient, node: NodeSettings, network: PodNetwork | None, metrics: Metrics
    ) -> ProbeManager:
        prober = Prober(self._kernel, client, self._recorder, network, minor=node.minor, gates=node.gates)
        return ProbeManager(self._kernel, prober, self.statuses, metrics, gates=node.gates, sync_pod=self._sync_known)

    @property
    def pods(self) -> Mapping[str, v1.Pod]:
        """The pods of the configuration by uid, as the API had them last."""
        return self._pods

    def shown(self, pod: v1.Pod) -> v1.Pod:
        """A pod as the kubelet itself shows it. The API server does not know the status of a static one."""
        status = self.statuses.published(pod.metadata.uid) if is_static(pod) else None
        return pod if status is None else replace(pod, status=status)

    def active_pods(self) -> list[v1.Pod]:
        """The active pods as they are now."""
        return list(self.active)

    async def wait_unmounted(self, uids: Sequence[str]) -> None:
        """Return once no volume of these pods is mounted: emulated volumes go with the last container."""
        for uid in uids:
            work = self.workers.work.get(uid)
            if work is not None:
                await work.containers_stopped.wait()

    def loops(self) -> Iterator[tuple[Coroutine[Any, Any, None], str]]:
        """What runs as long as the kubelet does, with its name."""
        yield self.pleg.run(), "pleg"
        if self.evented_pleg is not None:
            yield self.evented_pleg.run(), "evented pleg"
        yield self.loop.run(), "sync loop"
        yield self.cleanup.run_container_gc(), "container gc"

    def stop(self) -> None:
        """The kubelet process ends: nothing works for a pod any more, and the metrics stay as they are."""
        self._metrics.freeze()
        self.loop.stop()
        if self.evented_pleg is not None:
            self.evented_pleg.stop()
        self.cleanup.stop()
        self.workers.stop()
        self.probes.stop()
        self.statuses.stop()
        self._killer.stop()
        self.resizing.stop()
        self._volume_manager.stop()

    # -- configuration ------------------------------------------------------------------------------------------

    def add(self, pod: v1.Pod) -> None:
        """An admitted pod."""
        self._note(pod)
        if not is_terminal(pod):
            self.active.put(self.resizing.allocation.allocated(pod))
            self._metrics.observe(CONTAINERS_PER_POD, len(pod.spec.containers))
        self.workers.add(pod)
        self.resizing.added(pod)

    def _note(self, pod: v1.Pod) -> None:
        self._pods[pod.metadata.uid] = pod
        self._latency.pod_seen(pod)
        if is_static(pod):
            self.mirrors.add_static(pod)

    def reject(self, pod: v1.Pod, refusal: Rejection) -> None:
        """A pod that admission refused: Failed for good, without conditions and container statuses."""
        self._note(pod)
        self._recorder.event(pod_reference(pod), "Warning", refusal.reason, refusal.message)
        status = PodStatusView(phase=PodPhase.FAILED, reason=refusal.reason, message=refusal.status_message)
        self.statuses.set(pod, status, Surroundings(qos_class=pod.status.qos_class))

    def update(self, pod: v1.Pod) -> None:
        """A pod changed in the API: its spec, its labels, or that it is to be deleted.

        A change of nothing but the status is what this kubelet wrote itself, or a condition of somebody else's.
        """
        uid = pod.metadata.uid
        before = self._pods.get(uid)
        self._note(pod)
        if is_terminal(pod):
            self.active.discard(uid)
        elif uid in self.active:
            self.active.put(self.resizing.allocation.allocated(pod))
        self.statuses.stored(pod)
        self.workers.refresh(pod)
        if before is None or asks_for_work(before, pod) or asks_for_readiness(pod):
            if before is not None:
                self.resizing.updated(before, pod)
            self.workers.update(pod)
        else:
            self.resizing.reconciled(before, pod)
            self.cleanup.reconciled(pod)

    def remove(self, uid: str) -> None:
        """A pod is gone from the API, or its file from the node. What it left in the runtime is removed."""
        if self.mirror_changes.removed(uid):
            return
        pod = self._pods.pop(uid, None)
        self.active.discard(uid)
        self._latency.pod_gone(uid)
        self.resizing.removed(uid)
        if pod is not None and is_static(pod):
            self.mirrors.remove_static(pod)
        self.cleanup.removed(uid, pod)

    async def remove_ended_pods(self) -> None:
        """Remove the containers and sandboxes of pods that have ended, though the API still has them.

        Mirrors kubelet: pkg/kubelet/kuberuntime/kuberuntime_gc.go, GarbageCollect with evictNonDeletedPods.
        """
        for uid in list(self._pods):
            if self.workers.has_ended(uid):
                await self.cleanup.remove_ended(uid)

    # -- loops --------------------------------------------------------------------------------------------------

    def _tick(self) -> None:
        """Once a second: sync the pods whose time has come, and those past their deadline."""
        self.workers.tick()
        for uid in self._deadline.over(self._pods):
            if not self.workers.is_termination_requested(uid):
                self.workers.wake(uid)

    def _pass_tick(self) -> bool:
        """`_tick`, if all that it finds to do is in vain; whether it is."""
        is_over = self._kernel.now_ns >= self._deadline.next_ns
        return not is_over and self.workers.pass_tick(relisted_ns=self.pleg.relisted_before_now_ns())

    def _housekeep(self) -> None:
        self.resizing.cgroups.housekeep()
        self.cleanup.housekeeping()

    def _forget_orphan(self, pod: v1.Pod) -> None:
        self._user_namespaces.release(pod.metadata.uid)
        self._volumes.tear_down(pod)

    def _on_pleg_event(self, event: PlegEvent) -> None:
        if event.kind.asks_for_sync:
            self._sync_known(event.uid)
        if event.kind is PlegEventKind.DIED:
            self.cleanup.container_died(event.uid)

    def _sync_known(self, uid: str) -> None:
        """A probe or the PLEG asks for a sync; nobody syncs a pod that is gone from the configuration."""
        if uid in self._pods:
            self.workers.wake(uid)

    def _sync_now(self, uid: str) -> None:
        """A resize changed: sync the pod, and do not wait long for what comes of it. Mirrors syncPodNow."""
        if uid in self.active:
            self.active.put(self.resizing.allocation.allocated(self._pods[uid]))
        self._sync_known(uid)
        self._sync.request_relist(uid)

    def _could_have_running_containers(self, uid: str) -> bool:
        """Until the first housekeeping, a pod without a worker may be one of an earlier process."""
        if self.workers.could_have_running_containers(uid):
            return True
        states = {one.state for one in self.cache.get(uid).containers}
        return uid not in self.workers.work and not self.cleanup.has_looked and RuntimeState.RUNNING in states
