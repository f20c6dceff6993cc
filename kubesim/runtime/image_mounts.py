"""Image volumes: the tree of an image, or the blobs of an artifact, as mounts of a container.

Mirrors containerd: internal/cri/server/container_image_mount.go; CRI-O: server/container_create_linux.go, mountImage
and mountArtifact.
"""

from __future__ import annotations

import posixpath
from functools import partial

from kubesim.cri import api
from kubesim.errors import InputError
from kubesim.images.image import Image
from kubesim.images.oci import storage_layer_ids
from kubesim.images.tree import FileTree, LinkRule, NodeKind, TreeNode, file_node
from kubesim.images.tree_builder import build_tree
from kubesim.policy.artifact_volume import artifact_error, artifact_files
from kubesim.policy.image_volume import (
    ImageMount,
    SubPathOutcome,
    check_sub_path,
    effective_sub_path,
    image_ambiguous,
    image_missing,
    image_mount_status,
    image_not_literal,
    image_not_unpacked,
)
from kubesim.runtime.artifact_images import volume_refusal_of
from kubesim.runtime.daemon import Daemon
from kubesim.runtime.go_message_text import gogo_text, protobuf_text
from kubesim.runtime.objects import Sandbox
from kubesim.runtime.planned_mounts import PlannedMounts
from kubesim.userland.files.filesystem import MountSpec, TreeSource

_STATE_DIRECTORY = "/run/containerd/io.containerd.grpc.v1.cri"
_STORAGE_DIRECTORY = "/var/lib/containers/storage"
_FIELDS_AFTER_GOGO = ("Mount.image_sub_path", "Mount.mount_options", "ImageSpec.image_ref")
"""What the last API with gogo's code does not have yet."""

_BLOB_MODE = 0o644
"""Of a blob in a layout. Mirrors containers/image: oci/layout/oci_dest.go, blobFileSyncAndRename."""


def image_mount(daemon: Daemon, mount: api.Mount) -> ImageMount:
    """A mount of a request as the rules read it."""
    is_gogo = daemon.profile.image_volumes.request_text == "gogo"
    text = partial(gogo_text, without=_FIELDS_AFTER_GOGO) if is_gogo else protobuf_text
    return ImageMount(
        container_path=mount.container_path,
        image=mount.image.image,
        sub_path=mount.image_sub_path,
        host_path=mount.host_path,
        is_read_only=mount.readonly,
        mount_text=text(mount),
        image_text=text(mount.image),
        image_ref=mount.image.image_ref,
    )


def plan_image(daemon: Daemon, sandbox: Sandbox, container_id: str, mount: api.Mount, planned: PlannedMounts) -> None:
    """Mount the tree of an image, or the blobs of an artifact. Raises ImageVolumeError."""
    dialect = daemon.profile.image_volumes
    asked = image_mount(daemon, mount)
    artifact = daemon.images.find_artifact(mount.image.image)
    if artifact.refusal and dialect.artifact_errors == "all":
        raise artifact_error(f"failed to get artifact status: {artifact.refusal}", dialect)
    match = artifact if artifact.found is not None else daemon.images.find(mount.image.image)
    if match.is_ambiguous:
        raise image_ambiguous(asked, dialect)
    image = match.found.image if match.found is not None else None
    if image is None or (image.artifact is not None and not dialect.artifacts):
        raise image_missing(asked, dialect, refusal="" if match.is_unknown_id else match.refusal)
    if image.artifact is not None:
        _plan_artifact(daemon, mount, image, planned)
        return
    if dialect.first_reference == "whole" and not _is_literal(daemon, sandbox, image, mount.image.image):
        raise image_not_literal(asked, dialect)
    reason = volume_refusal_of(image)
    if reason:
        raise image_not_unpacked(reason, dialect)
    planned.images.append(image)
    target = _target(daemon, sandbox, image)
    sub_path = effective_sub_path(asked, dialect)
    tree = image.tree
    is_layer = dialect.sub_path == "overlay"
    if sub_path:
        tree = _sub_tree(daemon, asked, tree, target)
        target = _layer_directory(container_id) if is_layer else f"{target}/{sub_path}"
    planned.specs.append(
        MountSpec(
            destination=mount.container_path,
            source=TreeSource(tree=tree),
            is_read_only=True,
            source_name="overlay" if is_layer else target,
            is_layer=is_layer,
        )
    )
    planned.shown.append(_shown_image(daemon, mount, image, target))
    sandbox.mounted_images |= {image.digest}


