"""What a runtime makes of a mount whose source is an image.

The kubelet asks with `Mount.image`. Whether that is honoured, whether a sub path counts, and what a refusal says
depends on the runtime. Looking into images is left to the caller: it asks a rule, does what the rule says, and hands
the outcome to the next rule.

Mirrors containerd: internal/cri/server/container_image_mount.go, mutateImageMount and ensureImageSubPath; CRI-O:
server/container_create_linux.go, mountImage; server/safemount_linux.go. Artifacts: `kubesim.policy.artifact_volume`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from kubesim.errors import KubesimError
from kubesim.policy.go_quote import go_quote
from kubesim.policy.image_volume_dialect import ImageVolumeDialect

SubPathOutcome = Literal["directory", "file", "missing", "escape", "loop", "not-a-directory", "name-too-long"]
"""What a sub path leads to inside the image: see `FileTree.resolve`; `escape` would leave the image."""

_IN_ROOT_REASONS = {
    "missing": "no such file or directory",
    "escape": "path escapes from parent",
    "loop": "too many levels of symbolic links",
    "not-a-directory": "not a directory",
    "name-too-long": "file name too long",
}


class ImageVolumeError(KubesimError):
    """A runtime refuses an image mount. `str(error)` is the message of CreateContainer."""

    def __init__(self, message: str, *, is_not_found: bool = False) -> None:
        self.is_not_found = is_not_found
        """True when the gRPC code is NotFound; Unknown otherwise."""
        super().__init__(message)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageMount:
    """One mount of a CreateContainer request that has an image."""

    container_path: str
    image: str
    """image.image: what the runtime looks up."""
    sub_path: str = ""
    host_path: str = ""
    is_read_only: bool = True
    mount_text: str = ""
    """The whole mount message as text, which some refusals quote."""
    image_text: str = ""
    """The image message as text."""
    image_ref: str = ""
    """image.image_ref, which is for answers; a client may send it all the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageMountStatus:
    """How ContainerStatus shows an image mount."""

    image: str
    """Empty: the mount shows no image, and nothing else of this."""
    has_request_spec: bool
    """True when the other fields of the request's image spec are shown too."""
    image_ref: str
    sub_path: str


def is_image_mounted(mount: ImageMount, dialect: ImageVolumeDialect) -> bool:
    """Whether the mount is an image mount at all; when not, the runtime takes it for a bind mount of its host path.

    Raises:
        ImageVolumeError: the mount is one, and is refused before the image is looked up.
    """
    if dialect.mounts == "ignored":
        return False
    if dialect.empty_image == "bind" and not mount.image:
        return False
    if dialect.requires_empty_host_path and mount.host_path:
        raise _refused(f"hostpath must be empty while mount image: {mount.mount_text}", dialect)
    if dialect.requires_read_only and not mount.is_read_only:
        raise _refused(f"readonly must be true while mount image: {mount.mount_text}", dialect)
    if not mount.image:
        raise _refused(f"image not specified in: {mount.image_text}", dialect)
    return True


def image_missing(mount: ImageMount, dialect: ImageVolumeDialect, *, refusal: str = "") -> ImageVolumeError:
    """The refusal for an image (and, where artifacts count, an artifact) that is not on the node.

    `refusal` says why its name can be none at all.
    """
    if dialect.texts == "cri-o":
        if refusal:
            return _refused(f"get storage image status: {refusal}", dialect)
        return _refused(f"image {go_quote(mount.image)} does not exist locally", dialect)
    return _refused(f"failed to resolve image {go_quote(mount.image)}: not found", dialect, is_not_found=True)


def image_ambiguous(mount: ImageMount, dialect: ImageVolumeDialect) -> ImageVolumeError:
    """The refusal for an image id prefix that several images share."""
    if dialect.texts == "cri-o":
        return image_missing(mount, dialect)
    return _refused(f"failed to resolve image {go_quote(mount.image)}: ambiguous digest string", dialect)


def image_not_literal(mount: ImageMount, dialect: ImageVolumeDialect) -> ImageVolumeError:
    """The refusal for a name that is found, but is not that of the image, where that is asked for."""
    image = go_quote(mount.image)
    text = f"failed to get image volume ref {image}: image {image}: not found"
    return _refused(text, dialect, is_not_found=True)


def image_not_unpacked(reason: str, dialect: ImageVolumeDialect) -> ImageVolumeError:
    """The refusal for an image whose layers are not those of its config."""
    return _refused(f"failed to unpack image volume: {reason}", dialect)


def effective_sub_path(mount: ImageMount, dialect: ImageVolumeDialect) -> str:
    """The sub path that is looked up in the image; empty for the whole image."""
    return "" if dialect.sub_path == "ignored" else mount.sub_path


def check_sub_path(mount: ImageMount, dialect: ImageVolumeDialect, *, found: SubPathOutcome, target: str) -> None:
    """Check what the sub path of an image mount leads to; `target` is the host directory the image is mounted at.

    Where a sub path becomes a layer of an overlay a file passes here; the OCI runtime cannot mount it then.

    Raises:
        ImageVolumeError: it may not be mounted.
    """
    sub_path = mount.sub_path
    outcome = "escape" if dialect.outside_sub_path == "refused" and sub_path.startswith("/") else found
    if outcome == "directory" or (outcome == "file" and dialect.sub_path != "directories"):
        return
    if dialect.texts == "cri-o":
        raise _refused(_crio_sub_path_text(mount, outcome, target), dialect)
    if outcome == "file":
        reason = f"only directory subpath is supported, subpath: {go_quote(sub_path)}, mountpoint: {go_quote(target)} "
    else:
        reason = f"openat {sub_path}: {_IN_ROOT_REASONS[outcome]}"
    raise _refused(f"failed to ensure image subpath {go_quote(sub_path)} in {go_quote(target)}: {reason}", dialect)


def _crio_sub_path_text(mount: ImageMount, outcome: SubPathOutcome, target: str) -> str:
    if outcome == "missing":
        return f"sub path {go_quote(mount.sub_path)} does not exist in image volume {go_quote(mount.image)}"
    opened = f"securejoin.OpenInRoot {mount.sub_path}: openat2 {target}/{mount.sub_path}"
    return f"safe mount sub path: {opened}: {_IN_ROOT_REASONS[outcome]}"


def image_mount_status(mount: ImageMount, dialect: ImageVolumeDialect, *, image_id: str) -> ImageMountStatus:
    """What ContainerStatus shows of an image mount; `image_id` is Image.id, or the hex digest of an artifact."""
    if dialect.status_image == "none":
        return ImageMountStatus(image="", has_request_spec=False, image_ref="", sub_path="")
    return ImageMountStatus(
        image=mount.image if dialect.status_image == "as-requested" else image_id,
        has_request_spec=dialect.status_image == "as-requested",
        image_ref=image_id if dialect.status_has_image_ref else _kept_image_ref(mount, dialect),
        sub_path=mount.sub_path if dialect.status_has_sub_path else "",
    )


def _kept_image_ref(mount: ImageMount, dialect: ImageVolumeDialect) -> str:
    """What a client sent comes back with the rest of its spec, unless the version's API is older than the field."""
    return mount.image_ref if dialect.status_image == "as-requested" and dialect.status_has_sub_path else ""


def _refused(text: str, dialect: ImageVolumeDialect, *, is_not_found: bool = False) -> ImageVolumeError:
    return ImageVolumeError(dialect.error_prefix + text, is_not_found=is_not_found)
