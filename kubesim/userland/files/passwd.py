"""The container's own /etc/passwd and /etc/group, as its programs read them: lines that make no sense are skipped.

How a runtime reads them to decide who a process is, is another matter: policy/identity.
"""

from __future__ import annotations

from dataclasses import dataclass

from kubesim.userland.files.filesystem import FileSystem
from kubesim.userland.files.fs_error import FsError


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswdEntry:
    """A user."""

    name: str
    uid: int
    gid: int
    home: str
    shell: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupEntry:
    """A group and the names of its members."""

    name: str
    gid: int
    members: tuple[str, ...]


def parse_passwd(filesystem: FileSystem) -> list[PasswdEntry]:
    """Users in the order of the file; none when there is no file."""
    rows = (line.split(":") for line in _lines(filesystem, "/etc/passwd"))
    return [
        PasswdEntry(name=row[0], uid=int(row[2]), gid=int(row[3]), home=row[5], shell=row[6])
        for row in rows
        if len(row) >= 7 and _is_number(row[2]) and _is_number(row[3])
    ]


def parse_group(filesystem: FileSystem) -> list[GroupEntry]:
    """Groups in the order of the file; none when there is no file."""
    rows = (line.split(":") for line in _lines(filesystem, "/etc/group"))
    return [
        GroupEntry(name=row[0], gid=int(row[2]), members=tuple(name for name in row[3].split(",") if name))
        for row in rows
        if len(row) >= 4 and _is_number(row[2])
    ]


def entry_of_uid(entries: list[PasswdEntry], uid: int) -> PasswdEntry | None:
    """The first user with this number; getpwuid(3)."""
    return next((entry for entry in entries if entry.uid == uid), None)


def name_of_gid(entries: list[GroupEntry], gid: int) -> str | None:
    """Name of the first group with this number; getgrgid(3)."""
    return next((entry.name for entry in entries if entry.gid == gid), None)


def _lines(filesystem: FileSystem, path: str) -> list[str]:
    try:
        return filesystem.as_root().read(path).decode(errors="surrogateescape").splitlines()
    except FsError:
        return []  # an image without the file has no names, as getpwuid finds none


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal()
