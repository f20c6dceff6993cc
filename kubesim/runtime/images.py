"""ListImages, ImageStatus and RemoveImage.

Mirrors containerd: internal/cri/server/images/image_list.go, image_status.go and image_remove.go; CRI-O:
server/image_list.go, image_status.go and image_remove.go, with internal/storage/image.go, UntagImage.
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
from kubesim.runtime.present_image import ImageMatch, PresentImage
from kubesim.runtime.refusal import Refusal


def list_images(daemon: Daemon, request: api.ListImagesRequest) -> api.ListImagesResponse | bytes:
    """The images on the node. The filter names one image, or is ignored: that is the profile's."""
    if _is_lookup(daemon, request.filter):
        return api.ListImagesResponse(images=_rows_found(daemon, request.filter.image.image))
    return daemon.images.encoded_list(
        lambda: api.ListImagesResponse(images=_all_rows(daemon)).SerializeToString(deterministic=True)
    )


def image_rows(daemon: Daemon, asked: api.ImageFilter) -> list[api.Image]:
    """The rows of the list. They are kept; a caller copies them (putting one into a message does)."""
    return _rows_found(daemon, asked.image.image) if _is_lookup(daemon, asked) else _all_rows(daemon)


def _is_lookup(daemon: Daemon, asked: api.ImageFilter) -> bool:
    return daemon.profile.images.list_filter == "lookup" and bool(asked.image.image)


def _all_rows(daemon: Daemon) -> list[api.Image]:
    images = daemon.images
    presents = list(images)
    if daemon.profile.list_order == "unordered":
        presents.sort(key=lambda present: present.image.id)
    return [row for present in presents for row in images.rows(present)]


def _rows_found(daemon: Daemon, text: str) -> list[api.Image]:
    """An image, and an artifact of the same name."""
    images = daemon.images
    found = _find(daemon, text).found
    rows = [] if found is None or images.is_apart(found.image) else list(images.rows(found))
    artifact = images.find_artifact(text)
    if artifact.found is not None:
        rows.append(images.artifact_message(artifact.found, artifact.name))
    return rows


def image_status(daemon: Daemon, request: api.ImageStatusRequest) -> api.ImageStatusResponse | bytes:
    """One image; an answer without one when it is not on the node."""
    match = _find(daemon, request.image.image)
    found = match.found
    if found is None:
        return api.ImageStatusResponse()
    if daemon.images.is_apart(found.image):
        return api.ImageStatusResponse(image=daemon.images.artifact_message(found, match.name))
    if not request.verbose or found.image.artifact is not None:
        return daemon.images.encoded_status(found)
    response = api.ImageStatusResponse(image=daemon.images.message(found, in_status=True))
    response.info["info"] = _info(daemon, found.image)
    return response


async def remove_image(daemon: Daemon, request: api.RemoveImageRequest) -> api.RemoveImageResponse:
    """Take an image off the node, or one name of it; fine when it is not there."""
    text = request.image.image
    match = _find(daemon, text, is_removal=True)
    present = match.found
    is_image = present is not None and not daemon.images.is_apart(present.image)
    if present is not None and is_image:
        _remove(daemon, present, match.name)
    if match.name or not is_image:
        _remove_artifact(daemon, text)
    return api.RemoveImageResponse()


def _remove(daemon: Daemon, present: PresentImage, name: str) -> None:
    switches = daemon.profile.images
    _refuse_volume_in_use(daemon, present, name)
    keeps_image = switches.remove_by_name == "that-name" and _has_names_besides(present, name)
    if switches.remove_in_use == "refused" and not keeps_image:
        _refuse_in_use(daemon, present, say.IN_USE_BY_NAME if name else say.IN_USE)
    if keeps_image:
        daemon.images.untag(present, name)
    else:
        daemon.images.remove(present)


def _remove_artifact(daemon: Daemon, text: str) -> None:
    """Take one name of an artifact away."""
    images = daemon.images
    with_id = images.artifact_with_id(text)
    if with_id is not None:
        # A whole id is looked for among images alone, and what is not there is gone already.
        _refuse_volume_in_use(daemon, with_id, "")
        return
    match = images.find_artifact(text)
    if match.refusal:
        raise unknown(f"failed to get artifact: {match.refusal}")
    if match.found is None:
        return
    _refuse_volume_in_use(daemon, match.found, match.name)
    is_digits = match.found.image.id.partition(":")[2].startswith(text)
    if daemon.profile.images.artifact_lookup == "short-names" and text != match.name and not is_digits:
        return  # its store is asked for the name as it came, which no artifact has; that error is only logged
    images.untag(match.found, match.name)


def _has_names_besides(present: PresentImage, name: str) -> bool:
    """Whether taking this name away leaves the image."""
    return bool(name) and not present.names <= {name}


def _find(daemon: Daemon, text: str, *, is_removal: bool = False) -> ImageMatch:
    if not text and daemon.profile.images.empty_key == "refused":
        raise daemon.refuse(say.NAME_MISSING)
    match = daemon.images.find(text)
    if match.is_ambiguous:
        raise daemon.refuse(say.AMBIGUOUS, image=text)
    if match.refusal and (is_removal or not match.is_unknown_id):
        raise unknown(match.refusal)
    return match


def _refuse_volume_in_use(daemon: Daemon, present: PresentImage, name: str) -> None:
    rule = daemon.profile.images.remove_volume
    if rule == "allowed" or (rule == "refused-by-name" and not name):
        return
    row = say.MOUNTED_AS_VOLUME if rule == "refused-by-name" else say.IN_USE_AS_VOLUME
    for container in daemon.containers:
        if any(image.id == present.image.id for image in container.volume_images):
            raise daemon.refuse(row, container_id=container.id, image=name)


def _refuse_in_use(daemon: Daemon, present: PresentImage, row: Refusal) -> None:
    # Every sandbox has a container of its own in the storage, made of the pause image.
    if daemon.profile.pause_image in present.names:
        for sandbox in daemon.sandboxes:
            raise daemon.refuse(row, container_id=sandbox.id)
    for container in daemon.containers:
        if container.image.id == present.image.id:
            raise daemon.refuse(row, container_id=container.id)


def _info(daemon: Daemon, image: Image) -> str:
    values: dict[str, Any] = {
        "chainID": image.chain_id,
        "labels": dict(image.config.labels),
        "imageSpec": json.loads(image.config_json),
    }
    return go_json({key: values[key] for key in daemon.profile.images.info_keys if values[key]})
