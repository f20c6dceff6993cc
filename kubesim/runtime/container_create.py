"""CreateContainer.

Mirrors containerd: internal/cri/server/container_create.go; CRI-O: server/container_create.go.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from posixpath import normpath

from kubesim.cri import api
from kubesim.images.image import Image
from kubesim.kernel import Event
from kubesim.model.frozen_records import replace
from kubesim.policy.image_lookup import absence
from kubesim.runtime import container_refusals as say
from kubesim.runtime.account_files import AccountFileCopy, account_files
from kubesim.runtime.artifact_images import check_root
from kubesim.runtime.beginning import Made
from kubesim.runtime.checkpoint_archive import ContainerCheckpoint
from kubesim.runtime.checkpoint_restore import Restored, restore_log, restored_from_image, restored_of
from kubesim.runtime.container_again import beginning_after, container_before, made_again
from kubesim.runtime.container_checks import check_request, check_spec, check_texts
from kubesim.runtime.container_identity import (
    NeverAnswered,
    generated_account_files,
    identity_request,
    resolve_container_identity,
)
from kubesim.runtime.container_log import ContainerLog, LogFormat
from kubesim.runtime.container_mounts import check_devices, inner_path, plan_mounts
from kubesim.runtime.container_process import prepare
from kubesim.runtime.container_resources import initial_resources
from kubesim.runtime.container_security import check_security_profiles
from kubesim.runtime.container_state import ContainerLife
from kubesim.runtime.creation import claimed_id, create
from kubesim.runtime.daemon import Daemon
from kubesim.runtime.names import container_name
from kubesim.runtime.objects import Container, Sandbox
from kubesim.runtime.pod_events import emit
from kubesim.runtime.process_plan import ProcessPlan, merge_command, merge_env
from kubesim.runtime.request_check import check_text, joined_log_path
from kubesim.runtime.stop_signal import reported_stop_signal, stop_signal


async def create_container(
    daemon: Daemon, request: api.CreateContainerRequest, *, checkpoint: ContainerCheckpoint | None = None
) -> api.CreateContainerResponse:
    """Make a container in a sandbox. It becomes visible when this returns; when it fails nothing is left of it.

    With a `checkpoint` the container is that one again, whatever image the request names.
    """
    sandbox = check_request(daemon, request)
    name = _name(daemon, request)
    repeated = container_before(sandbox, name, request.config) if checkpoint is None else None
    if repeated is None:
        check_texts(daemon, request.config)
    else:
        check_text(daemon, "config.log_path", request.config.log_path)
    container_id = daemon.kernel.ids.hex(64)
    existing_id = await claimed_id(daemon, daemon.container_names, name, noun="container", reserved=say.NAME_RESERVED)
    if existing_id:
        return api.CreateContainerResponse(container_id=existing_id)
    reservation = daemon.container_names.reserve(name, container_id)

    async def build(undo: ExitStack) -> Container:
        nonlocal request
        restored = await _restored(daemon, request, checkpoint)
        try:
            container = _make(daemon, sandbox, container_id, name, request, restored, repeated)
        except NeverAnswered:
            undo.pop_all()  # whoever waits in open(2) gives nothing up, not even the name, when the caller leaves
            await Event().wait()
            raise
        del request  # ten kilobytes, which nobody needs while time passes
        reservation.stage = "container runtime creation"
        await daemon.spend(daemon.timings.create_container_ns)
        # The sandbox may have been removed meanwhile.
        daemon.sandbox(sandbox.id, say.CREATE_LOOKUP)
        if restored is not None:
            restore_log(daemon, container, restored.checkpoint.log, undo)
        return container

    await create(
        daemon,
        daemon.container_names,
        reservation,
        build,
        partial(_publish, daemon),
        takes_time=daemon.timings.create_container_ns > 0 or daemon.profile.containers.restore_pulls_image,
        is_stale=lambda container: daemon.sandboxes.get(container.sandbox.id) is None,
    )
    return api.CreateContainerResponse(container_id=container_id)


def _name(daemon: Daemon, request: api.CreateContainerRequest) -> str:
    """What the container is reserved under in the registry of names."""
    container, pod = request.config.metadata, request.sandbox_config.metadata
    return container_name(
        name=container.name,
        pod_name=pod.name,
        pod_namespace=pod.namespace,
        pod_uid=pod.uid,
        attempt=container.attempt,
        prefix=daemon.profile.name_prefix,
    )


async def _restored(
    daemon: Daemon, request: api.CreateContainerRequest, checkpoint: ContainerCheckpoint | None
) -> Restored | None:
    """What the request restores, None for an ordinary container."""
    if checkpoint is None:
        return await restored_from_image(daemon, request.config, request.sandbox_config)
    return await restored_of(daemon, checkpoint, request.config, where=checkpoint.id)


def _publish(daemon: Daemon, container: Container) -> None:
    """Make a container visible."""
    container.born(daemon.creation_time_ns())
    daemon.containers.add(container.id, container)
    container.sandbox.containers[container.id] = container
    emit(daemon, container.sandbox, container.id, api.CONTAINER_CREATED_EVENT)


def _make(
    daemon: Daemon,
    sandbox: Sandbox,
    container_id: str,
    name: str,
    request: api.CreateContainerRequest,
    restored: Restored | None,
    repeated: Container | None,
) -> Container:
    """Everything that can be refused, in the order in which containerd looks at it.

    `repeated` is the container before this one, of the same request.
    """
    config = request.config if restored is None else restored.config
    sandbox_config = request.sandbox_config
    image = restored.image if restored is not None else _image(daemon, config)
    mounts = plan_mounts(daemon, sandbox, container_id, config)
    check_devices(daemon, container_id, config)
    check_spec(daemon, sandbox, container_id, config, sandbox_config)
    before = restored.checkpoint if restored is not None else None
    if restored is not None or repeated is None or repeated.image is not image:
        repeated = None
    beginning = None if repeated is None else beginning_after(daemon, repeated, config)
    known = before if before is not None else repeated if beginning is not None else None
    plan = process_plan(config, image, hostname=sandbox.hostname, os=daemon.os) if known is None else known.plan
    if not plan.argv:
        raise daemon.refuse(say.NO_COMMAND, id=container_id)
    log_path = _log_path(daemon, sandbox, container_id, config, sandbox_config)
    if repeated is not None and beginning is not None:
        made = made_again(repeated, beginning)
    else:
        made = _made(daemon, container_id, config, image, plan)
    tags, digests = daemon.images.names_of(image)
    container = Container(
        id=container_id,
        name=name,
        sandbox=sandbox,
        encoded_config=config.SerializeToString(),
        image=image,
        some_image_name=(tags or digests or [config.image.image])[0],
        image_ref=digests[0] if digests else daemon.images.shown_id(image),
        plan=plan,
        identity=made.identity if before is None or before.identity is None else before.identity,
        account_files=made.account_files,
        seccomp_document=made.seccomp_document,
        encoded_mounts=_other_mounts(mounts.shown, config),
        mount_specs=tuple(mounts.specs),
        volume_images=tuple(mounts.images),
        stop_signal=made.stop_signal,
        reported_stop_signal=made.reported_stop_signal,
        encoded_resources=made.encoded_resources,
        encoded_windows_resources=made.encoded_windows_resources,
        log_path=log_path,
        log=log_of(daemon, log_path),
        life=ContainerLife(created_at_ns=0),
        is_made_here=True,
        beginning=beginning,
        restored_from=None if before is None else replace(before, log=None),
        changes=daemon.changes,
    )
    if daemon.profile.containers.missing_program_fails == "create":
        prepare(daemon, container)
    return container


def _made(daemon: Daemon, container_id: str, config: api.ContainerConfig, image: Image, plan: ProcessPlan) -> Made:
    """What request, image and the node's security profiles decide. Raises CriError, or NeverAnswered."""
    identity, document = None, None
    copies: tuple[AccountFileCopy, ...] = ()
    if daemon.os != "windows":
        home = dict(plan.env).get("HOME", "")
        files = account_files(image.tree, daemon.profile.identity)
        asked = identity_request(files, image, config, home=home)
        identity = resolve_container_identity(daemon, asked)
        copies = generated_account_files(daemon, files, asked, working_dir=plan.cwd)
        document = check_security_profiles(daemon, container_id, config.linux.security_context)
    return Made(
        identity=identity,
        account_files=copies,
        seccomp_document=document,
        stop_signal=stop_signal(requested=requested_signal(daemon, config), image=image.config.stop_signal),
        reported_stop_signal=reported_stop_signal(requested=config.stop_signal, image=image.config.stop_signal),
        encoded_resources=initial_resources(config).SerializeToString(),
        encoded_windows_resources=config.windows.resources.SerializeToString(),
    )


