"""What statfs(2) and the mount table say about a mounted file system."""

from __future__ import annotations

from dataclasses import dataclass

BLOCK_BYTES = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSystemStat:
    """Room on a file system, in bytes and inodes. One without blocks, such as proc, has zeros."""

    type: str
    """As in the mount table: overlay, tmpfs, ext4 ..."""
    size_bytes: int = 0
    free_bytes: int = 0
    available_bytes: int = 0
    """What users other than root can still take."""
    inodes_count: int = 0
    free_inodes_count: int = 0
    block_bytes: int = BLOCK_BYTES

    @property
    def used_bytes(self) -> int:
        """What is taken."""
        return self.size_bytes - self.free_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class HostDisk:
    """The node's file system that a bind lies on."""

    stat: FileSystemStat
    source: str
    """Its device, such as /dev/vda1."""
    device: int
    """Its number, as st_dev."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MountRow:
    """One row of the mount table. Rows come in the order in which they were mounted."""

    mount_id: int
    parent_id: int
    device: int
    """The file system's number, as st_dev."""
    root: str
    """The directory of the file system that is visible at the mount point: `/`, or what a bind took."""
    path: str
    """The mount point, canonical."""
    options: tuple[str, ...]
    """Of the mount: rw or ro first, then flags such as nosuid."""
    type: str
    source: str
    super_options: tuple[str, ...]
    """Of the file system."""
    propagation: str = ""
    """Optional fields of mountinfo: "" for a private mount, `shared:1`, `master:1`."""
