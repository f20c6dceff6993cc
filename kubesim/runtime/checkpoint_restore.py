"""A container made from a checkpoint: CreateContainer with an archive, or an image of one, where it names its image.

What is restored is the container as it was: image, identity, log, and files with every change it made. Its first
process starts again, with the arguments, environment and working directory of then; it does not go on where it was.

Mirrors containerd: internal/cri/server/container_create.go and container_checkpoint_linux.go, CRImportCheckpoint;
CRI-O: server/container_create.go and container_restore.go, CRImportCheckpoint.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass

from kubesim.cri import api
from kubesim.cri.errors import CriError
from kubesim.images.image import Image
from kubesim.images.tar_reader import ArchiveError
from kubesim.model.timestamps import format_rfc3339_nano
from kubesim.policy.checkpoint import CHECKPOINT_IMAGE_ANNOTATIONS, missing_mounts, restored_annotations
from kubesim.runtime import checkpoint_refusals as say
from kubesim.runtime.checkpoint_archive import (
    ARCHIVE_BYTES_MAX,
    ContainerCheckpoint,
    checkpoint_from_members,
    members_of_tar,
    members_of_tree,
)
from kubesim.runtime.daemon import Daemon
from kubesim.runtime.image_pull import pull_image
from kubesim.runtime.objects import Container
from kubesim.userland.files.file_stat import FileKind, Stat
from kubesim.userland.files.filesystem import FileSystem
from kubesim.userland.files.fs_error import FsError, from_os_error
from kubesim.userland.files.layer_diff import LayerError

MODE_OF_RESTORED_LOG = 0o600
"""Mirrors containerd: internal/cri/server/container_checkpoint_linux.go, CRImportCheckpoint."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What a container is made of that comes from a checkpoint."""

    checkpoint: ContainerCheckpoint
    config: api.ContainerConfig
    """What of the request counts."""
    image: Image
    """The image that the checkpoint was taken of."""


async def restored_from_image(
    daemon: Daemon, config: api.ContainerConfig, sandbox_config: api.PodSandboxConfig
) -> Restored | None:
    """What a request restores, None when its image is an ordinary one. Raises CriError."""
    source = config.image.image
    checkpoint = _checkpoint_at(daemon, source) if daemon.profile.containers.restore_from_checkpoint else None
    if checkpoint is None:
        return None
    if daemon.profile.containers.restored_config == "rebuilt":
        restored = _rebuilt(daemon, config, sandbox_config, checkpoint)
    else:
        restored = _renamed(daemon, config, sandbox_config, checkpoint)
    return await restored_of(daemon, checkpoint, restored, where=source)


async def restored_of(
    daemon: Daemon, checkpoint: ContainerCheckpoint, config: api.ContainerConfig, *, where: str
) -> Restored:
    """A checkpoint with its image, and the certainty that the two fit. Raises CriError."""
    image = await _base_image(daemon, checkpoint)
    try:
        FileSystem(image.tree, layer=checkpoint.layer)
    except LayerError as error:
        raise daemon.refuse(say.IMPORT_UNPACK, path=where, reason=error) from None
    return Restored(checkpoint=checkpoint, config=config, image=image)


def read_archive(daemon: Daemon, path: str) -> ContainerCheckpoint:
    """The checkpoint in a file of the node. Raises CriError."""
    try:
        files = daemon.host_files.confined(path)
        size_bytes = (files.stat("/") or _NOTHING).size_bytes
        if size_bytes > ARCHIVE_BYTES_MAX:
            raise ArchiveError(f"it has {size_bytes} bytes, more than an archive here may: {ARCHIVE_BYTES_MAX}")
        data = files.read("/")
    except FsError as error:
        raise daemon.refuse(say.IMPORT_OPEN, path=path, reason=error.strerror.lower()) from None
    except ArchiveError as error:
        raise daemon.refuse(say.IMPORT_UNPACK, path=path, reason=error) from None
    if data is None:
        raise daemon.refuse(say.IMPORT_OPEN, path=path, reason="no such file or directory")
    try:
        return checkpoint_from_members(members_of_tar(data))
    except ArchiveError as error:
        raise daemon.refuse(say.IMPORT_UNPACK, path=path, reason=error) from None


def restore_log(daemon: Daemon, container: Container, log: bytes | None, undo: ExitStack) -> None:
    """Let the log of the new container begin with that of the old one. Raises CriError.

    What `undo` does takes a new file away again; a file that was there has lost its content, as in containerd.
    """
    path = container.log_path
    if log is None or not path:
        return
    files = daemon.host_files
    try:
        files.make_dirs(path.rpartition("/")[0] or "/")
        if files.kind(path) is None:
            undo.callback(files.remove, path)
        files.write(path, log, MODE_OF_RESTORED_LOG)
    except OSError as error:
        raise daemon.refuse(say.RESTORE_LOG, path=path, reason=from_os_error(error).strerror.lower()) from None


