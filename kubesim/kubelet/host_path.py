"""What a hostPath volume wants to find on the host, and makes where there is nothing.

Mirrors Kubernetes: pkg/volume/hostpath/host_path.go, checkType, and pkg/volume/util/hostutil, getFileType.
"""

from __future__ import annotations

from posixpath import dirname, join

from kubesim.kubelet.outside import HostFiles
from kubesim.model import k8s_v1 as v1

LINKS_MAX = 40

_KINDS = {
    "Directory": ("directory", "directory"),
    "DirectoryOrCreate": ("directory", "directory"),
    "File": ("file", "file"),
    "FileOrCreate": ("file", "file"),
    "Socket": ("socket", "socket file"),
    "CharDevice": ("device", "character device"),
    "BlockDevice": ("block device", "block device"),
}
"""By the type of the volume: what `kind` says of such a file, and what a message says."""


def host_path_problem(files: HostFiles, source: v1.HostPathVolumeSource) -> str:
    """Why the path is not what its type says; empty when it is, or when there is no type."""
    wanted = source.type or ""
    if wanted not in _KINDS:
        return ""
    kind = _kind(files, source.path)
    if kind is None and wanted.endswith("OrCreate"):
        return _make(files, source.path, wanted)
    expected, name = _KINDS[wanted]
    return "" if kind == expected else f"hostPath type check failed: {source.path} is not a {name}"


def _kind(files: HostFiles, path: str) -> str | None:
    """What is at the end of all links; None for nothing, and for a link that leads nowhere."""
    for _ in range(LINKS_MAX):
        kind = files.kind(path)
        if kind != "symlink":
            return kind
        path = join(dirname(path), files.read_link(path))
    return None


def _make(files: HostFiles, path: str, wanted: str) -> str:
    try:
        if wanted == "DirectoryOrCreate":
            files.make_dirs(path)
        else:
            files.write(path, b"")
    except OSError as error:
        call = "mkdir" if wanted == "DirectoryOrCreate" else "open"
        return f"{call} {path}: {(error.strerror or str(error)).lower()}"
    return ""
