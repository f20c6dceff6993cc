"""ListImages, ImageStatus, RemoveImage and ImageFsInfo.

Mirrors containerd: internal/cri/server/images/image_list.go, image_status.go, image_remove.go and imagefs_info.go;
CRI-O: server/image_list.go, image_status.go, image_remove.go and image_fs_info.go.
"""

from __future__ import annotations

import json
from typing import Any

from kubesim.cri import api
from kubesim.cri.errors import unknown
from kubesim.images.image import Image
from kubesim.runtime import image_refusals as say
from kubesim.runtime.daemon import Daemon
from kubesim.runtime.go_json import go_json
from kubesim.runtime.image_store import ImageMatch, PresentImage


async def list_images(daemon: Daemon, request: api.ListImagesRequest) -> api.ListImagesResponse:
    """The images on the node. The filter names one image, or is ignored: that is the profile's."""
    return api.ListImagesResponse(images=image_rows(daemon, request.filter))


def image_rows(daemon: Daemon, asked: api.ImageFilter) -> list[api.Image]:
    """The rows of the list."""
    images = daemon.images
    if daemon.profile.images.list_filter == "lookup" and asked.image.image:
        found = _find(daemon, asked.image.image).found
        return [images.message(found)] if found is not None else []
    presents = list(images)
    if daemon.profile.list_order == "unordered":
        presents.sort(key=lambda present: present.image.id)
    return [images.message(present) for present in presents]


async def image_status(daemon: Daemon, request: api.ImageStatusRequest) -> api.ImageStatusResponse:
    """One image; an answer without one when it is not on the node."""
    found = _find(daemon, request.image.image).found
    if found is None:
        return api.ImageStatusResponse()
    response = api.ImageStatusResponse(image=daemon.images.message(found, has_spec=True))
    if request.verbose and found.image.artifact is None:
        response.info["info"] = _info(daemon, found.image)
    return response


async def remove_image(daemon: Daemon, request: api.RemoveImageRequest) -> api.RemoveImageResponse:
    """Take an image off the node; fine when it is not there."""
    match = _find(daemon, request.image.image)
    present = match.found
    if present is None:
        return api.RemoveImageResponse()
    switches = daemon.profile.images
    if switches.remove_in_use == "refused":
        _refuse_volume_in_use(daemon, present)
    if switches.remove_by_name == "that-name" and match.name and len(present.names) > 1:
        if match.name in present.names:
            daemon.images.untag(present, match.name)
        return api.RemoveImageResponse()
    if switches.remove_in_use == "refused":
        for container in daemon.containers:
            if container.image.id == present.image.id:
                raise daemon.refuse(say.IN_USE, container_id=container.id)
    daemon.images.remove(present)
    return api.RemoveImageResponse()


async def image_fs_info(daemon: Daemon, _request: api.ImageFsInfoRequest) -> api.ImageFsInfoResponse:
    """How much of the disk the images take."""
    usage = api.FilesystemUsage(
        timestamp=daemon.kernel.now_ns,
        fs_id=api.FilesystemIdentifier(mountpoint=daemon.image_fs_path),
        used_bytes=api.UInt64Value(value=daemon.images.used_bytes),
        # An image is at least its config, its manifest and a layer.
        inodes_used=api.UInt64Value(value=3 * len(daemon.images)),
    )
    response = api.ImageFsInfoResponse(image_filesystems=[usage])
    if daemon.profile.images.container_filesystems:
        response.container_filesystems.append(usage)
    return response


def _find(daemon: Daemon, text: str) -> ImageMatch:
    if not text and daemon.profile.images.empty_key == "refused":
        raise daemon.refuse(say.NAME_MISSING)
    match = daemon.images.find(text)
    if match.is_ambiguous:
        raise daemon.refuse(say.AMBIGUOUS, image=text)
    if match.refusal:
        raise unknown(match.refusal)
    return match


def _refuse_volume_in_use(daemon: Daemon, present: PresentImage) -> None:
    for container in daemon.containers:
        if present.image in container.volume_images:
            raise daemon.refuse(say.IN_USE_AS_VOLUME, container_id=container.id)


def _info(daemon: Daemon, image: Image) -> str:
    values: dict[str, Any] = {
        "chainID": image.chain_id,
        "labels": dict(image.config.labels),
        "imageSpec": json.loads(image.config_json),
    }
    return go_json({key: values[key] for key in daemon.profile.images.info_keys if values[key]})
