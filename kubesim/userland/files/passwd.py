"""The container's own /etc/passwd and /etc/group, as its programs read them: lines that make no sense are skipped.

How a runtime reads them to decide who a process is, is another matter: policy/identity. Mirrors glibc:
nss/nss_files/files-parse.c and fgetpwent_r.c, of which Debian's busybox makes use.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from kubesim.policy.account_lookup import PasswdFile
from kubesim.policy.passwd_files import AccountFileError, readable_passwd
from kubesim.userland.files.file_view import FileView
from kubesim.userland.files.fs_error import FsError

_SPACE = " \t\n\v\f\r"
_NUMBER = re.compile(r"[ \t\n\v\f\r]*([+-]?)([0-9]+)")
_ID_MAX = 0xFFFF_FFFF

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


def parse_passwd(files: FileView) -> Sequence[PasswdEntry]:
    """Users in the order of the file; none when there is no file, or none that its reader may read."""
    content = _content(files, "/etc/passwd")
    return _users(content) if len(content) <= KNOWN_BYTES_MAX else _users.__wrapped__(content)


def parse_group(files: FileView) -> Sequence[GroupEntry]:
    """Groups in the order of the file; none when there is no file, or none that its reader may read."""
    content = _content(files, "/etc/group")
    return _groups(content) if len(content) <= KNOWN_BYTES_MAX else _groups.__wrapped__(content)


def user_of_uid(files: FileView, uid: int) -> PasswdEntry | None:
    """The first user with this number; getpwuid(3). Of a large file only the lines with its digits are looked at."""
    content = _content(files, "/etc/passwd")
    if len(content) <= KNOWN_BYTES_MAX:
        return entry_of_uid(_users(content), uid)
    # The highest number is also what a larger and a negative one come to.
    digits = "" if uid == _ID_MAX else str(uid)
    return next((entry for entry in _entries(content, digits.encode()) if entry.uid == uid), None)


@lru_cache(maxsize=64)
def _users(content: bytes) -> tuple[PasswdEntry, ...]:
    """What a file says is asked for at the start of every process, and most containers have the file of their image."""
    return tuple(_entries(content))


def _entries(content: bytes, part: bytes = b"") -> Iterator[PasswdEntry]:
    for row in _rows(content, fields_max=7, part=part):
        uid, gid = _number(row, 2), _number(row, 3)
        if uid is not None and gid is not None:
            yield PasswdEntry(name=row[0], uid=uid, gid=gid, home=_field(row, 5), shell=_field(row, 6))


@lru_cache(maxsize=64)
def _groups(content: bytes) -> tuple[GroupEntry, ...]:
    found = ((row, _number(row, 2)) for row in _rows(content, fields_max=4))
    return tuple(
        GroupEntry(name=row[0], gid=gid, members=tuple(_members(_field(row, 3))))
        for row, gid in found
        if gid is not None
    )


def _rows(content: bytes, *, fields_max: int, skipped: str = "#+-", part: bytes = b"") -> Iterator[list[str]]:
    """The fields of each line; the last has all that is left. No comments, and no lines for NIS, which is not there.

    `part` is a text without which a line is of no interest.
    """
    for raw in content.split(b"\n"):
        if part not in raw:
            continue
        line = raw.partition(b"\0")[0].decode(errors="surrogateescape").lstrip(_SPACE)
        if line and line[0] not in skipped:
            yield line.split(":", fields_max - 1)


def _members(field: str) -> Iterator[str]:
    for part in field.split(","):
        name = part.lstrip(_SPACE)
        if name:
            yield name


def _field(row: list[str], index: int) -> str:
    return row[index] if index < len(row) else ""


def _number(row: list[str], index: int) -> int | None:
    """An id as strtoul(3) reads it; what does not fit is the highest."""
    match = _NUMBER.fullmatch(_field(row, index))
    if match is None:
        return None
    digits = match[2].lstrip("0") or "0"
    return _ID_MAX if len(digits) > 10 or (match[1] == "-" and digits != "0") else min(int(digits), _ID_MAX)


def groups_of(files: FileView, user: str, gid: int) -> list[int]:
    """The groups that a user is to have: the primary one, then those that list the user, in the order of the file.

    What `id USER` goes by, and not what the kernel knows. Lines that are comments to others count here. Mirrors
    busybox: libpwdgrp/pwd_grp.c, getgrouplist_internal.
    """
    found = [gid]
    for row in _rows(_content(files, "/etc/group"), fields_max=4, skipped=""):
        number = _number(row, 2)
        if number is not None and number != gid and user in _members(_field(row, 3)):
            found.append(number)
    return found


def entry_of_uid(entries: Sequence[PasswdEntry], uid: int) -> PasswdEntry | None:
    """The first user with this number; getpwuid(3)."""
    return next((entry for entry in entries if entry.uid == uid), None)


def name_of_gid(entries: Sequence[GroupEntry], gid: int) -> str | None:
    """Name of the first group with this number; getgrgid(3)."""
    return next((entry.name for entry in entries if entry.gid == gid), None)


def home_of(root: FileView, uid: int) -> str:
    """HOME of a container's process that is given none: of the first line with its uid, even an empty one.

    An OCI runtime reads the file as the container runtime does, and not as programs do. Mirrors runc:
    libcontainer/env.go, getUserHome.
    """
    try:
        entry = PasswdFile(readable_passwd(_content(root, "/etc/passwd"))).with_uid(uid)
    except AccountFileError:
        return "/"
    return "/" if entry is None else entry.home


def _content(files: FileView, path: str) -> bytes:
    try:
        return files.read(path)
    except FsError:
        return b""  # an image without the file has no names, as getpwuid finds none
