"""ImageFsInfo: what images, and the containers beside them, take on the disk.

The numbers are those of the moment. containerd collects its own every ten seconds, so they may be that old.

Mirrors containerd: internal/cri/server/images/imagefs_info.go; CRI-O: server/image_fs_info.go, getStorageFsInfo.
"""

from __future__ import annotations

import posixpath
from typing import NamedTuple

from kubesim.cri import api
from kubesim.images.image import ImageLayer
from kubesim.runtime.daemon import Daemon
from kubesim.runtime.stats_messages import layer_usage

_DIRECTORY_BYTES = 4096
_RECORD_BYTES = 512
"""An entry of images.json, without names and digests."""
_RECORD_FILES = 4
"""The directory of an image with its config, and with its manifest under two names."""


class Usage(NamedTuple):
    """Bytes and inodes of a directory tree."""

    used_bytes: int
    inodes: int


def image_fs_info(daemon: Daemon, _request: api.ImageFsInfoRequest) -> api.ImageFsInfoResponse:
    """How much of the disk the images take."""
    images = daemon.profile.images
    usage = _snapshots(daemon) if images.filesystem_usage == "snapshots" else _records(daemon)
    if images.image_store:
        # Images and containers lie apart, in directories named after what they hold.
        containers_path = posixpath.join(posixpath.dirname(daemon.image_fs_path), "overlay-containers")
        return api.ImageFsInfoResponse(
            image_filesystems=[_message(daemon, f"{images.image_store}/overlay-images", usage)],
            container_filesystems=[_message(daemon, containers_path, _container_records(daemon))],
        )
    message = _message(daemon, daemon.image_fs_path, usage)
    response = api.ImageFsInfoResponse(image_filesystems=[message])
    if images.container_filesystems:
        response.container_filesystems.append(message)
    return response


def disk_bytes(daemon: Daemon) -> int:
    """What images and containers take on the disk, whatever ImageFsInfo counts of it."""
    return _snapshots(daemon).used_bytes


def _message(daemon: Daemon, path: str, usage: Usage) -> api.FilesystemUsage:
    return api.FilesystemUsage(
        timestamp=daemon.kernel.now_ns,
        fs_id=api.FilesystemIdentifier(mountpoint=path),
        used_bytes=api.UInt64Value(value=usage.used_bytes),
        inodes_used=api.UInt64Value(value=usage.inodes),
    )


def _snapshots(daemon: Daemon) -> Usage:
    """One snapshot for each layer with what is below it, and one for each sandbox and container.

    The layers of an image that was removed stay while a container has them below its own.
    """
    layers = daemon.images.layers
    left: dict[str, ImageLayer] = {}
    inodes = layers.entries + len(daemon.sandboxes)  # a snapshot each, with nothing but its top directory
    used_bytes = layers.size_bytes + len(daemon.sandboxes) * _DIRECTORY_BYTES
    for container in daemon.containers:
        for image in (container.image, *container.volume_images):
            if daemon.images.by_id(image.id) is None:
                left |= {layer.chain_id: layer for layer in image.layers if layer.chain_id not in layers.chain_ids}
        writable = layer_usage(container)
        used_bytes += writable.used_bytes
        inodes += writable.inodes_count
    for layer in left.values():
        used_bytes += layer.size_bytes
        inodes += layer.entries
    return Usage(used_bytes, inodes)


def _records(daemon: Daemon) -> Usage:
    """CRI-O walks overlay-images, where the records of images lie; their layers are in overlay."""
    used_bytes, inodes = _DIRECTORY_BYTES, 3  # the directory, images.json and its lock
    for present in daemon.images:
        image = present.image
        if image.artifact is not None:
            continue  # artifacts have a directory of their own
        names_bytes = sum(map(len, present.names)) + sum(map(len, present.digests))
        used_bytes += _DIRECTORY_BYTES + 2 * len(image.manifest_json) + len(image.config_json)
        used_bytes += _RECORD_BYTES + names_bytes
        inodes += _RECORD_FILES
    return Usage(used_bytes, inodes)


def _container_records(daemon: Daemon) -> Usage:
    count = len(daemon.sandboxes) + len(daemon.containers)
    return Usage(_DIRECTORY_BYTES + count * (_DIRECTORY_BYTES + _RECORD_BYTES), 3 + 2 * count)
