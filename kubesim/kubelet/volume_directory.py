"""The directory of a volume on the host, as an emptyDir has it; volumes with files are made in one as well.

Mirrors Kubernetes: pkg/volume/emptydir/empty_dir.go (setupDir) and pkg/volume/volume_linux.go (ChangePermissions).
"""

from __future__ import annotations

from kubesim.kubelet.outside import HostFiles
from kubesim.model import k8s_v1 as v1
from kubesim.policy.volume_payload import group_mode

DIRECTORY_MODE = 0o777


def make_volume_directory(files: HostFiles, path: str, *, fs_group: int | None) -> None:
    """Make a directory that everybody may write to, and that belongs to the pod's group; fine when it is there."""
    if files.kind(path) is not None:
        return
    files.make_dirs(path)
    if fs_group is None:
        files.set_mode(path, DIRECTORY_MODE)
    else:
        files.set_owner(path, 0, fs_group)
        files.set_mode(path, group_mode(DIRECTORY_MODE, is_directory=True, is_read_only=False))


def fs_group_of(pod: v1.Pod) -> int | None:
    """The group that owns the volumes of a pod."""
    return pod.spec.security_context.fs_group if pod.spec.security_context is not None else None
