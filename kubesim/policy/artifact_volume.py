"""What a runtime that serves OCI artifacts as volumes mounts: one file for each blob that has a name.

Mirrors CRI-O: server/container_create_linux.go, mountArtifact and FilterMountPathsBySubPath; internal/ociartifact/
store.go, BlobMountPaths and artifactName; cyphar/filepath-securejoin: join.go, SecureJoinVFS.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kubesim.policy.go_path import go_clean
from kubesim.policy.go_quote import go_quote
from kubesim.policy.image_volume import ImageMount, ImageVolumeError, effective_sub_path
from kubesim.policy.image_volume_dialect import ImageVolumeDialect

_FAILED = "ImageVolumeMountFailed: "


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactFile:
    """One blob of an artifact as a file of the container."""

    destination: str
    """Where it is mounted: an absolute path, never above the container path of the mount."""
    index: int
    """Which blob: its position among all blobs of the artifact."""


def blob_name(annotations: Mapping[str, str], dialect: ImageVolumeDialect) -> str:
    """The file name of a blob; "" for one that is left out. An empty title hides the other annotations."""
    return next((annotations[key] for key in dialect.artifact_names if key in annotations), "")


def artifact_files(
    blobs: Sequence[Mapping[str, str]], mount: ImageMount, dialect: ImageVolumeDialect
) -> tuple[ArtifactFile, ...] | None:
    """The files of an artifact mount, in the order of the blobs, which is the order of the mounts.

    `blobs` are the annotations of each. Two blobs may have one name: the later one is mounted over the first. A sub
    path is a filter on the beginning of the names, and is cut off. None where this version takes the mount for one of
    an image after all.

    Raises:
        ImageVolumeError: no name begins with the sub path, or the container path cannot be joined with a name.
    """
    named = [(name, index) for index, blob in enumerate(blobs) if (name := blob_name(blob, dialect))]
    sub_path = effective_sub_path(mount, dialect)
    if sub_path not in ("", "."):
        prefix = go_clean(sub_path) + "/"
        named = [(name.removeprefix(prefix), index) for name, index in named if name.startswith(prefix)]
        if not named:
            text = f"sub path {go_quote(sub_path)} does not exist in OCI artifact volume {go_quote(mount.image)}"
            raise artifact_error(_FAILED + text, dialect)
    if named and ".." in mount.container_path.split("/"):
        if dialect.artifact_errors == "sub-path":
            return None
        joined = f"container path {go_quote(mount.container_path)} and artifact blob path {go_quote(named[0][0])}"
        reason = "root path provided to SecureJoin contains '..' components"
        raise artifact_error(f"failed to join {joined}: {reason}", dialect)
    return tuple(ArtifactFile(destination=_joined(mount.container_path, name), index=index) for name, index in named)


def artifact_error(text: str, dialect: ImageVolumeDialect) -> ImageVolumeError:
    """A refusal of an artifact; where every error is introduced, the one that names itself is so twice."""
    return ImageVolumeError(_FAILED + text if dialect.artifact_errors == "all" else text)


def _joined(root: str, name: str) -> str:
    """`name` below `root`: a `..` stays there, and a leading slash means nothing.

    CRI-O also follows links that the node, not the image, has at these paths.
    """
    return go_clean(f"{root}/{go_clean('/' + name)}")
