"""The switches of the rules for image volumes: what differs between runtimes and their versions."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct


class ImageVolumeDialect(Struct, frozen=True, kw_only=True):
    """What differs between runtimes and their versions. Profiles fill it; the rules read it."""

    mounts: Literal["ignored", "mounted"]
    """Whether Mount.image is known. When it is not, the mount is a bind mount with an empty host path, and fails so."""
    texts: Literal["containerd", "cri-o"]
    """Whose words."""
    empty_image: Literal["refused", "bind"]
    """A mount with an image that has no name: refused; or a bind mount of its host path."""
    sub_path_links_max: int
    """How many symbolic links are followed on the way to a sub path."""
    outside_sub_path: Literal["refused", "rooted"]
    """What would leave the image - a sub path or a link on its way that is absolute or has a `..` too many: is refused;
    or counts from the image's root, as after chroot."""
    sub_path: Literal["ignored", "directories", "overlay", "files-and-directories"]
    """What Mount.image_sub_path may lead to; `ignored` mounts the whole image. `overlay`: what it leads to becomes a
    layer of an overlay, which fails for a file when the OCI runtime makes the container."""
    request_text: Literal["gogo", "protobuf"]
    """How refusals print the message of a mount: as gogo's or as Google's generator makes Go do it."""
    artifacts: bool
    """Whether OCI artifacts can be mounted: each blob with a name as a file."""
    artifact_names: tuple[str, ...]
    """The annotations of a blob that give its name: the first one that is there, even if empty."""
    artifact_errors: Literal["sub-path", "all"]
    """Which errors of an artifact end the call. With `sub-path` the others make it a mount of an image, which fails for
    want of one; with `all` each begins with ImageVolumeMountFailed, that of the sub path for the second time."""
    artifact_folder_is_read_only: bool = False
    """Whether the folder of an artifact's files is in the mount; else it is the container's, which takes new ones."""
    requires_read_only: bool
    """Whether readonly=false is refused. Where it is not, the mount is read-only all the same."""
    requires_empty_host_path: bool
    error_prefix: str
    """Before every refusal of an image."""
    status_image: Literal["as-requested", "id", "none"]
    """ContainerStatus.mounts[].image: the request's spec, or one with the bare image id only, or nothing at all.

    Where nothing is shown, as by CRI-O before cri-o#8408, the kubelet collects the image while it is mounted.
    """
    status_has_sub_path: bool
    """Whether ContainerStatus.mounts[].image_sub_path echoes the request. A version whose API does not have the field
    loses it, and whatever else it does not know."""
    status_has_image_ref: bool
    """Whether ContainerStatus.mounts[].image.image_ref is filled with the image id (KEP-5365)."""
    mounted_for: Literal["pod", "node"]
    """Whether an image is mounted once for each pod that has it, or once on the node."""
    mount_order: Literal["images-checked-first", "images-mounted-first"]
    """Image mounts are looked at before all binds, and mounted with them by depth; or looked at with them by depth, and
    mounted before all of them, so that a bind above an image mount hides it."""
    first_reference: Literal["any", "whole"]
    """What can be said of an image that no container of the pod has mounted yet: whatever finds it; or its whole id or
    name alone, because it is looked up a second time by the very text."""
    user_namespaces: Literal["works", "start-fails"]
    """Whether a pod with a user namespace can have an image volume."""
