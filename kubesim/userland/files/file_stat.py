"""What stat(2) says about a file, wherever the file lies."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class FileKind(StrEnum):
    """What a name in a directory stands for."""

    FILE = "file"
    DIRECTORY = "directory"
    SYMLINK = "symlink"
    DEVICE = "device"
    """A character device, such as /dev/null."""
    BLOCK_DEVICE = "block device"
    FIFO = "fifo"
    """A pipe with a name."""
    SOCKET = "socket"


@dataclass(slots=True, kw_only=True)  # not frozen: that doubles the time of a stat(2), and `find` makes thousands
class Stat:
    """One file, directory, link or device; a value of its own whenever somebody asks, which nobody changes later."""

    kind: FileKind
    mode: int
    """Permission bits with setuid, setgid and sticky: 0 to 0o7777."""
    uid: int
    gid: int
    size_bytes: int
    mtime_ns: int
    program: str = ""
    """The emulated program that runs when the file is executed; "" for plain data."""
    device: int = field(default=0, compare=False)
    """The file system it lies on, as st_dev: another one begins at a mount point. 0 until FileView.stat fills it in."""
    inode: int = field(default=0, compare=False)
    """Its number there. 0 until FileView.stat fills it in."""
    links_count: int = field(default=1, compare=False)
    """Names of the file; of a directory 2 and its subdirectories, or 1 where nobody counts (a merged overlay)."""
    atime_ns: int = field(default=0, compare=False)
    """Time of the last access. Nobody records reading (noatime), so it is that of the last change unless set."""
    ctime_ns: int = field(default=0, compare=False)
    """Time of the last change of content or attributes, which nobody can set."""
    device_number: int = field(default=0, compare=False)
    """st_rdev of a device, see `device_number` in this module; 0 for anything else."""

    @property
    def is_directory(self) -> bool:
        """Whether names can lie below."""
        return self.kind is FileKind.DIRECTORY

    @property
    def blocks_count(self) -> int:
        """What it takes on the disk, in units of 512 bytes: whole pages, none for what has no data of its own."""
        if self.kind is FileKind.FILE:
            return -(-self.size_bytes // 4096) * 8
        return 8 if self.is_directory and self.size_bytes else 0


def device_number(major: int, minor: int) -> int:
    """The number of a device or file system. Mirrors glibc: sysdeps/unix/sysv/linux/makedev.h."""
    return (major & 0xFFF) << 8 | (minor & 0xFF) | (minor & ~0xFF) << 12 | (major & ~0xFFF) << 32


def major_minor(number: int) -> tuple[int, int]:
    """The two parts of a device number.

    >>> major_minor(device_number(8, 300))
    (8, 300)
    """
    return number >> 8 & 0xFFF | number >> 32 & ~0xFFF, number & 0xFF | number >> 12 & ~0xFF
