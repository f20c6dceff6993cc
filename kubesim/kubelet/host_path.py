"""Paths of the host that volumes name: where they lead, and what is made where there is nothing.

Mirrors Kubernetes: pkg/volume/hostpath/host_path.go (checkType, MakeDir, MakeFile) and pkg/volume/util/hostutil
(getFileType).
"""

from __future__ import annotations

import errno
import os

from kubesim.kubelet.outside import HostFiles
from kubesim.model import k8s_v1 as v1
from kubesim.policy.host_path import host_path_to_make, host_path_type_problem

LINKS_MAX = 40


def host_path_problem(files: HostFiles, source: v1.HostPathVolumeSource) -> str:
    """Why the path is not what its type says; empty when it is, or when there is no type."""
    wanted = source.type or ""
    if not wanted:
        return ""
    kind = _kind(files, source.path)
    wanting = host_path_to_make(wanted, kind)
    if wanting:
        return _make(files, source.path, wanting)
    return host_path_type_problem(source.path, wanted, kind)


def real_path(files: HostFiles, path: str) -> str | None:
    """A path without links; None where nothing is, and behind a link that leads nowhere.

    Raises OSError ELOOP for links without an end, and ENOTDIR for a path through a file.
    Mirrors Go: path/filepath/symlink.go, walkSymlinks.
    """
    done: list[str] = []
    rest = path.split("/")[::-1]
    links_count = 0
    while rest:
        name = rest.pop()
        if name in ("", "."):
            continue
        if name == "..":
            del done[-1:]
            continue
        step = "/".join(["", *done, name])
        kind = files.kind(step)
        if kind is None:
            return None
        if kind == "symlink":
            links_count += 1
            if links_count > LINKS_MAX:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
            target = files.read_link(step)
            done = [] if target.startswith("/") else done
            rest += target.split("/")[::-1]
            continue
        if kind != "directory" and any(rest):
            raise OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), path)
        done.append(name)
    return "/" + "/".join(done)


def _kind(files: HostFiles, path: str) -> str | None:
    """What is at the end of all links; None for nothing, and for a link that leads nowhere."""
    try:
        found = real_path(files, path)
    except OSError:
        return None
    return None if found is None else files.kind(found)


def _make(files: HostFiles, path: str, wanting: str) -> str:
    try:
        if wanting == "directory":
            files.make_dirs(path)
        else:
            files.write(path, b"")
    except OSError as error:
        call = "mkdir" if wanting == "directory" else "open"
        return f"{call} {path}: {(error.strerror or str(error)).lower()}"
    return ""