def _is_literal(daemon: Daemon, sandbox: Sandbox, image: Image, text: str) -> bool:
    """Whether a text is the image's own id or name, or need not be: the pod has it mounted.

    After a restart of the daemon the pod's containers say what it has mounted.
    """
    if text == image.id or text in daemon.images.names_of_image(image) or image.digest in sandbox.mounted_images:
        return True
    return any(
        used.digest == image.digest
        for container in daemon.containers
        if container.sandbox is sandbox
        for used in container.volume_images
    )


def _layer_directory(container_id: str) -> str:
    """Where a sub path is bound before it becomes a layer; a real one has a random number, this one the container's."""
    return f"/run/containers/storage/overlay-containers/{container_id}/userdata/subpath{int(container_id[:8], 16)}"


def _sub_tree(daemon: Daemon, asked: ImageMount, tree: FileTree, target: str) -> FileTree:
    dialect = daemon.profile.image_volumes
    link_rule = LinkRule.IN_ROOT if dialect.outside_sub_path == "rooted" else LinkRule.BENEATH
    found = tree.resolve(asked.sub_path, link_rule=link_rule, links_max=dialect.sub_path_links_max)
    outcome: SubPathOutcome = found.outcome.value  # type: ignore[assignment]  # all but "found" have the same names
    if found.node is not None:
        outcome = "directory" if found.node.is_directory else "file"
    check_sub_path(asked, daemon.profile.image_volumes, found=outcome, target=target)
    if found.node is None:
        raise AssertionError(f"check_sub_path let {outcome!r} pass")
    return FileTree(found.node)


def _plan_artifact(daemon: Daemon, mount: api.Mount, image: Image, planned: PlannedMounts) -> None:
    """Each blob with a name is a file of its own, with an entry of its own in the status; without any, none is."""
    assert image.artifact is not None, "the caller looked"
    dialect, asked = daemon.profile.image_volumes, image_mount(daemon, mount)
    blobs = image.artifact.blobs
    files = artifact_files([blob.annotations for blob in blobs], asked, dialect)
    if files is None:
        raise image_missing(asked, dialect)
    if dialect.artifact_folder_is_read_only:
        _plan_folder(mount, [file.destination for file in files], planned)
    for file in files:
        tree = FileTree(TreeNode(kind=NodeKind.FILE, mode=_BLOB_MODE, data=blobs[file.index].data))
        digest = image.blobs[file.index].digest
        path = f"{_STORAGE_DIRECTORY}/artifacts/blobs/{digest.replace(':', '/')}"
        planned.specs.append(
            MountSpec(destination=file.destination, source=TreeSource(tree=tree), is_read_only=True, source_name=path)
        )
        planned.shown.append(_shown_image(daemon, mount, image, path))
    if files:
        planned.images.append(image)


def _plan_folder(mount: api.Mount, destinations: list[str], planned: PlannedMounts) -> None:
    """A folder with a place for each file, which nobody can write to."""
    root = posixpath.normpath(mount.container_path)
    places = [(destination.removeprefix(root), file_node(b"")) for destination in destinations]
    try:
        tree = build_tree(places)
    except InputError:
        # One name is a file and a folder: then it is the mounts of the files that fail, as everywhere.
        return
    planned.specs.append(MountSpec(destination=mount.container_path, source=TreeSource(tree=tree), is_read_only=True))


def _target(daemon: Daemon, sandbox: Sandbox, image: Image) -> str:
    """Where the node has the image mounted: once for each pod and image, or once for each image."""
    if daemon.profile.image_volumes.mounted_for == "node":
        layers = storage_layer_ids([layer.diff_id for layer in image.layers])
        return f"{_STORAGE_DIRECTORY}/overlay/{layers[-1] if layers else image.id.partition(':')[2]}/merged"
    return f"{_STATE_DIRECTORY}/image-volumes/{sandbox.id}/{image.digest.partition(':')[2]}"


def _shown_image(daemon: Daemon, mount: api.Mount, image: Image, target: str) -> api.Mount:
    status = image_mount_status(
        image_mount(daemon, mount), daemon.profile.image_volumes, image_id=daemon.images.shown_id(image)
    )
    shown = api.Mount()
    shown.CopyFrom(mount)
    shown.host_path = target
    # The id mapping is in the mount of the image, not in the bind.
    shown.ClearField("uidMappings")
    shown.ClearField("gidMappings")
    shown.image_sub_path = status.sub_path
    if not status.image:
        shown.ClearField("image")
        return shown
    if not status.has_request_spec:
        shown.image.Clear()
    shown.image.image = status.image
    shown.image.image_ref = status.image_ref
    return shown
