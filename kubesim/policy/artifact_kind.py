"""Whether a manifest is a container image or an artifact, as CRI-O decides it at a pull.

Mirrors CRI-O: internal/ociartifact/store.go, EnsureNotContainerImage (PullManifest before 1.35), and
internal/storage/image.go, pullImageImplementation; containers/image: internal/image/oci.go, OCIConfig.
"""

from __future__ import annotations

from collections.abc import Iterable

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"

IMAGE_MANIFESTS = frozenset(
    {
        OCI_MANIFEST,
        DOCKER_MANIFEST,
        "application/vnd.docker.distribution.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v1+prettyjws",
    }
)
IMAGE_CONFIGS = frozenset({"", OCI_CONFIG, DOCKER_CONFIG})

_DOCKER_LAYERS = frozenset(
    {
        "application/vnd.docker.image.rootfs.diff.tar",
        "application/vnd.docker.image.rootfs.diff.tar.gzip",
        "application/vnd.docker.image.rootfs.diff.tar.zstd",
        "application/vnd.docker.image.rootfs.foreign.diff.tar",
        "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
    }
)


def is_artifact(
    *, manifest_media_type: str, config_media_type: str, artifact_type: str, is_oci_manifest: bool = True
) -> bool:
    """Whether a manifest is an artifact and no container image. An index is resolved to one manifest first.

    `is_oci_manifest` is whether the document can be read as an OCI manifest: one that cannot has no artifact type.

    >>> is_artifact(manifest_media_type=OCI_MANIFEST, config_media_type=OCI_CONFIG, artifact_type="")
    False
    >>> is_artifact(manifest_media_type=OCI_MANIFEST, config_media_type=OCI_CONFIG, artifact_type="application/x")
    True
    """
    if manifest_media_type not in IMAGE_MANIFESTS or config_media_type not in IMAGE_CONFIGS:
        return True
    return is_oci_manifest and bool(artifact_type)


def is_unpackable(*, config_media_type: str, layer_media_types: Iterable[str]) -> bool:
    """Whether an artifact can be taken for an image all the same: its config is an image's, and so are its layers.

    containerd never asks for an artifact type, and CRI-O since 1.33.4 only when it could not unpack the layers. So this
    decides before `is_artifact` does, everywhere but in CRI-O 1.33.0 to 1.33.3.
    """
    return config_media_type in IMAGE_CONFIGS and all(map(is_image_layer, layer_media_types))


def is_image_layer(media_type: str) -> bool:
    """Whether a blob is a layer to be unpacked. Mirrors containerd: core/images/mediatypes.go, IsLayerType."""
    return media_type.startswith("application/vnd.oci.image.layer.") or media_type.partition("+")[0] in _DOCKER_LAYERS
