"""What mount, df and /proc show of a container's mounts. Mirrors linux: fs/proc_namespace.c, and each fs's statfs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubesim.model.frozen_records import replace
from kubesim.userland.files.file_system_stat import FileSystemStat, HostDisk, MountRow
from kubesim.userland.files.host_node import HostNode
from kubesim.userland.files.memory_inode import MEMORY_BYTES
from kubesim.userland.files.mounts import HOST_VOLUME, Mount
from kubesim.userland.files.overlay import UpperNode

if TYPE_CHECKING:
    from kubesim.userland.files.filesystem import FileSystem

_ID_FIRST = 1000


def room_of(files: FileSystem, mount: Mount) -> FileSystemStat:
    """What statfs(2) says of a mount."""
    volume = mount.volume
    if volume is HOST_VOLUME:
        disk = _disk_of(mount)
        return disk.stat if disk is not None else FileSystemStat(type="ext4")
    if volume.type == "overlay":
        return replace(files.disk().stat, type="overlay")
    if volume.type != "tmpfs":
        return FileSystemStat(type=volume.type)
    size_bytes = MEMORY_BYTES // 2 if volume.size_bytes is None else volume.size_bytes
    used_bytes, inodes_count = 0, 1
    if isinstance(mount.root, UpperNode):
        usage = mount.root.usage()
        # The directory at the root takes an inode and no page of memory.
        used_bytes, inodes_count = max(0, usage.used_bytes - 4096), usage.inodes_count
    free_bytes = max(0, size_bytes - used_bytes)
    all_inodes_count = MEMORY_BYTES // 2 // 4096
    return FileSystemStat(
        type="tmpfs",
        size_bytes=size_bytes,
        free_bytes=free_bytes,
        available_bytes=free_bytes,
        inodes_count=all_inodes_count,
        free_inodes_count=all_inodes_count - inodes_count,
    )


def mount_rows(files: FileSystem) -> list[MountRow]:
    """The mount table, the root first."""
    mounts = [files.root, *files.table.all()]
    ids: dict[str, int] = {}
    rows = []
    for number, mount in enumerate(mounts, _ID_FIRST):
        parent_id = 1 if mount is files.root else _parent_id(mount, ids)
        rows.append(_row(files, mount, number, parent_id))
        ids[mount.path] = number
    return rows


def _parent_id(mount: Mount, ids: dict[str, int]) -> int:
    path = mount.path
    if mount.below is not None and path in ids:
        return ids[path]
    while path != "/":
        path = path.rpartition("/")[0] or "/"
        if path in ids:
            return ids[path]
    return _ID_FIRST


def _row(files: FileSystem, mount: Mount, mount_id: int, parent_id: int) -> MountRow:
    volume = mount.volume
    kind, source, options = volume.type, volume.source, volume.options
    disk = _disk_of(mount) if volume is HOST_VOLUME else None
    if disk is not None:
        kind, source = disk.stat.type, disk.source
    access = "ro" if mount.is_read_only else "rw"
    return MountRow(
        mount_id=mount_id,
        parent_id=parent_id,
        device=files.device_of(mount),
        root=root_of(mount),
        path=mount.path,
        options=(access, *mount.flags),
        type=kind or "none",
        source=source or "none",
        propagation={"private": "", "slave": "master:1", "shared": "shared:1"}[mount.propagation],
        super_options=("ro" if volume.type == "tmpfs" and mount.is_read_only else "rw", *options),
    )


def root_of(mount: Mount) -> str:
    """The part of a file system that a mount shows."""
    root = mount.root
    return root.source_path if isinstance(root, HostNode) else "/"


def _disk_of(mount: Mount) -> HostDisk | None:
    return mount.root.files.statfs() if isinstance(mount.root, HostNode) else None