_NOTHING = Stat(kind=FileKind.FILE, mode=0, uid=0, gid=0, size_bytes=0, mtime_ns=0)


# -- finding the checkpoint -------------------------------------------------------------------------------


def _checkpoint_at(daemon: Daemon, source: str) -> ContainerCheckpoint | None:
    """The checkpoint that a file or an image holds. A name that is a file on the node means the file."""
    if _is_on_the_node(daemon, source):
        return read_archive(daemon, source)
    found = daemon.images.find(source).found
    if found is None:
        return None
    annotations = dict(found.image.annotations)
    if not any(key in annotations for key in CHECKPOINT_IMAGE_ANNOTATIONS):
        return None
    try:
        return checkpoint_from_members(members_of_tree(found.image.tree))
    except ArchiveError as error:
        raise daemon.refuse(say.IMPORT_UNPACK, path=source, reason=error) from None


def _is_on_the_node(daemon: Daemon, source: str) -> bool:
    if not source.startswith("/") or "\0" in source:
        return False
    try:
        return daemon.host_files.confined(source).stat("/") is not None
    except FsError:
        return False  # as for os.Stat: what cannot be looked at is not there, and the name is looked up as an image


# -- the configuration ------------------------------------------------------------------------------------


def _annotations(
    daemon: Daemon, config: api.ContainerConfig, sandbox_config: api.PodSandboxConfig, checkpoint: ContainerCheckpoint
) -> dict[str, str]:
    return restored_annotations(
        daemon.profile.containers.restored_config,
        checkpointed=checkpoint.config.annotations,
        requested=config.annotations,
        pod_uid=sandbox_config.metadata.uid,
        checkpointed_at=format_rfc3339_nano(checkpoint.checkpointed_at_ns),
        checkpoint_image=config.image.user_specified_image,
    )


def _renamed(
    daemon: Daemon, config: api.ContainerConfig, sandbox_config: api.PodSandboxConfig, checkpoint: ContainerCheckpoint
) -> api.ContainerConfig:
    """The config of the request, with the name of the checkpoint's image."""
    renamed = api.ContainerConfig()
    renamed.CopyFrom(config)
    renamed.annotations.clear()
    renamed.annotations.update(_annotations(daemon, config, sandbox_config, checkpoint))
    renamed.image.Clear()
    renamed.image.image = checkpoint.image_name
    return renamed


def _rebuilt(
    daemon: Daemon, config: api.ContainerConfig, sandbox_config: api.PodSandboxConfig, checkpoint: ContainerCheckpoint
) -> api.ContainerConfig:
    """A config of what the request may say about a container that ran before. Its log path is not among that."""
    wanted = [mount.container_path for mount in checkpoint.config.mounts]
    mounts = {mount.container_path: mount for mount in config.mounts}
    missing = missing_mounts(checkpointed=wanted, requested=mounts)
    if missing:
        raise daemon.refuse(say.MOUNTS_MISSING, path=config.image.image, paths=",".join(missing))
    rebuilt = api.ContainerConfig(
        metadata=config.metadata,
        image=api.ImageSpec(image=checkpoint.image_name),
        labels=config.labels,
        annotations=_annotations(daemon, config, sandbox_config, checkpoint),
        mounts=[mounts[path] for path in wanted if path in mounts],
        linux=config.linux,
    )
    before = checkpoint.config.linux.security_context
    security = rebuilt.linux.security_context
    for field in ("masked_paths", "readonly_paths"):
        if getattr(before, field):
            security.ClearField(field)
            getattr(security, field).extend(getattr(before, field))
    return rebuilt


# -- the image --------------------------------------------------------------------------------------------


async def _base_image(daemon: Daemon, checkpoint: ContainerCheckpoint) -> Image:
    """The image that a checkpoint was taken of. A layer fits no other, whatever names that one has."""
    image = daemon.images.by_id(checkpoint.image_id)
    if image is None and daemon.profile.containers.restore_pulls_image:
        try:
            await pull_image(daemon, api.PullImageRequest(image=api.ImageSpec(image=checkpoint.image_ref)))
        except CriError as error:
            raise daemon.refuse(say.BASE_IMAGE_PULL, image=checkpoint.image_ref, reason=error) from None
        image = daemon.images.by_id(checkpoint.image_id)
        if image is None:
            found = daemon.images.find(checkpoint.image_ref).found
            raise daemon.refuse(
                say.BASE_IMAGE_OTHER,
                image=checkpoint.image_ref,
                found="gone" if found is None else found.image.id,
                wanted=checkpoint.image_id,
            )
    if image is None:
        raise daemon.refuse(say.BASE_IMAGE_MISSING, image=checkpoint.image_name)
    return image
