"""Is what lies at the path of a hostPath volume what its type asks for?

Mirrors Kubernetes: pkg/volume/hostpath/host_path.go, checkTypeInternal.
"""

from __future__ import annotations

from typing import Literal

_WANTED = {
    "Directory": ("directory", "directory"),
    "DirectoryOrCreate": ("directory", "directory"),
    "File": ("file", "file"),
    "FileOrCreate": ("file", "file"),
    "Socket": ("socket", "socket file"),
    "CharDevice": ("device", "character device"),
    "BlockDevice": ("block device", "block device"),
}
"""By the type of the volume: the kind of file, and what a message calls it."""


def host_path_to_make(type_: str, kind: str | None) -> Literal["", "directory", "file"]:
    """What the kubelet makes where nothing is (`kind` None); empty when nothing is to be made."""
    if kind is not None or not type_.endswith("OrCreate"):
        return ""
    return "directory" if type_ == "DirectoryOrCreate" else "file"


def host_path_type_problem(path: str, type_: str, kind: str | None) -> str:
    """Why a path is not what the type says; empty when it is, and for a type that asks for nothing.

    `kind` is what is at the end of all links: file, directory, socket, device (of characters), block device, another
    word for any other file; None for nothing.
    """
    if type_ not in _WANTED:
        return ""
    expected, name = _WANTED[type_]
    return "" if kind == expected else f"hostPath type check failed: {path} is not a {name}"
