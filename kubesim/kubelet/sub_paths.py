"""Parts of volumes: where a container's sub path leads, and the place at which the runtime is given it.

A container could change a path below its volume while the runtime mounts it. So the kubelet follows the path itself,
once, and binds what it found to a place that no container reaches.

Mirrors Kubernetes: pkg/kubelet/kubelet_pods.go (makeMounts) and pkg/volume/util/subpath/subpath_linux.go
(SafeMakeDir, PrepareSafeSubpath).
"""

from __future__ import annotations

import errno
import os
from posixpath import normpath

from kubesim.errors import KubesimError
from kubesim.kubelet.host_path import real_path
from kubesim.kubelet.outside import HostFiles
from kubesim.kubelet.volume_directory import make_sub_directories

DIRECTORY_MODE = 0o750
FILE_MODE = 0o640


class SubPathFailed(KubesimError):
    """A sub path cannot be had. `str(error)` is the step that failed: what the host said is kept from the pod."""


def prepare_sub_path(files: HostFiles, *, volume: str, sub_path: str, place: str) -> str:
    """The path to mount for a part of the volume at the path `volume`; the part is made where nothing is.

    That is `place`, to which it is bound, or on a host that binds nothing the part itself. Raises SubPathFailed.
    """
    path = normpath(f"{volume}/{sub_path}")
    try:
        found = real_path(files, path)
    except OSError as error:
        # A path through a file is no path that is missing: nothing is made.
        raise SubPathFailed("prepare subPath") from error
    if found is None:
        found = _made(files, volume, normpath(sub_path), path)
    try:
        if not _is_within(found, real_path(files, volume)):
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), path)
        return _bound(files, found, place)
    except OSError as error:
        raise SubPathFailed("prepare subPath") from error


def _made(files: HostFiles, volume: str, sub_path: str, path: str) -> str:
    """The path once its directories are there. Raises SubPathFailed."""
    try:
        _check_way(files, volume, sub_path)
        make_sub_directories(files, volume, sub_path)
        found = real_path(files, path)
        if found is None:
            # A link to nothing has the name already.
            raise OSError(errno.EEXIST, os.strerror(errno.EEXIST), path)
    except OSError as error:
        raise SubPathFailed("create subPath directory") from error
    return found


def _check_way(files: HostFiles, volume: str, sub_path: str) -> None:
    """Nothing is made where a link leads out of the volume. Raises OSError."""
    root = real_path(files, volume)
    current = volume
    for name in sub_path.split("/"):
        current = f"{current}/{name}"
        found = real_path(files, current)
        if found is None:
            return
        if not _is_within(found, root):
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), current)


def _is_within(path: str, root: str | None) -> bool:
    return root is not None and f"{path}/".startswith(f"{root.rstrip('/')}/")


def _bound(files: HostFiles, path: str, place: str) -> str:
    """The path at which the runtime finds what is at `path` now. Raises OSError."""
    if not files.can_bind:
        return path
    files.make_dirs(place.rpartition("/")[0], DIRECTORY_MODE)
    if files.kind(path) == "directory":
        files.make_dirs(place, DIRECTORY_MODE)
    else:
        files.write(place, b"", FILE_MODE)
    files.bind(path, place)
    return place
