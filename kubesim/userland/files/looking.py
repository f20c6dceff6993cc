"""What a process sees of the file system: paths, stat(2), access(2), content."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from kubesim.userland.files.credentials import CAP_FOWNER, READ, WRITE, Credentials
from kubesim.userland.files.device_files import Opener
from kubesim.userland.files.file_stat import FileKind, Stat
from kubesim.userland.files.file_system_stat import FileSystemStat
from kubesim.userland.files.fs_error import FsError, from_os_error
from kubesim.userland.files.mounts import Mount
from kubesim.userland.files.nodes import Node
from kubesim.userland.files.place import Place

if TYPE_CHECKING:
    from kubesim.userland.files.filesystem import FileSystem

STICKY = 0o1000
SETGID = 0o2000
SETUID = 0o4000
SIGSYS = 31
PATH_BYTES_MAX = 4096
"""Mirrors linux: include/uapi/linux/limits.h, PATH_MAX; the end of the text counts."""


_NO_NUMBERS: Mapping[int, int] = MappingProxyType({})


class Looking:
    """A process's credentials, working directory and umask, and what it can look at."""

    __slots__ = ("credentials", "cwd", "filesystem", "process", "umask")

    def __init__(self, filesystem: FileSystem, credentials: Credentials, *, cwd: str = "/", umask: int = 0o022) -> None:
        self.filesystem = filesystem
        self.credentials = credentials
        self.cwd = cwd
        self.umask = umask
        self.process: Opener | None = None
        """The process that looks; None for the runtime itself."""

    def enters(self, call: str, path: str = "", arguments: Mapping[int, int] = _NO_NUMBERS) -> bool:
        """Whether the process's seccomp filter lets it into a system call; `arguments` are its numbers, by position.

        A filter that forbids it raises FsError, or kills the process. False is a call that is said to have succeeded
        and does nothing: a filter with errno 0. Mirrors linux: kernel/seccomp.c, __seccomp_filter.
        """
        if self.credentials.seccomp is None:
            return True
        ruling = self.credentials.seccomp.ruling(call, arguments)
        if ruling.effect == "kill" and self.process is not None:
            self.process.end_by(SIGSYS)
        if ruling.effect == "errno" and ruling.errno:
            raise from_os_error(OSError(ruling.errno, call), path)
        return ruling.effect == "allow"

    def absolute(self, path: str) -> str:
        """`path` from the root on, otherwise as it is."""
        return path if path.startswith("/") else f"{self.cwd}/{path}"

    def walk(self, path: str, *, follow_last: bool = True) -> Place:
        """Where a path leads. An empty path leads nowhere."""
        if not path:
            raise FsError("ENOENT", path)
        if len(path) >= PATH_BYTES_MAX:
            raise FsError("ENAMETOOLONG", path)
        try:
            return self.filesystem.walk(self.absolute(path), self, follow_last=follow_last)
        except FsError as error:
            raise FsError(error.errno_name, path) from None

    def stat(self, path: str, *, follow_last: bool = True) -> Stat:
        """What is at `path`."""
        place = self.walk(path, follow_last=follow_last)
        if place.node is None:
            raise FsError("ENOENT", path)
        return self.filesystem.numbered(place, place.node)

    def look(self, path: str) -> tuple[Stat, Mount]:
        """What is at `path` and the mount it lies in, without the numbers that `stat` gives: for who executes it."""
        place = self.walk(path)
        if place.node is None:
            raise FsError("ENOENT", path)
        return place.node.stat(), place.mount

    def statfs(self, path: str) -> FileSystemStat:
        """The room on the file system that `path` lies on."""
        place = self.walk(path)
        if place.node is None:
            raise FsError("ENOENT", path)
        return self.filesystem.room_of(place.mount)

    def exists(self, path: str) -> bool:
        """Whether a path leads to something this process can see."""
        try:
            return self.walk(path).node is not None
        except FsError:
            return False

    def may(self, path: str, wanted: int) -> bool:
        """Whether the process may READ, WRITE or EXECUTE what is at `path`; access(2)."""
        try:
            place = self.walk(path)
        except FsError:
            return False
        if place.node is None or (wanted & WRITE and place.mount.is_read_only):
            return False
        return self.credentials.may(place.node.stat(), wanted)

    def list_dir(self, path: str) -> list[str]:
        """Names in a directory, sorted."""
        node = self._there(path)
        if node.kind is not FileKind.DIRECTORY:
            raise FsError("ENOTDIR", path)
        self._demand(node, READ, path)
        return node.names()

    def read(self, path: str) -> bytes:
        """The whole content of a file."""
        node = self._there(path)
        self._demand(node, READ, path)
        if node.kind is not FileKind.FILE:
            raise FsError("EISDIR" if node.kind is FileKind.DIRECTORY else "EINVAL", path)
        return node.read_all()

    def read_link(self, path: str) -> str:
        """Where a symbolic link points; EINVAL for anything else."""
        node = self._there(path, follow_last=False)
        if node.kind is not FileKind.SYMLINK:
            raise FsError("EINVAL", path)
        return node.target()

    # -- checks -------------------------------------------------------------------------------------------

    def _there(self, path: str, *, follow_last: bool = True) -> Node:
        node = self.walk(path, follow_last=follow_last).node
        if node is None:
            raise FsError("ENOENT", path)
        return node

    def _demand(self, node: Node, wanted: int, path: str) -> None:
        if not self.credentials.may(node.stat(), wanted):
            raise FsError("EACCES", path)

    def _demand_sticky(self, parent: Node, node: Node, path: str) -> None:
        """In a sticky directory only the owner of the file or of the directory removes it.

        Mirrors linux: fs/namei.c, __check_sticky.
        """
        above = parent.stat()
        if not above.mode & STICKY:
            return
        who = self.credentials
        if who.uid not in (above.uid, node.stat().uid) and not who.has(CAP_FOWNER):
            raise FsError("EPERM", path)
