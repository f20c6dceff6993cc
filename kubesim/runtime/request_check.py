"""Texts of a request that no runtime can use, wherever they stand."""

from __future__ import annotations

from collections.abc import Mapping
from posixpath import normpath

from kubesim.runtime import sandbox_refusals as say
from kubesim.runtime.daemon import Daemon


def check_text(daemon: Daemon, field: str, value: str) -> None:
    """Refuse a NUL byte: the kernel ends a path or a name there, and what follows would be dropped in silence."""
    if "\0" in value:
        raise daemon.refuse(say.NUL_BYTE, field=field, value=value)


def check_labels(daemon: Daemon, labels: Mapping[str, str]) -> None:
    """Refuse a label that is too long. Mirrors CRI-O: server/utils.go, validateLabels."""
    limit = daemon.profile.containers.label_bytes_max
    for key in sorted(labels) if limit else ():
        if len(key.encode()) + len(labels[key].encode()) > limit:
            raise daemon.refuse(say.LABEL_TOO_LONG, limit=limit, key=key[:10])


def joined_log_path(daemon: Daemon, directory: str, path: str) -> str:
    """The path of a log inside its directory. Refuses one that leads out of it.

    containerd joins the two as they are (internal/cri/server/container_create.go). A log anywhere on the host is no
    part of what a client may ask for, so kubesim refuses where containerd would follow.
    """
    base = normpath(directory)
    joined = normpath(f"{base}/{path}")
    if not joined.startswith(base.rstrip("/") + "/"):
        raise daemon.refuse(say.LOG_PATH_ESCAPES, path=path, directory=directory)
    return joined
