"""The mounts of the real host: its own table, and the room on its disks.

Formats: proc_pid_mountinfo(5).
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from kubesim.userland.files.file_system_stat import FileSystemStat, HostDisk
from kubesim.userland.files.fs_error import from_os_error

_MOUNTINFO = Path("/proc/self/mountinfo")
_UNKNOWN = ("ext4", "/dev/root")
"""What a host without a table shows."""


def disk_of(path: str) -> HostDisk:
    """The file system that a path of the host lies on. Raises FsError."""
    try:
        device = os.stat(path).st_dev  # noqa: PTH116 - the room has only paths as text
        found = os.statvfs(path)
    except OSError as error:
        raise from_os_error(error, path) from None
    kind, source = _type_and_source(device)
    return HostDisk(
        stat=FileSystemStat(
            type=kind,
            size_bytes=found.f_blocks * found.f_frsize,
            free_bytes=found.f_bfree * found.f_frsize,
            available_bytes=found.f_bavail * found.f_frsize,
            inodes_count=found.f_files,
            free_inodes_count=found.f_ffree,
            block_bytes=found.f_frsize,
        ),
        source=source,
        device=device,
    )


def _type_and_source(device: int) -> tuple[str, str]:
    """Of the newest mount of a file system."""
    wanted = f"{os.major(device)}:{os.minor(device)}"
    try:
        lines = _MOUNTINFO.read_text(errors="surrogateescape").splitlines()
    except OSError:
        return _UNKNOWN
    for line in reversed(lines):
        fields = line.split(" ")
        if fields[2] == wanted and "-" in fields:
            kind, source = fields[fields.index("-") + 1 :][:2]
            return kind, unescaped(source)
    return _UNKNOWN


def unescaped(text: str) -> str:
    """A field of the table as it was before a blank became \\040."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), text)
