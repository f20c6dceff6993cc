"""One volume mount tried out: a pull and a CreateContainer on an emulated runtime, in virtual time.

The words of a refusal, and what the status shows, are the runtime's own then. Where they name ids that a real pod
would have, placeholders stand.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kubesim.cri import api
from kubesim.cri.client import CriClient
from kubesim.cri.errors import CriError
from kubesim.errors import InputError
from kubesim.images.catalogue import Catalogue
from kubesim.images.image import Declared, Image, make_image
from kubesim.images.oci import ImageConfig
from kubesim.images.programs import program_node
from kubesim.kernel import Kernel, Task
from kubesim.kubelet.pod_directories import PodDirectories
from kubesim.kubelet.volumes import ContainerConfigError, ImageVolume, PodVolumes
from kubesim.model import k8s_v1 as v1
from kubesim.model.frozen_records import replace
from kubesim.node.explained_container import Refusal
from kubesim.policy.image_reference import InvalidReference, parse_reference
from kubesim.policy.pull_policy import (
    ImageFailure,
    PullStep,
    invalid_image_name,
    needs_inspect,
    pull_decision,
    pull_error_text,
    pull_failed,
)
from kubesim.policy.runtime_profile import RuntimeProfile
from kubesim.policy.user_namespaces import UserNamespaceError, wants_user_namespace
from kubesim.runtime.service import Runtime
from kubesim.runtime.timings import Timings
from kubesim.userland.files.host_files import MemoryHostFiles

AnyContainer = v1.Container | v1.EphemeralContainer

SANDBOX, CONTAINER = "<sandbox id>", "<container id>"
"""What stands for the ids."""

_BOUND_NS = 24 * 3600 * 10**9
_MAPPING = api.IDMapping(host_id=65536, container_id=0, length=65536)
"""Of a pod with a user namespace; a kubelet chooses the first id."""

_BASE = "kubesim.invalid/base:1"
"""The image of the container that has the mount; what is in it does not matter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TriedMount:
    """How far it came."""

    image_ref: str = ""
    """What the runtime calls the image; empty when the kubelet did not get it."""
    image: Image | None = None
    """The image as the runtime has it: of an artifact, some make an image without files."""
    is_pulled: bool = False
    sent: api.Mount | None = None
    """What CreateContainer was asked."""
    shown: tuple[api.Mount, ...] = ()
    """What ContainerStatus shows: one mount, or one for each file of an artifact."""
    refusal: Refusal | None = None


def try_mount(
    pod: v1.Pod,
    container: AnyContainer,
    mount: v1.VolumeMount,
    environment: dict[str, str],
    *,
    profile: RuntimeProfile,
    gates: Mapping[str, bool],
    catalogue: Catalogue,
) -> TriedMount:
    """Give a container of the pod this one mount of an image volume. Raises InputError for a pull without an end."""
    kernel = Kernel(seed=1)
    images = catalogue.copy()
    images.add(
        make_image(
            Declared(references=(_BASE,), is_present=True),
            config=ImageConfig(entrypoint=("/pause",)),
            layers=[[("/pause", program_node("pause"))]],
        )
    )
    runtime = Runtime(
        kernel,
        profile=profile,
        catalogue=images,
        host_files=MemoryHostFiles(),
        timings=Timings.measured(),
    )
    trial = _Trial(runtime, pod, gates)
    task: Task[TriedMount] = kernel.spawn(trial.run(container, mount, environment), name="try an image volume")
    task.watch(lambda _: None)
    if not kernel.run_until(kernel.now_ns + _BOUND_NS, goal=lambda: task.is_done):
        where = f"{pod.metadata.namespace}/{pod.metadata.name}"
        raise InputError(f"the pull of the volume {mount.name!r} does not end", where=where)
    return task.result()


