"""The directory of a volume on the host, as an emptyDir has it; volumes with files are made in one as well.

Mirrors Kubernetes: pkg/volume/emptydir/empty_dir.go (setupDir, setupTmpfs), pkg/volume/volume_linux.go
(ChangePermissions) and pkg/volume/util/subpath/subpath_linux.go (doSafeMakeDir).
"""

from __future__ import annotations

from kubesim.kubelet.outside import HostFiles
from kubesim.model import k8s_v1 as v1
from kubesim.policy.volume_payload import SETGID, group_mode

DIRECTORY_MODE = 0o777
MEMORY_MODE = 0o1777
"""A fresh tmpfs is sticky, and stays so: only the other bits are looked at."""
SUB_PATH_MODE = 0o755


def make_volume_directory(
    files: HostFiles, path: str, *, fs_group: int | None, is_memory: bool = False, size_bytes: int | None = None
) -> None:
    """Make a directory that everybody may write to, and that belongs to the pod's group; fine when it is there.

    With `is_memory` a tmpfs lies on it, of `size_bytes`; None leaves its size to the node.
    """
    if files.kind(path) is not None:
        return
    files.make_dirs(path)
    if is_memory:
        files.mount_tmpfs(path, size_bytes)
    mode = MEMORY_MODE if is_memory else DIRECTORY_MODE
    if fs_group is None:
        files.set_mode(path, mode)
    else:
        files.set_owner(path, 0, fs_group)
        files.set_mode(path, group_mode(mode, is_directory=True, is_read_only=False))


def make_sub_directories(files: HostFiles, volume: str, sub_path: str) -> None:
    """Make the directories of a path below a volume, all with the permissions of the volume itself. Raises OSError.

    As in every directory with the setgid bit, the group is that of the directory above.
    """
    root = files.stat(volume)
    mode = SUB_PATH_MODE if root is None else root.mode
    current = volume
    for name in sub_path.split("/"):
        above, current = files.stat(current), f"{current}/{name}"
        if files.kind(current) is not None:
            continue
        files.make_dirs(current)
        if above is not None and above.mode & SETGID:
            files.set_owner(current, 0, above.gid)
        files.set_mode(current, mode)


def single_user(pod: v1.Pod) -> int | None:
    """The user that all containers run as by the pod's own words; None when one says nothing or another one.

    Mirrors Kubernetes: pkg/volume/util/util.go, FsUserFrom.
    """
    context = pod.spec.security_context
    of_pod = context.run_as_user if context is not None else None
    containers: list[v1.Container | v1.EphemeralContainer] = [*pod.spec.init_containers, *pod.spec.containers]
    users = {
        of_pod
        if one.security_context is None or one.security_context.run_as_user is None
        else one.security_context.run_as_user
        for one in (*containers, *pod.spec.ephemeral_containers)
    }
    return users.pop() if len(users) == 1 else None


def fs_group_of(pod: v1.Pod) -> int | None:
    """The group that owns the volumes of a pod."""
    return pod.spec.security_context.fs_group if pod.spec.security_context is not None else None
