"""Artifacts in a runtime that knows images alone: what it keeps of them, and where they fail.

Mirrors containerd: client/pull.go, Pull; CRI-O before 1.33: internal/storage/image.go, PullImage.
"""

from __future__ import annotations

from collections.abc import Callable

from kubesim.images.artifact_image import artifact_shape, as_container_image
from kubesim.images.image import Image
from kubesim.policy.artifact_pull import ArtifactRefusal, artifact_pull_refusal, artifact_use_refusal
from kubesim.runtime import container_refusals as say
from kubesim.runtime.daemon import Daemon


def as_kept(daemon: Daemon, image: Image) -> Image:
    """What this runtime has of an image or an artifact."""
    if image.artifact is None or daemon.profile.images.stores_artifacts:
        return image
    return as_container_image(image)


def kept_content(daemon: Daemon, image_id: str, digest: str, find: Callable[[str, str], Image | None]) -> Image | None:
    """The image that this runtime has under an id and a digest; None for none. `find` looks one up by both.

    An artifact is found by its digest, whatever id this runtime gave it.
    """
    found = find(image_id, digest)
    if found is not None:
        return found
    artifact = find(digest, digest)
    kept = None if artifact is None else as_kept(daemon, artifact)
    return kept if kept is not None and kept.id == image_id else None


def pull_refusal_of(daemon: Daemon, image: Image) -> ArtifactRefusal | None:
    """Why the pull of what `as_kept` returned fails; None when it works."""
    if image.made_of is None:
        return None
    return artifact_pull_refusal(artifact_shape(image.made_of), daemon.profile.images.artifact_pull)


def check_root(daemon: Daemon, image: Image) -> None:
    """Refuse an image that cannot be unpacked for a container. Raises CriError."""
    if image.made_of is None:
        return
    reason = artifact_use_refusal(artifact_shape(image.made_of), use="container")
    if reason:
        raise daemon.refuse(say.ROOT_NOT_UNPACKED, reason=reason)


def volume_refusal_of(image: Image) -> str:
    """Why an image cannot be unpacked for a volume; "" when it can."""
    return "" if image.made_of is None else artifact_use_refusal(artifact_shape(image.made_of), use="volume")
