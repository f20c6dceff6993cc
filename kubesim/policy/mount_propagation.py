"""Whether the node's own mounts allow the propagation that a bind mount asks for.

Mirrors containerd: internal/cri/opts/spec_linux_opts.go, ensureShared and ensureSharedOrSlave;
CRI-O: server/container_create_linux.go. The table is /proc/self/mountinfo, see proc_pid_mountinfo(5).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from posixpath import normpath
from typing import Literal

Propagation = Literal["private", "slave", "shared"]

_MOUNT_POINT_FIELD = 4
_FIRST_OPTIONAL_FIELD = 6


@dataclass(frozen=True, slots=True)
class MountPoint:
    """Where something is mounted, and its tags: `shared:7`, `master:3`."""

    path: str
    tags: tuple[str, ...]


SHARED_ROOT = MountPoint("/", ("shared:1",))
"""A node of which nothing is known: systemd makes the root of its mounts shared."""


def mount_point_of(path: str, mountinfo: str | None) -> MountPoint:
    """The mount that a path lies on; of two at one place the later one covers the other.

    >>> mount_point_of("/var/lib/x", "22 1 8:1 / / rw shared:1 - ext4 /dev/sda1 rw").tags
    ('shared:1',)
    """
    if mountinfo is None:
        return SHARED_ROOT
    wanted = normpath(path)
    found = SHARED_ROOT
    for line in mountinfo.splitlines():
        fields = line.split(" ")
        if "-" not in fields or fields.index("-") < _FIRST_OPTIONAL_FIELD:
            continue
        point = _unescaped(fields[_MOUNT_POINT_FIELD])
        is_above = point == "/" or wanted == point or wanted.startswith(f"{point}/")
        if is_above and len(point) >= len(found.path):
            found = MountPoint(point, tuple(fields[_FIRST_OPTIONAL_FIELD : fields.index("-")]))
    return found


def propagation_refusal(path: str, asked: Propagation, mountinfo: str | None) -> str | None:
    """Why a bind of `path` cannot propagate as asked; None when it can.

    `shared` sends mounts both ways and needs a shared mount; `slave` receives them, and one that receives will do.
    """
    if asked == "private":
        return None
    mount = mount_point_of(path, mountinfo)
    good = ("shared:",) if asked == "shared" else ("shared:", "master:")
    if any(tag.startswith(good) for tag in mount.tags):
        return None
    kind = "shared" if asked == "shared" else "shared or slave"
    return f'path "{path}" is mounted on "{mount.path}" but it is not a {kind} mount'


def _unescaped(text: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), text)
