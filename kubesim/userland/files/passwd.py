"""The container's own /etc/passwd and /etc/group, as its programs read them: lines that make no sense are skipped.

How a runtime reads them to decide who a process is, is another matter: policy/identity.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from kubesim.userland.files.filesystem import FileSystem
from kubesim.userland.files.fs_error import FsError

KNOWN_BYTES_MAX = 65536
"""Larger files are read anew each time, so that nobody fills the emulator's memory with them."""


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


def parse_passwd(filesystem: FileSystem) -> Sequence[PasswdEntry]:
    """Users in the order of the file; none when there is no file."""
    content = _content(filesystem, "/etc/passwd")
    return _users(content) if len(content) <= KNOWN_BYTES_MAX else _users.__wrapped__(content)


def parse_group(filesystem: FileSystem) -> Sequence[GroupEntry]:
    """Groups in the order of the file; none when there is no file."""
    content = _content(filesystem, "/etc/group")
    return _groups(content) if len(content) <= KNOWN_BYTES_MAX else _groups.__wrapped__(content)


@lru_cache(maxsize=64)
def _users(content: bytes) -> tuple[PasswdEntry, ...]:
    """What a file says is asked for at the start of every process, and most containers have the file of their image."""
    rows = (line.split(":") for line in content.decode(errors="surrogateescape").splitlines())
    return tuple(
        PasswdEntry(name=row[0], uid=int(row[2]), gid=int(row[3]), home=row[5], shell=row[6])
        for row in rows
        if len(row) >= 7 and _is_number(row[2]) and _is_number(row[3])
    )


@lru_cache(maxsize=64)
def _groups(content: bytes) -> tuple[GroupEntry, ...]:
    rows = (line.split(":") for line in content.decode(errors="surrogateescape").splitlines())
    return tuple(
        GroupEntry(name=row[0], gid=int(row[2]), members=tuple(name for name in row[3].split(",") if name))
        for row in rows
        if len(row) >= 4 and _is_number(row[2])
    )


def entry_of_uid(entries: Sequence[PasswdEntry], uid: int) -> PasswdEntry | None:
    """The first user with this number; getpwuid(3)."""
    return next((entry for entry in entries if entry.uid == uid), None)


def name_of_gid(entries: Sequence[GroupEntry], gid: int) -> str | None:
    """Name of the first group with this number; getgrgid(3)."""
    return next((entry.name for entry in entries if entry.gid == gid), None)


def _content(filesystem: FileSystem, path: str) -> bytes:
    try:
        return filesystem.as_root().read(path)
    except FsError:
        return b""  # an image without the file has no names, as getpwuid finds none


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal()
