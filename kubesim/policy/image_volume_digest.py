"""containerStatuses[].volumeMounts[].volumeStatus: which image an image volume really is (KEP-5365).

As released (1.35, 1.36) the mount is looked for by the name of its volume, which CRI does not have, so that none is
found. The fix kubernetes#142120 looks for its path in the container, and takes what the runtime says of it.

Mirrors kubelet: pkg/kubelet/kubelet_pods.go, convertToAPIContainerStatuses.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from kubesim.model.frozen_records import replace
from kubesim.policy.go_path import go_clean
from kubesim.policy.kubelet_fixes import IMAGE_VOLUME_DIGEST
from kubesim.policy.pod_view import ImageVolumeMount, VolumeMountStatus


def mounts_with_digests(
    mounts: Sequence[VolumeMountStatus],
    image_volumes: Collection[str],
    reported: Sequence[ImageVolumeMount],
    fixes: Collection[str],
) -> tuple[VolumeMountStatus, ...]:
    """The mounts of a container that the runtime knows, with the digests that can be told.

    `image_volumes` are the names of the pod's image volumes, `reported` the runtime's mounts with an image. A digest
    that is not reported any more is cleared. Only with the gate ImageVolumeWithDigest.
    """
    if IMAGE_VOLUME_DIGEST not in fixes:
        return tuple(mounts)
    refs = {go_clean(one.container_path): one.image_ref for one in reversed(reported)}
    return tuple(
        replace(mount, image_ref=refs.get(go_clean(mount.mount_path), "")) if mount.name in image_volumes else mount
        for mount in mounts
    )