class _Trial:
    """The calls of one trial."""

    def __init__(self, runtime: Runtime, pod: v1.Pod, gates: Mapping[str, bool]) -> None:
        self._gates = gates
        self._runtime = runtime
        self._client = CriClient(runtime)
        self._pod = pod
        profile = runtime.daemon.profile
        supports_rro = profile.status.reports_handlers and profile.containers.recursive_read_only_mounts
        self._volumes = PodVolumes(
            MemoryHostFiles(), PodDirectories(), supports_rro=lambda: supports_rro, config_volumes=None
        )

    async def run(self, container: AnyContainer, mount: v1.VolumeMount, environment: dict[str, str]) -> TriedMount:
        """The kubelet's steps in their order: the user namespace of the pod, the pull, the mount, the container."""
        try:
            self._user_namespace = await self._wanted_user_namespace()
        except UserNamespaceError as error:
            text = f"Failed to create pod sandbox: {error}"
            return TriedMount(refusal=Refusal(by="kubelet", reason="FailedCreatePodSandBox", message=text))
        volume = next(one for one in self._pod.spec.volumes if one.name == mount.name)
        assert volume.image is not None, "the caller chose image volumes"
        pulled = await self._ensure(volume.image.reference, volume.image.pull_policy)
        if isinstance(pulled, ImageFailure):
            waiting = pulled.waiting
            return TriedMount(refusal=Refusal(by="kubelet", reason=waiting.reason, message=waiting.message))
        present = self._runtime.daemon.images.find(pulled).found
        image = present.image if present is not None else None
        tried = TriedMount(image_ref=pulled, image=image, is_pulled=self._is_pulled)
        source = ImageVolume(image_ref=pulled, user_specified_image=volume.image.reference)
        try:
            (sent,) = self._volumes.mounts(
                self._pod,
                v1.Container(name=container.name, image=_BASE, volume_mounts=[mount]),
                environment=environment,
                image_volumes={volume.name: source},
            )
        except ContainerConfigError as error:
            refusal = Refusal(by="kubelet", reason="CreateContainerConfigError", message=str(error))
            return replace(tried, refusal=refusal)
        return await self._create(container, sent, replace(tried, sent=sent))

    async def _wanted_user_namespace(self) -> api.UserNamespace | None:
        """What the runtime is told. Raises UserNamespaceError."""
        answer = await self._client.status(api.StatusRequest())
        handlers = {one.name: one.features.user_namespaces for one in answer.runtime_handlers}
        if not wants_user_namespace(self._pod.spec.host_users, handlers, self._gates):
            return None
        return api.UserNamespace(mode=api.POD, uids=[_MAPPING], gids=[_MAPPING])

    async def _ensure(self, reference: str, policy: str) -> str | ImageFailure:
        """The kubelet's EnsureImageExists, the first time."""
        self._is_pulled = False
        try:
            parse_reference(reference)
        except InvalidReference as error:
            return invalid_image_name(reference, str(error))
        present = ""
        if needs_inspect(policy):
            answer = await self._client.image_status(api.ImageStatusRequest(image=api.ImageSpec(image=reference)))
            present = answer.image.id
        decision = pull_decision(
            image=reference,
            policy=policy,
            is_present=bool(present),
            backoff=None,
            last_failure=None,
            now_ns=0,
        )
        if decision.failure is not None:
            return decision.failure
        if decision.step is PullStep.USE:
            return present
        try:
            pulled = await self._client.pull_image(api.PullImageRequest(image=api.ImageSpec(image=reference)))
        except CriError as error:
            return pull_failed(reference, pull_error_text(error.code.go_name, error.message))
        self._is_pulled = True
        return pulled.image_ref

    async def _create(self, container: AnyContainer, sent: api.Mount, tried: TriedMount) -> TriedMount:
        meta = self._pod.metadata
        config = api.PodSandboxConfig(
            metadata=api.PodSandboxMetadata(name=meta.name, namespace=meta.namespace, uid=meta.uid or "uid")
        )
        if self._user_namespace is not None:
            config.linux.security_context.namespace_options.userns_options.CopyFrom(self._user_namespace)
        sandbox = await self._client.run_pod_sandbox(api.RunPodSandboxRequest(config=config))
        try:
            return await self._create_in(sandbox.pod_sandbox_id, config, container, sent, tried)
        finally:
            ended = api.RemovePodSandboxRequest(pod_sandbox_id=sandbox.pod_sandbox_id)
            await self._client.remove_pod_sandbox(ended)

    async def _create_in(
        self,
        sandbox_id: str,
        sandbox_config: api.PodSandboxConfig,
        container: AnyContainer,
        sent: api.Mount,
        tried: TriedMount,
    ) -> TriedMount:
        config = api.ContainerConfig(
            metadata=api.ContainerMetadata(name=container.name), image=api.ImageSpec(image=_BASE), mounts=[sent]
        )
        if self._user_namespace is not None:
            config.linux.security_context.namespace_options.userns_options.CopyFrom(self._user_namespace)
            config.mounts[0].uidMappings.append(_MAPPING)
            config.mounts[0].gidMappings.append(_MAPPING)
        request = api.CreateContainerRequest(pod_sandbox_id=sandbox_id, sandbox_config=sandbox_config, config=config)
        try:
            created = await self._client.create_container(request)
        except CriError as error:
            text = _without_ids(error.message, sandbox_id)
            return replace(tried, refusal=Refusal(by="runtime", reason="CreateContainerError", message=text))
        try:
            await self._client.start_container(api.StartContainerRequest(container_id=created.container_id))
        except CriError as error:
            text = _without_ids(error.message, sandbox_id).replace(created.container_id, CONTAINER)
            return replace(tried, refusal=Refusal(by="runtime", reason="RunContainerError", message=text))
        answer = await self._client.container_status(api.ContainerStatusRequest(container_id=created.container_id))
        shown = [one for one in answer.status.mounts if one.container_path == sent.container_path]
        for one in shown:
            one.host_path = _without_ids(one.host_path, sandbox_id).replace(created.container_id, CONTAINER)
        return replace(tried, shown=tuple(shown))


def _without_ids(text: str, sandbox_id: str) -> str:
    """A text in which placeholders stand for ids that a real pod would have."""
    text = text.replace(sandbox_id, SANDBOX)
    marker = 'failed to generate container "'
    if text.startswith(marker):
        rest = text[len(marker) :]
        text = f"{marker}{CONTAINER}{rest[rest.index(chr(34)) :]}"
    return text
