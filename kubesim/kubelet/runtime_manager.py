"""Brings the runtime to what a pod wants: one sync of sandbox, images and containers.

The plan comes from policy/pod_actions.py; this module carries it out in the kubelet's order.
Mirrors kubelet: pkg/kubelet/kuberuntime/kuberuntime_manager.go, SyncPod.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from kubesim.cri import api
from kubesim.cri.client import CriClient
from kubesim.cri.errors import CriError
from kubesim.kernel import Kernel
from kubesim.kubelet.container_kill import ContainerKiller, Kill, KillPodFailed
from kubesim.kubelet.container_start import ContainerStarter, PodStart, StartFailed
from kubesim.kubelet.dead_containers import DeadContainers
from kubesim.kubelet.event_recorder import EventRecorder
from kubesim.kubelet.event_reference import container_reference, pod_reference
from kubesim.kubelet.image_manager import ImageManager, ImageRequest
from kubesim.kubelet.metrics import (
    IMAGE_VOLUME_ERRORS,
    IMAGE_VOLUMES_MOUNTED,
    IMAGE_VOLUMES_REQUESTED,
    STARTED_CONTAINER_ERRORS,
    STARTED_CONTAINERS,
    STARTED_USER_NAMESPACED_POD_ERRORS,
    STARTED_USER_NAMESPACED_PODS,
    Metrics,
)
from kubesim.kubelet.node_settings import NodeSettings
from kubesim.kubelet.pod_resize import ResizeFailed, ResizeWork
from kubesim.kubelet.pod_startup_latency import PodStartupLatency
from kubesim.kubelet.resizing import Resizing
from kubesim.kubelet.runtime_pods import bare_id
from kubesim.kubelet.sandbox_start import SandboxStarter
from kubesim.kubelet.sync_error import SyncError
from kubesim.kubelet.volumes import ImageVolume
from kubesim.model import k8s_v1 as v1
from kubesim.model.frozen_records import replace
from kubesim.policy.crash_loop_backoff import BackoffEntry, BackoffPolicy, crash_loop_decision
from kubesim.policy.pod_actions import pod_actions
from kubesim.policy.pod_hostname import HostnameError
from kubesim.policy.pod_view import ContainerKind, PodView, ProbeState, RuntimePod, RuntimeState, Waiting
from kubesim.policy.pull_policy import ImageFailure
from kubesim.policy.qos import QosClass
from kubesim.policy.resize_plan import ContainerResize
from kubesim.policy.sync_plan import ActionInputs, ContainerToKill, KillReason, PodActions
from kubesim.policy.user_namespaces import UserNamespaceError


class SyncResult(Struct, kw_only=True):
    """What a sync did: whether anything, which containers started, why others did not, and when to try again.

    `held_back` of those wait for their back-off.
    `has_reset` says that containers were removed because all of the pod's are to start anew.
    """

    did_anything: bool = False
    has_reset: bool = False
    started: list[str] = []
    start_errors: dict[str, Waiting] = {}
    held_back: int = 0
    retry_at_ns: int | None = None
    resize_error: str = ""

    @property
    def is_in_vain(self) -> bool:
        """Whether there was nothing to start or to kill, but perhaps back-offs to wait for."""
        if self.started or self.resize_error or self.held_back < len(self.start_errors):
            return False
        return self.held_back > 0 or not self.did_anything

    def hold_back(self, name: str, waiting: Waiting, until_ns: int) -> None:
        """A container waits for its back-off."""
        self.start_errors[name] = waiting
        self.held_back += 1
        self.retry_at_ns = until_ns if self.retry_at_ns is None else min(self.retry_at_ns, until_ns)


class RuntimeManager:
    """Syncs pods with the runtime."""

    def __init__(
        self,
        kernel: Kernel,
        client: CriClient,
        recorder: EventRecorder,
        images: ImageManager,
        sandboxes: SandboxStarter,
        starter: ContainerStarter,
        killer: ContainerKiller,
        dead: DeadContainers,
        node: NodeSettings,
        metrics: Metrics,
        latency: PodStartupLatency,
        *,
        backoff_policy: BackoffPolicy,
        resizing: Resizing,
    ) -> None:
        self._kernel = kernel
        self._client = client
        self._recorder = recorder
        self._images = images
        self._sandboxes = sandboxes
        self._starter = starter
        self._killer = killer
        self._node = node
        self._metrics = metrics
        self._latency = latency
        self._dead = dead
        self._backoff_policy = backoff_policy
        self._resizing = resizing
        self._backoff: dict[tuple[str, ...], BackoffEntry] = {}

    @property
    def calls_begun(self) -> int:
        """How many calls of the runtime there were so far, but for those that list."""
        return self._client.calls_begun

    async def sync(
        self,
        pod: v1.Pod,
        view: PodView,
        runtime: RuntimePod,
        qos: QosClass,
        pull_secrets: Sequence[v1.Secret] = (),
        *,
        probes: Mapping[str, ProbeState],
        is_restarting_all: bool = False,
    ) -> SyncResult:
        """One sync; `probes` is the prober's state by container name.

        `is_restarting_all` is what the condition AllContainersRestarting of the status just generated says.

        Raises SyncError when the sandbox cannot be made or something cannot be killed.
        """
        resizes = self._resizing.needs.resizes(pod, runtime)
        actions = pod_actions(
            ActionInputs(
                pod=view,
                runtime=runtime,
                probes=probes,
                is_restarting_all=is_restarting_all,
                resizes=resizes,
                resizes_pod_level=self._resizing.needs.resizes_pod_level(pod),
                gates=self._node.gates,
            )
        )
        result = SyncResult(did_anything=not actions.is_empty, has_reset=_resets(actions))
        if actions.create_sandbox and actions.sandbox_id:
            self._recorder.event(
                pod_reference(pod),
                "Normal",
                "SandboxChanged",
                "Pod sandbox changed, it will be killed and re-created.",
            )
        if actions.ends_any:
            await self._kill(pod, view, runtime, actions)
        if view.init_containers:
            await self._dead.prune_init_containers(view, runtime)
        has_user_namespace = actions.create_sandbox and pod.spec.host_users is False
        if has_user_namespace:
            self._metrics.increase(STARTED_USER_NAMESPACED_PODS)
        try:
            if actions.create_sandbox:
                shown = await self._sandboxes.start(pod, runtime, attempt=actions.attempt, qos=qos)
                if shown is None:
                    return result
                runtime = shown
            start = self._prepare_start(pod, runtime, actions, qos, pull_secrets)
            await self._start_all(start, view, actions, resizes, result)
        except SyncError:
            if has_user_namespace:
                self._metrics.increase(STARTED_USER_NAMESPACED_POD_ERRORS)
            raise
        if has_user_namespace and result.start_errors:
            # Whatever failed in this sync: the kubelet does not look at why.
            self._metrics.increase(STARTED_USER_NAMESPACED_POD_ERRORS)
        return result

    async def _kill(self, pod: v1.Pod, view: PodView, runtime: RuntimePod, actions: PodActions) -> None:
        """Kill and remove what the plan says. Raises SyncError."""
        try:
            await self._kill_all(pod, view, runtime, actions)
        except KillPodFailed as error:
            raise SyncError(str(error)) from error
        except CriError as error:
            raise SyncError(f"failed to kill: {error.go_text}") from error

    async def _kill_all(self, pod: v1.Pod, view: PodView, runtime: RuntimePod, actions: PodActions) -> None:
        if actions.kill_pod:
            await self._killer.kill_pod(pod, view, runtime, None)
            if actions.create_sandbox:
                await self._dead.remove_init_containers(view, runtime)
            return
        by_id = {one.id: one for one in runtime.containers}
        for kill in actions.containers_to_kill:
            await self._killer.kill_container(
                pod,
                Kill(
                    container=by_id[kill.container_id],
                    message=kill.message,
                    reason=kill.reason,
                    probe_seconds=_probe_grace_seconds(pod, kill),
                ),
            )
        for reset in actions.containers_to_reset:
            if reset.is_killed:
                await self._killer.kill_container(
                    pod, Kill(container=by_id[reset.container_id], message="killing", override_seconds=0)
                )
            # Its log stays: it tells what the restart count goes on from.
            await self._client.remove_container(api.RemoveContainerRequest(container_id=bare_id(reset.container_id)))

    def _prepare_start(
        self,
        pod: v1.Pod,
        runtime: RuntimePod,
        actions: PodActions,
        qos: QosClass,
        pull_secrets: Sequence[v1.Secret],
    ) -> PodStart:
        """What every sync makes ready, whether or not anything has to be started. Raises SyncError."""
        try:
            user_namespace, config = self._sandboxes.config(pod, attempt=actions.attempt, qos=qos)
        except (HostnameError, UserNamespaceError) as error:
            name = f"{pod.metadata.name}_{pod.metadata.namespace}({pod.metadata.uid})"
            raise SyncError(f'GeneratePodSandboxConfig for pod "{name}" failed: {error}') from error
        return PodStart(
            pod=pod,
            pull_secrets=pull_secrets,
            runtime=runtime,
            qos=qos,
            sandbox_id=runtime.sandboxes[0].id if runtime.sandboxes else "",
            sandbox_config=config,
            pod_ips=(self._node.node_ip,) if pod.spec.host_network else runtime.addresses,
            user_namespace=user_namespace,
        )

    async def _with_image_volumes(self, start: PodStart) -> PodStart:
        """The same once the images of volumes are there, or it is known why not; every sync asks for them."""
        volumes: dict[str, ImageVolume] = {}
        failures: dict[str, ImageFailure] = {}
        for volume in start.pod.spec.volumes:
            if volume.image is None:
                continue
            result = await self._images.ensure(
                ImageRequest(
                    pod=start.pod,
                    image=volume.image.reference,
                    policy=volume.image.pull_policy,
                    reference=pod_reference(start.pod),
                    sandbox_config=start.sandbox_config,
                    pull_secrets=start.pull_secrets,
                )
            )
            if result.failure is not None:
                failures[volume.name] = result.failure
            else:
                reference = volume.image.reference
                volumes[volume.name] = ImageVolume(image_ref=result.image_ref, user_specified_image=reference)
        return replace(start, image_volumes=volumes, image_failures=failures)

    async def _start_all(
        self,
        start: PodStart,
        view: PodView,
        actions: PodActions,
        resizes: Mapping[str, ContainerResize],
        result: SyncResult,
    ) -> None:
        if view.image_volumes:
            start = await self._with_image_volumes(start)
        has_first = view.init_containers or view.ephemeral_containers
        if has_first and not await self._start_first(start, view, actions, result):
            return
        if actions.resizes:
            work = ResizeWork(pod=start.pod, runtime=start.runtime, actions=actions, resizes=resizes)
            result.resize_error = await self._resize(work)
        for container in start.pod.spec.containers:
            if container.name in actions.containers_to_start:
                await self._start(start, view, container, result)

    async def _resize(self, work: ResizeWork) -> str:
        """Why running containers do not have their new resources; empty when they have."""
        try:
            await self._resizing.resizer.resize(work)
        except ResizeFailed as error:
            return str(error)
        return ""

    async def _start_first(self, start: PodStart, view: PodView, actions: PodActions, result: SyncResult) -> bool:
        """Ephemeral and init containers; False when one that holds everything behind it did not start."""
        spec = start.pod.spec
        ephemeral = {one.name: one for one in spec.ephemeral_containers}
        init = {one.name: one for one in spec.init_containers}
        for name in actions.ephemeral_containers_to_start:
            await self._start(start, view, ephemeral[name], result)
        for name in actions.init_containers_to_start:
            started = await self._start(start, view, init[name], result)
            kind = next(one.kind for one in view.init_containers if one.name == name)
            if kind is not ContainerKind.INIT:
                # A sidecar that fails only misses.
                continue
            if not started:
                return False
            self._latency.init_began(start.pod.metadata.uid)
        for container in view.init_containers:
            ended = start.runtime.newest(container.name)
            if container.kind is ContainerKind.INIT and ended is not None and ended.state is RuntimeState.EXITED:
                self._latency.init_ended(start.pod.metadata.uid, ended.finished_at_ns)
        return True

    async def _start(
        self, start: PodStart, view: PodView, container: v1.Container | v1.EphemeralContainer, result: SyncResult
    ) -> bool:
        name = container.name
        key = _backoff_key(start.pod, container)
        decision = crash_loop_decision(
            view, name, start.runtime, self._backoff.get(key), self._backoff_policy, now_ns=self._kernel.now_ns
        )
        if decision.waiting is not None:
            reference = container_reference(start.pod, name)
            self._recorder.event(reference, "Warning", "BackOff", decision.event_message)
            result.hold_back(name, decision.waiting, decision.until_ns)
            return False
        if decision.entry is not None:
            self._backoff[key] = decision.entry
        kind = _container_type(start.pod, name)
        self._metrics.increase(STARTED_CONTAINERS, container_type=kind)
        try:
            self._starter.check_image_volumes(start, container)
        except StartFailed as error:
            # No start that failed for the metrics: the kubelet gives up before it counts.
            result.start_errors[name] = error.waiting
            return False
        failure = None
        try:
            await self._starter.start(start, container)
        except StartFailed as error:
            failure = error.waiting
            result.start_errors[name] = failure
            self._metrics.increase(STARTED_CONTAINER_ERRORS, container_type=kind, code=failure.reason)
        else:
            result.started.append(name)
        self._count_image_volumes(start, container, failure)
        return failure is None

    def _count_image_volumes(
        self, start: PodStart, container: v1.Container | v1.EphemeralContainer, failure: Waiting | None
    ) -> None:
        """A volume counts once for each container, and a mount each time. Mirrors incrementImageVolumeMetrics.

        A mount failed only when the runtime's text begins with ImageVolumeMountFailed; containerd's does not.
        """
        mounts = [mount.name for mount in container.volume_mounts if mount.name in start.image_volumes]
        has_failed = (
            failure is not None
            and failure.reason == "CreateContainerError"
            and failure.message.startswith("ImageVolumeMountFailed")
        )
        for _ in set(mounts):
            self._metrics.increase(IMAGE_VOLUMES_REQUESTED)
        for _ in mounts:
            self._metrics.increase(IMAGE_VOLUME_ERRORS if has_failed else IMAGE_VOLUMES_MOUNTED)


def _resets(actions: PodActions) -> bool:
    """Whether the sync removes containers to start all anew: not while it kills the pod."""
    return bool(actions.containers_to_reset) and not actions.kill_pod


def _probe_grace_seconds(pod: v1.Pod, kill: ContainerToKill) -> int | None:
    """terminationGracePeriodSeconds of the probe that failed; None when it has none, or no probe is the reason."""
    for container in (*pod.spec.containers, *pod.spec.init_containers):
        if container.name == kill.name:
            probes = {
                KillReason.STARTUP_PROBE: container.startup_probe,
                KillReason.LIVENESS_PROBE: container.liveness_probe,
            }
            probe = probes.get(kill.reason)
            return None if probe is None else probe.termination_grace_period_seconds
    return None


def _container_type(pod: v1.Pod, name: str) -> str:
    """The label of the metrics of container starts."""
    if any(one.name == name for one in pod.spec.init_containers):
        return "init_container"
    return "container" if any(one.name == name for one in pod.spec.containers) else "ephemeral_container"


def _backoff_key(pod: v1.Pod, container: v1.Container | v1.EphemeralContainer) -> tuple[str, ...]:
    """A change of image or resources starts the back-off anew. Mirrors GetBackoffKey."""
    resources: Mapping[str, object] = {"limits": container.resources.limits, "requests": container.resources.requests}
    meta = pod.metadata
    return (meta.name, meta.namespace, meta.uid, container.name, container.image, str(resources))
