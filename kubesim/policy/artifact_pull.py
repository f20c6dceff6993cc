"""What a runtime that has no word for artifacts makes of one: an image without files, or an error.

Mirrors containerd: core/unpack/unpacker.go, Unpack; client/image.go, getLayers and Unpack (pull.go and image.go before
2.0); core/transfer/local/pull.go; internal/cri/opts/container.go, WithNewSnapshot. CRI-O before 1.33: containers/image:
copy/single.go, checkImageDestinationForCurrentRuntime; internal/manifest/errors.go.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from kubesim.policy.artifact_kind import DOCKER_CONFIG, OCI_CONFIG, is_image_layer
from kubesim.policy.artifact_switches import ArtifactPull
from kubesim.policy.go_quote import go_quote

_MISMATCH = "mismatched image rootfs and manifest layers"
_WHILE_PULLING = "failed to unpack image on snapshotter overlayfs: "


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactShape:
    """What of an artifact decides."""

    artifact_type: str
    config_media_type: str
    layers: tuple[tuple[str, str], ...]
    """Media type and digest of each blob."""
    diff_ids: tuple[str, ...]
    """`rootfs.diff_ids` of the config, which most artifacts lack."""

    @property
    def image_layers_count(self) -> int:
        """How many blobs are layers of an image by their media type."""
        return sum(is_image_layer(media_type) for media_type, _ in self.layers)

    @property
    def has_image_config(self) -> bool:
        """Whether the config is one of an image by its media type."""
        return self.config_media_type in (OCI_CONFIG, DOCKER_CONFIG)


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactRefusal:
    """Why the pull of an artifact fails."""

    reason: str
    is_transferred: bool
    """Whether its blobs are on the node by then."""
    leaves_image: bool = False
    """Whether there is an image all the same, under the name that was pulled: it was recorded before it failed."""


def artifact_pull_refusal(shape: ArtifactShape, rule: ArtifactPull) -> ArtifactRefusal | None:
    """Why the pull of an artifact fails; None when it works."""
    if rule in ("config-refused", "type-refused"):
        return _not_an_image(shape, names_type=rule == "type-refused")
    diff_ids_count, layers_count = len(shape.diff_ids), shape.image_layers_count
    if shape.has_image_config and layers_count:
        if layers_count == diff_ids_count:
            return None
        reason = f"number of layers and diffIDs don't match: {layers_count} != {diff_ids_count}"
        return ArtifactRefusal(reason=reason, is_transferred=False)
    if rule == "unpacked-on-use":
        return None
    if rule == "all-blobs-unpacked":
        layers_count = len(shape.layers)
    if layers_count != diff_ids_count:
        return ArtifactRefusal(reason=_WHILE_PULLING + _MISMATCH, is_transferred=True, leaves_image=True)
    for (media_type, _), diff_id in zip(shape.layers, shape.diff_ids, strict=False):
        if not is_image_layer(media_type):
            reason = f"failed to get stream processor for {media_type}: no processor for media-type: unknown"
            reason = f"{_WHILE_PULLING}failed to extract layer {diff_id}: {reason}"
            return ArtifactRefusal(reason=reason, is_transferred=True, leaves_image=True)
    return None


def _not_an_image(shape: ArtifactShape, *, names_type: bool) -> ArtifactRefusal | None:
    if not shape.has_image_config:
        kind = (shape.artifact_type if names_type else "") or shape.config_media_type
        reason = f"unsupported image-specific operation on artifact with type {go_quote(kind)}"
        return ArtifactRefusal(reason=f"parsing image configuration: {reason}", is_transferred=False)
    for index, (media_type, digest) in enumerate(shape.layers):
        if not is_image_layer(media_type):
            diff_id = shape.diff_ids[index] if index < len(shape.diff_ids) else ""
            blob = f"{go_quote(digest)}/{go_quote('')}/{go_quote(diff_id)}"
            reason = "unpacking failed (error: exit status 1; output: unexpected EOF)"
            return ArtifactRefusal(reason=f"writing blob: adding layer with blob {blob}: {reason}", is_transferred=True)
    return None


def artifact_use_refusal(shape: ArtifactShape, *, use: Literal["container", "volume"]) -> str:
    """Why an artifact that was pulled as an image cannot be used; "" when it can, as an image without files.

    A container of an image without `diff_ids` has an empty root, and nobody looks at its layers.
    """
    if len(shape.diff_ids) == shape.image_layers_count or (use == "container" and not shape.diff_ids):
        return ""
    return _MISMATCH
