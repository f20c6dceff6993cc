"""An artifact as a runtime sees it that knows images alone.

Its config is read as the config of an image, and says nothing; its blobs are no layers, so it has no files. All
artifacts with one config, such as the empty one, are one image.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from kubesim.images.image import ContentBlob, Image
from kubesim.policy.artifact_pull import ArtifactShape

_BLANK_CONFIG = b'{"architecture":"","os":"","config":{},"rootfs":{"type":"","diff_ids":null}}'
"""What Go writes for a config with nothing in it. Formats: opencontainers/image-spec: config.md."""


def artifact_shape(artifact: Image) -> ArtifactShape:
    """What the documents of an artifact say of its blobs; they were checked when it was loaded."""
    manifest = json.loads(artifact.manifest_json)
    return ArtifactShape(
        artifact_type=str(manifest.get("artifactType", "")),
        config_media_type=str(manifest["config"].get("mediaType", "")),
        layers=tuple((str(layer.get("mediaType", "")), str(layer["digest"])) for layer in manifest["layers"]),
        diff_ids=_diff_ids(artifact.config_json),
    )


def as_container_image(artifact: Image) -> Image:
    """The image that an artifact is to whoever does not know artifacts: under its names, with its bytes, and empty."""
    config = json.loads(artifact.manifest_json)["config"]
    documents = (
        ContentBlob(artifact.instance_digest or artifact.digest, len(artifact.manifest_json)),
        ContentBlob(str(config["digest"]), int(config["size"])),
    )
    return replace(
        artifact,
        id=str(config["digest"]),
        size_bytes=sum(blob.size_bytes for blob in documents) + artifact.size_bytes,
        unpacked_bytes=0,
        config_json=_BLANK_CONFIG,
        blobs=(*documents, *artifact.blobs),
        artifact=None,
        made_of=artifact,
    )


def _diff_ids(config_json: bytes) -> tuple[str, ...]:
    try:
        config: Any = json.loads(config_json)
    except ValueError:
        return ()  # not every artifact has JSON there
    rootfs = config.get("rootfs") if isinstance(config, dict) else None
    found = rootfs.get("diff_ids") if isinstance(rootfs, dict) else None
    return tuple(map(str, found)) if isinstance(found, list) else ()
