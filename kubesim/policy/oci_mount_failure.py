"""What an OCI runtime says of a mount that it cannot make.

Mirrors runc: libcontainer/rootfs_linux.go, mountToRootfs and createMountpoint, and libcontainer/mount_linux.go,
mountError; crun: src/libcrun/linux.c, do_mount, and src/libcrun/utils.c, crun_safe_ensure_at.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from kubesim.policy.go_quote import go_quote

MountStep = Literal["source", "root", "way", "point", "mount"]
"""What failed: the source is gone; the mount point is the root; something on the way to it; making it; or mounting."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedMount:
    """A mount of a container's configuration, and where it failed."""

    source: str
    """A path of the node, or `overlay`."""
    destination: str
    """As it was asked for."""
    step: MountStep
    path: str
    """The path in the container at which it failed."""
    reason: str
    """As C words it: `Not a directory`."""
    is_file: bool = False
    """Whether a file is mounted, so that the mount point must be one."""
    is_read_only: bool = False


def runc_mount_failure(mount: FailedMount, *, root: str) -> str:
    """In the words of runc; `root` is the node's path of the container's root file system."""
    if mount.step == "source":
        return f"failed to fulfil mount request: open {mount.source}: {mount.reason.lower()}"
    words = _runc_words(mount, root)
    return f"error mounting {go_quote(mount.source)} to rootfs at {go_quote(mount.destination)}: {words}"


def _runc_words(mount: FailedMount, root: str) -> str:
    reason, asked = mount.reason.lower(), mount.destination
    if mount.step == "mount":
        flags = "MS_RDONLY|MS_BIND|MS_REC" if mount.is_read_only else "MS_BIND|MS_REC"
        # The number of the descriptor is whatever is free; this one is always the same.
        return f"mount src={mount.source}, dst={asked}, dstFd=/proc/thread-self/fd/14, flags={flags}: {reason}"
    match mount.step:
        case "root":
            words = f"mountpoint {go_quote(root)} is on the top of rootfs {go_quote(root)}"
        case "way":
            words = f"lookup mountpoint target: securejoin.OpenInRoot {asked}: openat2 {asked}: {reason}"
        case _:  # "point"
            is_made_as_file = mount.is_file and mount.path.rpartition("/")[2] == asked.rpartition("/")[2]
            what = f"openat {mount.path.rpartition('/')[2]}" if is_made_as_file else f"mkdirat {root}{mount.path}"
            words = f"make mountpoint {go_quote(asked)}: {what}: {reason}"
    return f"create mountpoint for {asked} mount: {words}"


def crun_mount_failure(mount: FailedMount, *, root: str) -> str:
    """In the words of crun, which names paths without the slash at their beginning."""
    target = mount.destination.lstrip("/")
    if mount.step == "source":
        return f"cannot stat `{mount.source}`: {mount.reason}"
    if mount.step == "way":
        before = mount.path.lstrip("/")
        return f"error creating directory `{target}` since `{before}` exists and it is not a directory: {mount.reason}"
    if mount.step == "point":
        is_made_as_file = mount.is_file and mount.path == mount.destination
        what = f"open `{root}/{target}`" if is_made_as_file else f"mkdir `{mount.path}`"
        return f"{what}: {mount.reason}"
    return f"mount `{mount.source}` to `{target}`: {mount.reason}"
