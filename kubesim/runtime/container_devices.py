"""The devices of a container: those that the request names, and all of the node's for a privileged one.

Mirrors containerd: internal/cri/opts/spec_linux_opts.go, WithDevices, and pkg/oci/spec_opts.go, WithHostDevices; CRI-O:
internal/factory/container/device_linux.go.
"""

from __future__ import annotations

from kubesim.cri import api
from kubesim.runtime.daemon import Daemon
from kubesim.userland.files.device_files import DeviceSpec
from kubesim.userland.files.file_stat import FileKind
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.files.host_files import HostFiles

_KINDS = (FileKind.DEVICE, FileKind.BLOCK_DEVICE)
_NOT_TAKEN = ("pts", "shm", "fd", "mqueue", ".lxc", ".lxd-mounts", ".udev", "console", "tty", "ptmx")
"""What a container has of its own, or does not get. Mirrors containerd: pkg/oci/utils_unix.go, getDevices."""


def devices_of(daemon: Daemon, config: api.ContainerConfig) -> list[DeviceSpec]:
    """What is made in its /dev besides what every container has. What is no device any more is left out."""
    found: list[DeviceSpec] = []
    if config.linux.security_context.privileged:
        found += _below(daemon.host_files, "/dev", "/dev", taken=False)
    for device in config.devices:
        path = device.container_path or device.host_path
        found += _at(daemon.host_files, device.host_path, path)
    return found


def _at(files: HostFiles, path: str, inside: str) -> list[DeviceSpec]:
    try:
        stat = files.confined(path).stat("/")
    except FsError:
        return []
    if stat is None:
        return []
    if stat.kind is FileKind.DIRECTORY:
        return _below(files, path, inside, taken=True)
    if stat.kind not in _KINDS:
        return []
    return [
        DeviceSpec(path=inside, kind=stat.kind, number=stat.device_number, mode=stat.mode, uid=stat.uid, gid=stat.gid)
    ]


def _below(files: HostFiles, path: str, inside: str, *, taken: bool) -> list[DeviceSpec]:
    """The devices of a directory, those of its directories as well; no link is followed."""
    found: list[DeviceSpec] = []
    try:
        names = files.list_dir(path)
    except FsError:
        return found
    for name in names:
        if not taken and name in _NOT_TAKEN:
            continue
        kind = files.kind(f"{path}/{name}")
        if kind == FileKind.DIRECTORY:
            found += _below(files, f"{path}/{name}", f"{inside}/{name}", taken=True)
        elif kind in _KINDS:
            found += _at(files, f"{path}/{name}", f"{inside}/{name}")
    return found
