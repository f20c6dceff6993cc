"""Starts one container: image, configuration, CreateContainer, StartContainer, postStart.

Every failure becomes the waiting state of the container, and an event.
Mirrors kubelet: pkg/kubelet/kuberuntime/kuberuntime_container.go, startContainer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from msgspec import Struct

from kubesim.cri import api, methods
from kubesim.cri.client import CriClient
from kubesim.cri.errors import CriError
from kubesim.errors import KubesimError
from kubesim.kernel import Kernel
from kubesim.kubelet.container_config import AnyContainer, ContainerConfigs, ContainerRequest
from kubesim.kubelet.container_hooks import ContainerHooks, HookFailed
from kubesim.kubelet.container_kill import ContainerKiller, Kill
from kubesim.kubelet.event_recorder import EventRecorder
from kubesim.kubelet.event_reference import EventReference, container_reference
from kubesim.kubelet.image_manager import ImageManager, ImageRequest
from kubesim.kubelet.last_made import LastMade
from kubesim.kubelet.outside import HostFiles
from kubesim.kubelet.pod_directories import PodDirectories
from kubesim.kubelet.resize_needs import ResizeNeeds
from kubesim.kubelet.runtime_pods import bare_id
from kubesim.kubelet.volumes import ContainerConfigError, ImageVolume
from kubesim.model import k8s_v1 as v1
from kubesim.model.frozen_records import replace
from kubesim.policy.container_events import created_text, started_text
from kubesim.policy.pod_view import RuntimeContainer, RuntimePod, RuntimeState, Waiting
from kubesim.policy.pull_policy import ImageFailure
from kubesim.policy.qos import QosClass
from kubesim.policy.sync_plan import KillReason


class StartFailed(KubesimError):
    """A container did not start; `waiting` is what its status shows."""

    def __init__(self, waiting: Waiting) -> None:
        super().__init__(f"{waiting.reason}: {waiting.message}")
        self.waiting = waiting


class PodStart(Struct, frozen=True, kw_only=True):
    """What all container starts of one sync share.

    `image_volumes` are those whose image is there, `image_failures` why that of others is not, both by volume name.
    """

    pod: v1.Pod
    pull_secrets: Sequence[v1.Secret]
    runtime: RuntimePod
    qos: QosClass
    sandbox_id: str
    sandbox_config: Callable[[], api.PodSandboxConfig]
    pod_ips: tuple[str, ...]
    user_namespace: api.UserNamespace | None
    image_volumes: Mapping[str, ImageVolume] = {}
    image_failures: Mapping[str, ImageFailure] = {}


class ContainerStarter:
    """Starts containers of pods on one node."""

    def __init__(
        self,
        kernel: Kernel,
        client: CriClient,
        recorder: EventRecorder,
        images: ImageManager,
        configs: ContainerConfigs,
        killer: ContainerKiller,
        hooks: ContainerHooks,
        host_files: HostFiles,
        directories: PodDirectories,
        *,
        minor: int,
        needs: ResizeNeeds,
    ) -> None:
        self._kernel = kernel
        self._client = client
        self._recorder = recorder
        self._images = images
        self._configs = configs
        self._killer = killer
        self._hooks = hooks
        self._host_files = host_files
        self._directories = directories
        self._minor = minor
        self._needs = needs
        self._last_users = LastMade[bytes, tuple[int | None, str]]()

    async def start(self, start: PodStart, container: AnyContainer) -> None:
        """Start one container, whose image volumes are there (`check_image_volumes`). Raises StartFailed."""
        reference = container_reference(start.pod, container.name)
        image_ref = await self._ensure_image(start, container, reference)
        created = await self._create(start, container, image_ref)
        self._recorder.event(reference, "Normal", "Created", created_text(container.name, minor=self._minor))
        try:
            await self._client.start_container(api.StartContainerRequest(container_id=created.container_id))
        except CriError as error:
            raise self._failed(start, container, "RunContainerError", error.message, created.container_id) from error
        self._recorder.event(reference, "Normal", "Started", started_text(container.name, minor=self._minor))
        await self._post_start(start, container, created.container_id)

    async def _create(self, start: PodStart, container: AnyContainer, image_ref: str) -> api.CreateContainerResponse:
        try:
            # Nobody but the call holds the request, which takes more memory than the container will.
            creation = self._client.create_container(await self._request(start, container, image_ref))
        except (ContainerConfigError, CriError) as error:
            text = error.message if isinstance(error, CriError) else str(error)
            raise self._failed(start, container, "CreateContainerConfigError", text) from error
        self._needs.container_created(start.pod, container, container.resources)
        try:
            return await creation
        except CriError as error:
            raise self._failed(start, container, "CreateContainerError", error.message) from error

    def check_image_volumes(self, start: PodStart, container: AnyContainer) -> None:
        """The last failed image volume that the container mounts is why it waits. Raises StartFailed."""
        failure = None
        for mount in container.volume_mounts:
            found = start.image_failures.get(mount.name)
            if found is not None:
                failure = found
                self._event_of(start, container, found)
        if failure is not None:
            raise StartFailed(failure.waiting)

    async def _ensure_image(self, start: PodStart, container: AnyContainer, reference: EventReference) -> str:
        result = await self._images.ensure(
            ImageRequest(
                pod=start.pod,
                image=container.image,
                policy=container.image_pull_policy,
                reference=reference,
                sandbox_config=start.sandbox_config,
                pull_secrets=start.pull_secrets,
            )
        )
        if result.failure is not None:
            self._event_of(start, container, result.failure)
            raise StartFailed(result.failure.waiting)
        return result.image_ref

    async def _request(self, start: PodStart, container: AnyContainer, image_ref: str) -> api.CreateContainerRequest:
        """Mirrors generateContainerConfig: what the pod lacks comes before what its image is. Raises CriError too."""
        request = ContainerRequest(
            pod=start.pod,
            container=container,
            attempt=self._next_attempt(start, container.name),
            qos=start.qos,
            image_ref=image_ref,
            pod_ips=start.pod_ips,
            image_volumes=start.image_volumes,
            target_container_id=self._target(start, container),
            user_namespace=start.user_namespace,
            unique=self._kernel.ids.hex(8),
        )
        options = self._configs.options(request)
        uid, username = await self._image_user(container.image)
        config = self._configs.build(replace(request, image_uid=uid, image_username=username), options)
        return api.CreateContainerRequest(
            pod_sandbox_id=start.sandbox_id, config=config, sandbox_config=start.sandbox_config()
        )

    async def _image_user(self, image: str) -> tuple[int | None, str]:
        """The user of an image by uid, else by name; one without any is root's."""
        self._client.calls_begun += 1
        question = api.ImageStatusRequest(image=api.ImageSpec(image=image))
        answer = await self._client.call_encoded(methods.IMAGE_STATUS, question)
        known = self._last_users.get(image, answer)
        if known is None:
            known = _user(api.ImageStatusResponse.FromString(answer).image)
            self._last_users.put(image, answer, known)
        return known

    def _next_attempt(self, start: PodStart, name: str) -> int:
        """The restart count: one more than the newest, else one more than the highest log, else 0."""
        newest = start.runtime.newest(name)
        if newest is not None:
            return newest.restart_count + 1
        folder = self._directories.container_logs(start.pod, name)
        logs = self._host_files.list_dir(folder) if self._host_files.kind(folder) == "directory" else []
        numbers = [int(stem) for stem in (log.partition(".log")[0] for log in logs) if stem.isdecimal()]
        return max(numbers) + 1 if numbers else 0

    def _target(self, start: PodStart, container: AnyContainer) -> str:
        """The id of the newest container of the wanted name, in whatever state: the runtime says what it makes of it.

        Mirrors startSpec.getTargetID. Raises ContainerConfigError.
        """
        wanted = getattr(container, "target_container_name", "")
        if not wanted:
            return ""
        target = start.runtime.newest(wanted)
        if target is None:
            raise ContainerConfigError(f"unable to find target container {wanted}")
        return bare_id(target.id)

    async def _post_start(self, start: PodStart, container: AnyContainer, container_id: str) -> None:
        handler = container.lifecycle.post_start if container.lifecycle is not None else None
        if handler is None:
            return
        try:
            await self._hooks.run(start.pod, container, container_id, handler)
        except HookFailed as error:
            reference = container_reference(start.pod, container.name)
            self._recorder.event(reference, "Warning", "FailedPostStartHook", "PostStartHook failed")
            running = RuntimeContainer(name=container.name, id=container_id, state=RuntimeState.RUNNING)
            kill = Kill(container=running, message="FailedPostStartHook", reason=KillReason.FAILED_POST_START_HOOK)
            with suppress(CriError):
                # Upstream writes a kill that the runtime refused to the log: the hook is why the container waits.
                await self._killer.kill_container(start.pod, kill)
            raise StartFailed(Waiting(reason="PostStartHookError", message=str(error))) from error

    def _event_of(self, start: PodStart, container: AnyContainer, failure: ImageFailure) -> None:
        event = failure.container_event
        self._recorder.event(container_reference(start.pod, container.name), event.type, event.reason, event.message)

    def _failed(
        self, start: PodStart, container: AnyContainer, reason: str, message: str, container_id: str = ""
    ) -> StartFailed:
        """The event tells the container by its name: ids would make each text one of its own, which counts badly.

        Mirrors recordContainerEvent. The status keeps the runtime's text.
        """
        told = message.replace(container_id, container.name) if container_id else message
        self._recorder.event(container_reference(start.pod, container.name), "Warning", "Failed", f"Error: {told}")
        return StartFailed(Waiting(reason=reason, message=message))


def _user(image: api.Image) -> tuple[int | None, str]:
    if image.HasField("uid"):
        return image.uid.value, ""
    return (None, image.username) if image.username else (0, "")
