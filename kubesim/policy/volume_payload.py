"""The files that ConfigMaps, Secrets and the downward API become in a volume.

Mirrors Kubernetes: pkg/volume/configmap/configmap.go and pkg/volume/secret/secret.go (MakePayload),
pkg/volume/util/atomic_writer.go (validatePath, pathsToRemove), pkg/volume/util/nested_volumes.go and
pkg/volume/volume_linux.go (changeFilePermission).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from kubesim.policy.go_path import go_clean
from kubesim.policy.go_quote import go_quote

PATH_LENGTH_MAX = 4096
FILE_NAME_LENGTH_MAX = 255
SETGID = 0o2000


class PayloadError(Exception):
    """The files of a volume cannot be made; the text is the kubelet's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """One file of a volume: its bytes and permission bits, and its user, None for root."""

    data: bytes
    mode: int
    uid: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """Which entry becomes which file; `mode` None is that of the volume."""

    key: str
    path: str
    mode: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Projection:
    """An object as files: all of its entries, or those that `items` name."""

    data: Mapping[str, bytes]
    items: Sequence[Item] = ()
    default_mode: int
    is_optional: bool = False


def projected_files(projection: Projection, *, is_secret: bool) -> dict[str, File]:
    """The files by their paths. Raises PayloadError for an item whose entry is missing."""
    if not projection.items:
        return {key: File(data=data, mode=projection.default_mode) for key, data in projection.data.items()}
    files = {}
    for item in projection.items:
        data = projection.data.get(item.key)
        if data is not None:
            files[item.path] = File(data=data, mode=projection.default_mode if item.mode is None else item.mode)
        elif not projection.is_optional:
            what = "references non-existent secret key" if is_secret else "configmap references non-existent config key"
            raise PayloadError(f"{what}: {item.key}")
    return files


def checked_files(files: Mapping[str, File]) -> dict[str, File]:
    """The files by their cleaned paths. Raises PayloadError for a path that leads out of the volume."""
    for path in files:
        problem = _path_problem(path)
        if problem:
            raise PayloadError(f"invalid path: {problem}")
    return {go_clean(path): file for path, file in files.items()}


def _path_problem(path: str) -> str:
    if not path:
        return f"must not be empty: {go_quote(path)}"
    if path.startswith("/"):
        return f"must be relative path: {path}"
    if len(path.encode()) > PATH_LENGTH_MAX:
        return f"must be less than or equal to {PATH_LENGTH_MAX} characters"
    names = path.split("/")
    if ".." in names:
        return f"must not contain '..': {path}"
    if any(len(name.encode()) > FILE_NAME_LENGTH_MAX for name in names):
        return f"filenames must be less than or equal to {FILE_NAME_LENGTH_MAX} characters"
    return f"must not start with '..': {path}" if names[0].startswith("..") else ""


def visible_names(paths: Iterable[str]) -> list[str]:
    """What a user sees in the root of the volume: the first names of all paths, sorted."""
    return sorted({path.partition("/")[0] for path in paths})


def nested_mount_points(volume: str, containers: Iterable[Sequence[tuple[str, str]]]) -> list[str]:
    """Directories that must be in a volume because something else is mounted below it, relative to the volume.

    `containers` are the volume mounts of each container: (volume name, mount path). Raises PayloadError for a volume
    that is mounted outside of its container's files.
    """
    found: dict[str, None] = {}
    for mounts in containers:
        paths = sorted(go_clean(path) for _, path in mounts)
        for root in [go_clean(path) for name, path in mounts if name == volume]:
            if root.startswith("../"):
                raise PayloadError(f"invalid container mount point {root}")
            seen: list[str] = []
            for path in paths:
                # What lies below another mount in this volume is made there.
                if path.startswith(f"{root}/") and not any(path.startswith(f"{one}/") for one in seen):
                    seen.append(path)
                    found[path.removeprefix(f"{root}/")] = None
    return list(found)


def group_mode(mode: int, *, is_directory: bool, is_read_only: bool) -> int:
    """The permission bits once the volume belongs to the pod's fsGroup."""
    mode |= 0o440 if is_read_only else 0o660
    return mode | SETGID | 0o110 if is_directory else mode
