"""The pod engine: everything between a pod of the configuration and the runtime, composed and kept running.

Mirrors kubelet: pkg/kubelet/kubelet.go (HandlePodAdditions, HandlePodUpdates, HandlePodRemoves, HandlePodSyncs,
HandlePodCleanups, rejectPod, syncLoopIteration).
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, MutableMapping, Sequence

from kubesim.cri.client import CriClient
from kubesim.kernel import Kernel
from kubesim.kubelet.active_deadline import ActiveDeadline
from kubesim.kubelet.active_pods import ActivePods
from kubesim.kubelet.container_config import ContainerConfigs
from kubesim.kubelet.container_garbage import ContainerGarbage, ignore_runtime_errors
from kubesim.kubelet.container_hooks import ContainerHooks
from kubesim.kubelet.container_kill import ContainerKiller
from kubesim.kubelet.container_start import ContainerStarter
from kubesim.kubelet.dead_containers import DeadContainers
from kubesim.kubelet.event_recorder import EventRecorder
from kubesim.kubelet.event_reference import pod_reference
from kubesim.kubelet.image_manager import ImageManager
from kubesim.kubelet.image_pull_records import ImagePullRecords
from kubesim.kubelet.klog import Klog
from kubesim.kubelet.metrics import Metrics
from kubesim.kubelet.node_answers import NodeAnswers
from kubesim.kubelet.object_readers import readers_of_objects
from kubesim.kubelet.orphan_pods import OrphanPods
from kubesim.kubelet.outside import ApiClient, HostFiles, PodNetwork
from kubesim.kubelet.pleg import Pleg
from kubesim.kubelet.pod_cache import PodCache
from kubesim.kubelet.pod_changes import asks_for_readiness, asks_for_work, is_terminal
from kubesim.kubelet.pod_directories import PodDirectories
from kubesim.kubelet.pod_startup_latency import PodStartupLatency
from kubesim.kubelet.pod_sync import PodSync
from kubesim.kubelet.pod_workers import PodWorkers
from kubesim.kubelet.probe_manager import ProbeManager
from kubesim.kubelet.prober import Prober
from kubesim.kubelet.pull_secrets import PullSecrets
from kubesim.kubelet.resizing import Resizing
from kubesim.kubelet.runtime_classes import RuntimeClasses
from kubesim.kubelet.runtime_manager import RuntimeManager
from kubesim.kubelet.runtime_pods import RuntimePods
from kubesim.kubelet.sandbox_config import NodeSettings
from kubesim.kubelet.sandbox_start import SandboxStarter
from kubesim.kubelet.status_manager import StatusManager, Surroundings
from kubesim.kubelet.sync_loop import SyncLoop
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

ORPHAN_GRACE_SECONDS = 1


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
        pull_records: ImagePullRecords | None,
        answers: NodeAnswers,
        host_cgroups: MutableMapping[str, PodCgroup],
    ) -> None:
        """`host_cgroups` are the pods' control groups on the host. Raises KubeletStartError."""
        self._kernel, self._recorder, self._api, self._metrics = kernel, recorder, api, metrics
        self._pods: dict[str, v1.Pod] = {}
        self.active = ActivePods(uses_pod_level=gate_enabled(node.gates, "PodLevelResources"))
        self.cache = PodCache()
        self.resizing = self._resizing(client, metrics, host_files, node, directories, answers, host_cgroups)
        self.runtime_pods = RuntimePods(
            client, host_files, self.resizing.reported, runtime_name=runtime_name, os=node.os
        )
        self.statuses = StatusManager(
            kernel, api, gates=node.gates, could_have_running_containers=self._could_have_running_containers
        )
        self.loop = self._sync_loop(klog, metrics, answers)
        self.pleg = Pleg(kernel, self.runtime_pods, self.cache, self.loop.pleg_event, klog=klog, metrics=metrics)
        hooks = ContainerHooks(kernel, client, recorder, self.runtime_pods, network, metrics, minor=node.minor)
        killer = self._killer = ContainerKiller(kernel, client, recorder, hooks)
        self._host_files, self._directories, self._user_namespaces = host_files, directories, user_namespaces
        self._environments, self._volumes = readers_of_objects(
            kernel, api, recorder, host_files, directories, node, answers, klog
        )
        self._volume_manager = VolumeManager(kernel, recorder, self._volumes)
        self._latency = PodStartupLatency(kernel, metrics)
        self._images = ImageManager(
            kernel, client, recorder, metrics, self._latency, gates=node.gates, records=pull_records
        )
        manager = self._runtime_manager(client, killer, hooks, host_files, node, directories, metrics, backoff_policy)
        self.probes = self._probe_manager(client, node, network, metrics)
        secrets = PullSecrets(api.get_secret, recorder)
        self._sync = self._pod_sync(manager, host_files, directories, node, metrics, secrets, answers)
        self._deadline = ActiveDeadline(kernel, recorder, self.statuses)
        self._dead = DeadContainers(client)
        self.orphans = OrphanPods(kernel, recorder, self.runtime_pods, killer, self._dead, forget=self._forget_orphan)
        allocated = self.resizing.allocation.allocated
        self.workers = PodWorkers(
            kernel, self.cache, self._sync, recorder, allocated=allocated, on_stopped=self.active.discard
        )
        self.garbage = ContainerGarbage(
            recorder, self.runtime_pods, self._dead, self.cache, self._pods, node.node_name, self.workers.has_ended
        )

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
        manager: RuntimeManager,
        host_files: HostFiles,
        directories: PodDirectories,
        node: NodeSettings,
        metrics: Metrics,
        pull_secrets: PullSecrets,
        answers: NodeAnswers,
    ) -> PodSync:
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
            host_files,
            directories,
            node,
            self.probes,
            metrics,
            user_namespaces=self._user_namespaces,
            pull_secrets=pull_secrets,
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
            idle_until=self._idle_until,
            on_housekeeping=self._housekeep,
        )

    def _probe_manager(
        self, client: CriClient, node: NodeSettings, network: PodNetwork | None, metrics: Metrics
    ) -> ProbeManager:
        prober = Prober(self._kernel, client, self._recorder, network, minor=node.minor, gates=node.gates)
        return ProbeManager(self._kernel, prober, self.statuses, metrics, gates=node.gates, sync_pod=self._sync_known)

    def _runtime_manager(
        self,
        client: CriClient,
        killer: ContainerKiller,
        hooks: ContainerHooks,
        host_files: HostFiles,
        node: NodeSettings,
        directories: PodDirectories,
        metrics: Metrics,
        backoff_policy: BackoffPolicy,
    ) -> RuntimeManager:
        kernel, recorder = self._kernel, self._recorder
        configs = ContainerConfigs(node, host_files, directories, self._volumes, self._environments)
        starter = ContainerStarter(
            kernel,
            client,
            recorder,
            self._images,
            configs,
            killer,
            hooks,
            host_files,
            directories,
            os=node.os,
            minor=node.minor,
            needs=self.resizing.needs,
        )
        sandboxes = SandboxStarter(
            client,
            recorder,
            self.runtime_pods,
            host_files,
            directories,
            node,
            metrics,
            self._user_namespaces,
            runtime_classes=RuntimeClasses(get=self._api.get_runtime_class),
            on_ready=lambda pod: self._sync.sandbox_ready(pod),  # noqa: PLW0108 - made after this
            is_termination_requested=lambda uid: self.workers.is_termination_requested(uid),  # noqa: PLW0108 - likewise
        )
        return RuntimeManager(
            kernel,
            client,
            recorder,
            self._images,
            sandboxes,
            starter,
            killer,
            node,
            metrics,
            self._user_namespaces,
            self._latency,
            backoff_policy=backoff_policy,
            resizing=self.resizing,
        )

    @property
    def pods(self) -> Mapping[str, v1.Pod]:
        """The pods of the configuration by uid, as the API had them last."""
        return self._pods

    def active_pods(self) -> list[v1.Pod]:
        """The active pods as they are now."""
        return list(self.active)

    async def wait_unmounted(self, uids: Sequence[str]) -> None:
        """Return once no volume of these pods is mounted: emulated volumes go with the last container."""
        for uid in uids:
            work = self.workers.work.get(uid)
            if work is not None:
                await work.containers_stopped.wait()

    def stop(self) -> None:
        """The kubelet process ends: nothing works for a pod any more, and the metrics stay as they are."""
        self._metrics.freeze()
        self.loop.stop()
        self.workers.stop()
        self.probes.stop()
        self.statuses.stop()
        self._killer.stop()
        self._volume_manager.stop()
        self.resizing.stop()

    # -- configuration ------------------------------------------------------------------------------------------

    def add(self, pod: v1.Pod) -> None:
        """An admitted pod."""
        self._pods[pod.metadata.uid] = pod
        self._latency.pod_seen(pod)
        if not is_terminal(pod):
            self.active.put(self.resizing.allocation.allocated(pod))
            self._metrics.observe(CONTAINERS_PER_POD, len(pod.spec.containers))
        self.workers.update(pod)
        self.resizing.added(pod)

    def reject(self, pod: v1.Pod, refusal: Rejection) -> None:
        """A pod that admission refused: Failed for good, without conditions and container statuses."""
        self._pods[pod.metadata.uid] = pod
        self._recorder.event(pod_reference(pod), "Warning", refusal.reason, refusal.message)
        status = PodStatusView(phase=PodPhase.FAILED, reason=refusal.reason, message=refusal.status_message)
        self.statuses.set(pod, status, Surroundings(qos_class=pod.status.qos_class))

    def update(self, pod: v1.Pod) -> None:
        """A pod changed in the API: its spec, its labels, or that it is to be deleted.

        A change of nothing but the status is what this kubelet wrote itself, or a condition of somebody else's.
        """
        uid = pod.metadata.uid
        before = self._pods.get(uid)
        self._pods[uid] = pod
        self._latency.pod_seen(pod)
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

    def remove(self, uid: str) -> None:
        """A pod is gone from the API. What it left in the runtime is removed."""
        pod = self._pods.pop(uid, None)
        self.active.discard(uid)
        self._latency.pod_gone(uid)
        self.statuses.forget(uid)
        self.resizing.removed(uid)
        work = self.workers.work.get(uid)
        if work is not None and not work.is_finished:
            # Deleted by force: the containers get a moment of grace as orphans.
            self.workers.kill(uid, grace_seconds=ORPHAN_GRACE_SECONDS)
        self._kernel.spawn(self._clean_up(uid, pod), name=f"clean up {uid}").watch(ignore_runtime_errors)

    async def _clean_up(self, uid: str, pod: v1.Pod | None) -> None:
        work = self.workers.work.get(uid)
        if work is not None:
            await work.containers_stopped.wait()
        self._sync.forget(uid)
        try:
            await self._dead.remove_pod(await self.runtime_pods.pod_status(uid))
            if pod is not None:
                self._volumes.tear_down(pod)
        finally:
            # When the runtime refused, the pod's directory is still there, and housekeeping ends the rest as an orphan.
            self.workers.drop(uid)

    # -- loops --------------------------------------------------------------------------------------------------

    def _tick(self) -> None:
        """Once a second: sync the pods whose time has come, and those past their deadline."""
        self.workers.tick()
        for uid, pod in self._pods.items():
            if self._deadline.is_past(pod) and not self.workers.is_termination_requested(uid):
                self.workers.wake(uid)

    def _idle_until(self) -> int:
        """When a tick has something to do next, if nothing happens until then."""
        has_deadline = any(pod.spec.active_deadline_seconds is not None for pod in self._pods.values())
        return 0 if has_deadline else self.workers.next_due_ns or sys.maxsize

    def _housekeep(self) -> None:
        """Every two seconds: end what no worker knows. Mirrors HandlePodCleanups."""
        self.resizing.cgroups.housekeep()
        for uid in self.pleg.uids:
            is_known = uid in self._pods or uid in self.workers.work
            if not is_known and self._host_files.kind(self._directories.pod(uid)) == "directory":
                self.orphans.end(uid)

    def _forget_orphan(self, pod: v1.Pod) -> None:
        self._user_namespaces.release(pod.metadata.uid)
        self._volumes.tear_down(pod)

    def _on_pleg_event(self, event: PlegEvent) -> None:
        if event.kind.asks_for_sync:
            self._sync_known(event.uid)
        if event.kind is PlegEventKind.DIED and event.uid in self._pods:
            self._kernel.spawn(self.garbage.remove_older(event.uid), name=f"remove dead containers of {event.uid}")

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
        if self.workers.could_have_running_containers(uid):
            return True
        states = {one.state for one in self.cache.get(uid).containers}
        return uid not in self.workers.work and RuntimeState.RUNNING in states
