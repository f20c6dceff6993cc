"""What a pod worker does in each of its states: sync, terminating, terminated.

Mirrors kubelet: pkg/kubelet/kubelet.go (SyncPod, SyncTerminatingPod, SyncTerminatedPod, OnPodSandboxReady).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from msgspec import Struct

from kubesim.cri.errors import CriError
from kubesim.kernel import Kernel, checkpoint
from kubesim.kubelet.active_deadline import ActiveDeadline
from kubesim.kubelet.container_kill import ContainerKiller, KillPodFailed
from kubesim.kubelet.container_resources import pod_qos
from kubesim.kubelet.event_correlator import Said
from kubesim.kubelet.event_recorder import EventRecorder
from kubesim.kubelet.event_reference import pod_reference
from kubesim.kubelet.metrics import Metrics
from kubesim.kubelet.mirror_pods import MirrorPods
from kubesim.kubelet.node_answers import NodeAnswers
from kubesim.kubelet.node_settings import NodeSettings
from kubesim.kubelet.outside import HostFiles
from kubesim.kubelet.pleg import Pleg, keep_ips
from kubesim.kubelet.pod_cache import PodCache
from kubesim.kubelet.pod_directories import PodDirectories
from kubesim.kubelet.pod_views import others_view, phase_of, pod_view, status_view
from kubesim.kubelet.pod_work import PodWork
from kubesim.kubelet.probe_manager import ProbeManager
from kubesim.kubelet.published_resources import container_resource_fields, pod_resource_fields
from kubesim.kubelet.pull_secrets import PullSecrets
from kubesim.kubelet.resizing import Resizing
from kubesim.kubelet.runtime_manager import RuntimeManager, SyncResult
from kubesim.kubelet.runtime_pods import RuntimePods
from kubesim.kubelet.status_generation import GenerationInputs, generate_pod_status, ready_to_start_containers
from kubesim.kubelet.status_manager import StatusManager
from kubesim.kubelet.sync_error import SyncError
from kubesim.kubelet.told_status import Surroundings
from kubesim.kubelet.user_namespaces import UserNamespaces
from kubesim.kubelet.vain_sync import VainSync
from kubesim.kubelet.volume_manager import VolumeManager
from kubesim.kubelet.work_metrics import POD_START_DURATION
from kubesim.model import k8s_v1 as v1
from kubesim.model.frozen_records import replace
from kubesim.policy.feature_gates import gate_enabled
from kubesim.policy.pod_conditions import ALL_CONTAINERS_RESTARTING, owned_types
from kubesim.policy.pod_view import PodPhase, PodStatusView, PodView, RuntimePod, RuntimeState, Waiting
from kubesim.policy.restart import all_containers_could_restart
from kubesim.policy.settled_status import is_settled

SECOND_NS = 10**9
NO_ERRORS: Mapping[str, Waiting] = MappingProxyType({})


class _Begun(Struct, frozen=True, kw_only=True):
    """How things were when a sync began, and which Events it has had since it told the status."""

    said: list[Said]
    calls: int
    writes_scheduled: int
    start_errors: Mapping[str, Waiting]


class PodSync:
    """Carries out the three steps of pod workers."""

    def __init__(
        self,
        kernel: Kernel,
        recorder: EventRecorder,
        statuses: StatusManager,
        manager: RuntimeManager,
        killer: ContainerKiller,
        runtime_pods: RuntimePods,
        cache: PodCache,
        pleg: Pleg,
        volumes: VolumeManager,
        host_files: HostFiles,
        directories: PodDirectories,
        node: NodeSettings,
        probes: ProbeManager,
        metrics: Metrics,
        mirrors: MirrorPods,
        *,
        user_namespaces: UserNamespaces,
        pull_secrets: PullSecrets,
        answers: NodeAnswers,
        resizing: Resizing,
    ) -> None:
        self._kernel = kernel
        self._recorder = recorder
        self._statuses = statuses
        self._manager = manager
        self._killer = killer
        self._runtime_pods = runtime_pods
        self._cache = cache
        self._pleg = pleg
        self._volumes = volumes
        self._host_files = host_files
        self._directories = directories
        self._node = node
        self._probes = probes
        self._metrics = metrics
        self._mirrors = mirrors
        self._user_namespaces = user_namespaces
        self._pull_secrets = pull_secrets
        self._answers = answers
        self._resizing = resizing
        self._owned_types = owned_types(node.gates)
        self._deadline = ActiveDeadline(kernel, recorder, statuses)
        # The kubelet's reason cache: why containers did not start, by pod uid and name.
        self._start_errors: dict[str, Mapping[str, Waiting]] = {}

    async def sync_pod(self, work: PodWork, runtime: RuntimePod) -> bool:
        """One sync; True when the pod is done for good. Raises SyncError."""
        pod, before, work.in_vain = work.pod, work.in_vain, None
        # The event that woke the worker is the only one since.
        if before is not None and not before.is_untouched(pod, self._kernel.activity - 1):
            before = None
        again = before.at(pod, self._statuses, self._kernel.now_ns) if before is not None else None
        if again is not None:
            work.in_vain = again
            again.repeat(self._recorder)
            return False
        begun = _Begun(
            said=[],
            calls=self._manager.calls_begun,
            writes_scheduled=self._statuses.writes_scheduled,
            start_errors=self._start_errors.get(pod.metadata.uid, NO_ERRORS),
        )
        # Of a sync during which something else happens this hears too much or too little; but it is not in vain.
        self._recorder.heard = begun.said
        try:
            return await self._sync_pod(work, runtime, begun, before)
        finally:
            self._recorder.heard = None

    def in_vain(self, work: PodWork) -> VainSync | None:
        """What a sync of the pod would do now, if that is in vain."""
        before = work.in_vain
        # Who changes more of a pod than its status asks for work.
        if before is None or work.pending is not None or not before.is_current(self._kernel.activity):
            return None
        return before.at(work.newest, self._statuses, self._kernel.now_ns)

    async def _sync_pod(self, work: PodWork, runtime: RuntimePod, begun: _Begun, before: VainSync | None) -> bool:
        """`before` is the last sync, if that was in vain and the pod is untouched since."""
        pod = work.pod
        uid = pod.metadata.uid
        shown = before is not None and before.shows_same(pod, self._statuses, self._kernel.now_ns)
        status = (self._statuses.get(uid) if shown else None) or self._show(work, runtime)
        if status.phase is not None and status.phase.is_terminal:
            return True
        view = pod_view(pod)
        is_restarting_all = _is_restarting_all(view, status)
        begun.said.clear()
        network_error = self._answers.network_error()
        if network_error and not pod.spec.host_network:
            text = f"network is not ready: {network_error}"
            self._recorder.event(pod_reference(pod), "Warning", "NetworkNotReady", text)
            raise SyncError(text, is_network_not_ready=True)
        if before is not None and before.waits(self._kernel.now_ns) and before.is_restarting_all == is_restarting_all:
            writes = self._statuses.writes_scheduled - begun.writes_scheduled
            settles = writes > 0 and self._is_settled(pod, runtime, status)
            work.in_vain = before.with_status(pod, writes=writes, is_settled=settles)
            work.in_vain.repeat(self._recorder)
            return False
        is_mirrored = self._mirrors.reconcile(pod)
        self._resizing.ensure_cgroup(pod)
        self._host_files.make_dirs(self._directories.pod(uid))
        work.is_interruptible = True
        try:
            await self._volumes.wait(pod)
        finally:
            work.is_interruptible = False
        pull_secrets = self._pull_secrets.of(pod)
        self._probes.add_pod(pod)
        result = await self._manager.sync(
            pod,
            view,
            runtime,
            pod_qos(pod, self._node.gates),
            pull_secrets,
            probes=self._probes.states(uid, runtime),
            is_restarting_all=is_restarting_all,
        )
        self._remember(uid, result)
        if result.resize_error:
            self._resizing.failed(pod, result.resize_error)
        # Once all is removed, the next sync starts it again, and no event of the runtime need ask for that sync.
        work.is_wanted_again = result.has_reset and not result.start_errors
        if result.start_errors:
            names = ", ".join(f'"{name}" with {waiting.reason}' for name, waiting in result.start_errors.items())
            text = f"failed to start containers: {names}"
            if not is_mirrored:
                self._note_in_vain(
                    work, runtime, status, result, begun, error=text, is_restarting_all=is_restarting_all
                )
            raise SyncError(text, retry_at_ns=result.retry_at_ns)
        if result.resize_error:
            raise SyncError(f"ResizePodInPlaceError: {result.resize_error}")
        if result.did_anything:
            self.request_relist(uid)
        elif not is_mirrored:
            self._note_in_vain(work, runtime, status, result, begun, is_restarting_all=is_restarting_all)
        return False

    def _show(self, work: PodWork, runtime: RuntimePod) -> PodStatusView:
        """The first part of a sync: the status is made, and told if it is another one."""
        pod = work.pod
        uid = pod.metadata.uid
        self._resizing.sync_begins(pod, runtime)
        status, before = self._generate(pod, runtime, is_terminal=False), self._statuses.get(uid)
        self._statuses.set(pod, status, self._surroundings(pod, runtime))
        is_over = status.phase is not None and status.phase.is_terminal
        if not is_over and (before is None or (before.phase, status.phase) == (PodPhase.PENDING, PodPhase.RUNNING)):
            # A pod counts when it is first seen, too: after no time.
            self._metrics.observe(POD_START_DURATION, (self._kernel.now_ns - work.seen_ns) / SECOND_NS)
        return status

    def _is_settled(self, pod: v1.Pod, runtime: RuntimePod, status: PodStatusView) -> bool:
        return is_settled(pod_view(pod), runtime, status, api_phase=phase_of(pod.status))

    def _note_in_vain(
        self,
        work: PodWork,
        runtime: RuntimePod,
        status: PodStatusView,
        result: SyncResult,
        begun: _Begun,
        *,
        is_restarting_all: bool,
        error: str = "",
    ) -> None:
        """The next sync is like this one, if it was in vain and nothing happens until then."""
        if not result.is_in_vain or self._manager.calls_begun != begun.calls:
            return
        pod, writes = work.pod, self._statuses.writes_scheduled - begun.writes_scheduled
        meta = pod.metadata
        has_new_errors = self._start_errors.get(meta.uid, NO_ERRORS) != begun.start_errors
        work.in_vain = VainSync(
            events=tuple(begun.said),
            error=error,
            retry_at_ns=result.retry_at_ns,
            deadline_ns=self._deadline.end_ns(pod),
            is_news=writes > 0 or has_new_errors,
            is_settled=writes > 0 and not has_new_errors and self._is_settled(pod, runtime, status),
            is_restarting_all=is_restarting_all,
            writes=writes,
            resource_version=meta.resource_version,
            spec=pod.spec,
            labels=meta.labels,
            annotations=meta.annotations,
        )

    def request_relist(self, uid: str) -> None:
        """Have the PLEG look at a pod at once, where the kubelet can: else its next relist does."""
        if gate_enabled(self._node.gates, "PLEGOnDemandRelist"):
            self._pleg.request_relist(uid)

    async def sync_terminating_pod(self, work: PodWork, runtime: RuntimePod) -> None:
        """Stop the pod's containers and sandboxes; its status is terminal afterwards. Raises SyncError."""
        pod, uid = work.pod, work.pod.metadata.uid
        status = self._generate(pod, runtime, is_terminal=False)
        if work.status_func is not None:
            status = work.status_func(pod_view(pod), status, self._node.gates)
        self._statuses.set(pod, status, self._surroundings(pod, runtime))
        self._probes.stop_liveness_and_startup(pod)
        try:
            await self._killer.kill_pod(pod, pod_view(pod), runtime, work.grace_seconds)
            # Whatever is left to kill, the runtime is asked what became of it, and meanwhile the status is written.
            await checkpoint()
            self._probes.remove_pod(uid)
            after = await self._runtime_pods.pod_status(uid)
        except KillPodFailed as error:
            self._recorder.event(pod_reference(pod), "Warning", "FailedKillPod", f"error killing pod: {error}")
            raise SyncError(f"error killing terminating pod: {error}") from error
        except CriError as error:
            raise SyncError(f"unable to read pod status prior to final pod termination: {error.go_text}") from error
        running = [one.name for one in after.containers if one.state is RuntimeState.RUNNING]
        if running:
            raise SyncError(
                f"detected running containers after a successful KillPod, CRI violation: [{' '.join(running)}]"
            )
        self._resizing.cgroups.containers_ended(uid)
        after = keep_ips(runtime, after)
        self._statuses.set(pod, self._generate(pod, after, is_terminal=True), self._surroundings(pod, after))
        # Nothing of the pod can run any more, so its volumes are no longer wanted, whether or not they ever came.
        self._volumes.forget(uid)

    async def sync_terminated_pod(self, pod: v1.Pod, runtime: RuntimePod) -> None:
        """Write the last status and release what the pod held."""
        uid = pod.metadata.uid
        runtime = keep_ips(self._cache.get(uid), runtime)
        status = self._generate(pod, runtime, is_terminal=True)
        self._statuses.set(pod, status, self._surroundings(pod, runtime))
        self._volumes.forget(uid)
        self._resizing.cgroups.destroy(uid)
        self._user_namespaces.release(uid)
        self._statuses.terminate(pod)

    def status_unknown(self, pod: v1.Pod, error: Exception) -> None:
        """The runtime listed the pod, and failed when it was asked about it."""
        reason = error.go_text if isinstance(error, CriError) else str(error)
        self._recorder.event(pod_reference(pod), "Warning", "FailedSync", f"error determining status: {reason}")

    def sandbox_ready(self, pod: v1.Pod) -> None:
        """The sandbox is up: since 1.36 the condition is written before any image is pulled."""
        if not gate_enabled(self._node.gates, "PLEGOnDemandRelist"):
            return
        cached = self._statuses.get(pod.metadata.uid)
        changed = None if cached is None else ready_to_start_containers(pod_view(pod), cached, self._node.gates)
        if changed is not None:
            self._statuses.set(pod, changed)

    def forget(self, uid: str) -> None:
        """Drop what is remembered about a pod."""
        self._probes.remove_pod(uid)
        self._start_errors.pop(uid, None)
        self._volumes.forget(uid)
        self._resizing.forget(uid)
        self._user_namespaces.release(uid)

    def _generate(self, pod: v1.Pod, runtime: RuntimePod, *, is_terminal: bool) -> PodStatusView:
        uid = pod.metadata.uid
        status = generate_pod_status(
            GenerationInputs(
                pod=pod_view(pod),
                runtime=runtime,
                old=self._statuses.get(uid) or status_view(pod.status),
                stored=others_view(pod.status, self._owned_types),
                start_errors=self._start_errors.get(uid, NO_ERRORS),
                is_terminal=is_terminal,
                resize=self._resizing.conditions(pod, is_terminal=is_terminal),
                gates=self._node.gates,
                probes=self._probes.states(uid, runtime),
                kubelet=self._probes.kubelet_start(pod),
                trigger_readiness=lambda name: self._probes.trigger_readiness(uid, name),
                runtime_supports_rro=self._answers.supports_rro(),
                fixes=self._node.fixes,
                deadline=self._deadline.check(pod),
            )
        )
        if self._node.os != "linux":
            status = _without_users(status)
        return status

    def _surroundings(self, pod: v1.Pod, runtime: RuntimePod) -> Surroundings:
        gates = self._node.gates
        old, shown = self._statuses.get(pod.metadata.uid), self._statuses.surroundings(pod)
        allocated, resources = pod_resource_fields(
            pod,
            old_phase=old.phase if old is not None else status_view(pod.status).phase,
            shown=shown.resources,
            cgroup=self._resizing.cgroups.read(pod.metadata.uid),
            gates=gates,
        )
        return Surroundings(
            pod_ips=(self._node.node_ip,) if pod.spec.host_network else runtime.addresses,
            host_ips=(self._node.node_ip,),
            qos_class=pod_qos(pod, gates),
            containers=container_resource_fields(
                pod, runtime, old=old or status_view(pod.status), shown=shown.containers, gates=gates
            ),
            allocated_resources=allocated,
            resources=resources,
        )

    def _remember(self, uid: str, result: SyncResult) -> None:
        errors = {**self._start_errors.pop(uid, {}), **result.start_errors}
        for name in result.started:
            errors.pop(name, None)
        if errors:
            self._start_errors[uid] = errors


def _is_restarting_all(pod: PodView, status: PodStatusView) -> bool:
    if not all_containers_could_restart(pod):
        return False  # The kubelet writes the condition only of a pod that could.
    restarting = status.condition(ALL_CONTAINERS_RESTARTING)
    return restarting is not None and restarting.status == "True"


def _without_users(status: PodStatusView) -> PodStatusView:
    """A Windows node never shows containerStatuses[].user."""
    return replace(
        status,
        container_statuses=tuple(replace(one, user=None) for one in status.container_statuses),
        init_container_statuses=tuple(replace(one, user=None) for one in status.init_container_statuses),
        ephemeral_container_statuses=tuple(replace(one, user=None) for one in status.ephemeral_container_statuses),
    )