def _image(daemon: Daemon, config: api.ContainerConfig) -> Image:
    match = daemon.images.find(config.image.image)
    if match.is_ambiguous:
        raise daemon.refuse(say.IMAGE_AMBIGUOUS, image=config.image.image)
    # An artifact has no root file system to run from.
    if match.found is None or match.found.image.artifact is not None:
        name = config.image.image
        raise daemon.refuse(say.IMAGE_NOT_PRESENT, image=name, absence=absence(name, daemon.profile.images))
    check_root(daemon, match.found.image)
    return match.found.image


def _other_mounts(shown: Sequence[api.Mount], config: api.ContainerConfig) -> tuple[bytes, ...] | None:
    """What the status shows, None where that is what the request has: as nearly always in containerd."""
    return None if shown == config.mounts else tuple([mount.SerializeToString() for mount in shown])


def process_plan(config: api.ContainerConfig, image: Image, *, hostname: str, os: str) -> ProcessPlan:
    """The first process that request and image ask for; argv is () when neither names a command."""
    argv = merge_command(
        command=config.command, args=config.args, entrypoint=image.config.entrypoint, cmd=image.config.cmd
    )
    env = merge_env(
        hostname=hostname,
        image=image.config.env,
        config=tuple((variable.key, _text(variable.value)) for variable in config.envs),
        has_tty=config.tty,
    )
    return ProcessPlan(
        argv=argv,
        env=env,
        cwd=inner_path(config.working_dir or image.config.working_dir or "/", os=os),
        has_tty=config.tty,
    )


def _text(value: bytes | str) -> str:
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else value


def requested_signal(daemon: Daemon, config: api.ContainerConfig) -> int:
    """The request's stop signal, where the runtime knows the field."""
    return config.stop_signal if daemon.profile.containers.stop_signal_in_status else api.SIGNAL_RUNTIME_DEFAULT


def _log_path(
    daemon: Daemon,
    sandbox: Sandbox,
    container_id: str,
    config: api.ContainerConfig,
    sandbox_config: api.PodSandboxConfig,
) -> str:
    """The absolute path of the log; "" when the container has none."""
    directory, path = sandbox_config.log_directory, config.log_path
    if daemon.profile.containers.log_path_default:
        directory = directory or f"{daemon.profile.logs.default_directory}/{sandbox.id}"
        path = path or f"{container_id}.log"
    if not (directory and path):
        return ""
    return joined_log_path(daemon, normpath(directory), path)


def log_of(daemon: Daemon, log_path: str) -> ContainerLog | None:
    """The log at a path; None for no path."""
    if not log_path:
        return None
    return ContainerLog(daemon.host_files, log_path, LogFormat.of(daemon.profile.logs), daemon.clock)
