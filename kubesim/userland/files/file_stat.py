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
    OTHER = "other"
    """Something on the host that is not emulated: a socket, a pipe, a block device."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stat:
    """One file, directory, link or device."""

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
    """The file system it lies on, as far as the host tells them apart: another one begins at a mount point."""

    @property
    def is_directory(self) -> bool:
        """Whether names can lie below."""
        return self.kind is FileKind.DIRECTORY
