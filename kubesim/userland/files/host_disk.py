"""The files of the real host."""

from __future__ import annotations

import os
import shutil
import stat as stat_bits
from collections.abc import Generator, MutableMapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from kubesim.userland.files.fifo import Fifo
from kubesim.userland.files.file_stat import FileKind, Stat
from kubesim.userland.files.file_system_stat import HostDisk
from kubesim.userland.files.fs_error import FsError, from_os_error
from kubesim.userland.files.host_mounts import disk_of
from kubesim.userland.files.host_open_file import Owners, RealAppendFile, RealOpenFile, stat_of
from kubesim.userland.files.node_mounts import NodeMounts, PrivateMounts, SeenMounts
from kubesim.userland.files.nodes import Node
from kubesim.userland.files.real_mounts import RealMounts

if TYPE_CHECKING:
    from kubesim.userland.files.host_files import HostFiles

_PATH_FLAGS = getattr(os, "O_PATH", os.O_RDONLY) | os.O_NOFOLLOW | os.O_CLOEXEC
_DIRECTORY_FLAGS = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class RealNode:
    """What all parts of one disk share, and the disk itself does not keep."""

    __slots__ = ("fifos", "mounts", "owners", "real_mounts")

    def __init__(self) -> None:
        self.owners: Owners = {}
        self.fifos: MutableMapping[tuple[int, int], Fifo] = WeakValueDictionary()
        self.mounts = NodeMounts()
        self.real_mounts = RealMounts()


class RealHostFiles:
    """The host's disk. Without a `root` it is the host as its processes see it, links followed as usual.

    With a `root`, `/` is that file or directory and no link below it is followed: a path that runs through one fails
    with ELOOP or ENOTDIR, also when the link is put there between two steps (each step is an openat with O_NOFOLLOW).
    """

    def __init__(self, root: Path | None = None, *, shared: RealNode | None = None) -> None:
        """`shared` is what a confined part keeps in common with the disk that it belongs to."""
        self._root = str(root) if root is not None else None
        self.base = "" if root is None else str(root).rstrip("/")
        self._shared = shared or RealNode()
        self._owners = self._shared.owners

    @property
    def fifos(self) -> MutableMapping[tuple[int, int], Fifo]:
        """The pipes with a name that processes here have opened, by device and inode."""
        return self._shared.fifos

    @property
    def mounts(self) -> NodeMounts:
        """What containers have mounted on the node."""
        return self._shared.mounts

    def read(self, path: str) -> bytes | None:
        """Content of a file, None when there is none."""
        try:
            fd = self._open(path, os.O_RDONLY)
        except FsError as error:
            if error.errno_name == "ENOENT":
                return None
            raise
        with os.fdopen(fd, "rb") as file:
            return file.read()

    def read_at(self, path: str, offset: int, size: int) -> bytes:
        """At most `size` bytes from `offset` on."""
        fd = self._open(path, os.O_RDONLY)
        try:
            return os.pread(fd, size, offset)
        finally:
            os.close(fd)

    def write(self, path: str, data: bytes, mode: int = 0o644) -> None:
        """Replace the content of a file, in place; `mode` counts when it is created."""
        with os.fdopen(self._open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as file:
            file.write(data)

    def write_at(self, path: str, offset: int, data: bytes) -> None:
        """Write into a file that exists."""
        fd = self._open(path, os.O_WRONLY)
        try:
            os.pwrite(fd, data, offset)
        finally:
            os.close(fd)

    def truncate(self, path: str, size_bytes: int) -> None:
        """Cut or extend a file that exists."""
        fd = self._open(path, os.O_WRONLY)
        try:
            os.ftruncate(fd, size_bytes)
        finally:
            os.close(fd)

    def append(self, path: str, data: bytes, mode: int = 0o644) -> None:
        """One write at the end of the file; makes it when it is not there."""
        file = self.open_append(path, mode)
        try:
            file.write(data)
        finally:
            file.close()

    def open_append(self, path: str, mode: int = 0o644) -> RealAppendFile:
        """The same for many writes; holds one file descriptor until it is closed."""
        return RealAppendFile(self._open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, mode))

    def make_dirs(self, path: str, mode: int = 0o755) -> None:
        """Create a directory and its parents; fine when it exists."""
        done = ""
        refused: FsError | None = None
        for name in [part for part in path.split("/") if part]:
            done = f"{done}/{name}"
            try:
                self.make_directory(done, mode)
            except FsError as error:
                # A parent that is there may lie where nothing can be made; only the last one decides.
                refused = error
        with self._at(path or "/") as (at, last):
            try:
                found = os.stat(last, dir_fd=at, follow_symlinks=self._root is None)
            except OSError as error:
                raise refused or error from None
            if not stat_bits.S_ISDIR(found.st_mode):
                raise FsError("EEXIST", path)

    def make_directory(self, path: str, mode: int = 0o755) -> None:
        """Create one directory."""
        with self._at(path) as (at, name):
            os.mkdir(name, mode, dir_fd=at)

    def make_link(self, path: str, target: str) -> None:
        """Create a symbolic link."""
        with self._at(path) as (at, name):
            os.symlink(target, name, dir_fd=at)

    def link(self, path: str, to_path: str) -> None:
        """Give a file one more name."""
        with self._at(path) as (at, name), self._at(to_path) as (to_at, to_name):
            os.link(name, to_name, src_dir_fd=at, dst_dir_fd=to_at, follow_symlinks=False)

    def make_fifo(self, path: str, mode: int = 0o644) -> None:
        """Create a pipe with a name."""
        with self._at(path) as (at, name):
            os.mkfifo(name, mode, dir_fd=at)

    def open(self, path: str, *, is_writable: bool = False, is_append: bool = False) -> RealOpenFile:
        """Hold a regular file open; one that cannot be read is opened for writing alone."""
        flags = os.O_APPEND if is_append else 0
        if not is_writable:
            return RealOpenFile(self._open(path, os.O_RDONLY), self._owners)
        try:
            return RealOpenFile(self._open(path, os.O_RDWR | flags), self._owners)
        except FsError as error:
            if error.errno_name != "EACCES":
                raise
            return RealOpenFile(self._open(path, os.O_WRONLY | flags), self._owners)

    def private_mounts(self) -> SeenMounts | None:
        """The mounts there are now, and nothing where something is mounted later."""
        mounts, covered = self.mounts.snapshot(), self._shared.real_mounts.covered_below(self.base)
        return None if mounts is None and covered is None else PrivateMounts(mounts, covered)

    def mount(self, path: str, root: Node, source: tuple[HostFiles, str] | None = None) -> None:
        """Bind a folder of the host, or mount a read-only copy of a container's files: see `real_mounts`."""
        with self._held(path) as fd:
            where = f"{self.base}/{path.strip('/')}"
            if source is None or not isinstance(source[0], RealHostFiles):
                self._shared.real_mounts.mount(fd, where, root, None)
                return
            with source[0]._held(source[1]) as source_fd:  # noqa: SLF001 - the same class
                self._shared.real_mounts.mount(fd, where, root, source_fd)

    def unmount(self, path: str) -> None:
        """Undo `mount`."""
        self._shared.real_mounts.unmount(f"{self.base}/{path.strip('/')}")

    def unmount_all(self) -> None:
        """Undo every `mount` that is left."""
        self._shared.real_mounts.unmount_all()

    def mount_tmpfs(self, path: str, size_bytes: int | None) -> None:
        """Nothing: what containers write stays on the disk, so that it outlives this process."""

    @property
    def can_bind(self) -> bool:
        """No: what removes a folder that is left behind would remove what was bound to it."""
        return False

    def bind(self, source: str, path: str) -> None:
        """Raises FsError: nothing is bound on somebody's machine."""
        raise FsError("EPERM", f"{source}, {path}")

    def statfs(self) -> HostDisk:
        """The disk of the host's root, or of the bind."""
        return disk_of(self._root or "/")

    def read_link(self, path: str) -> str:
        """Where a symbolic link points."""
        with self._at(path) as (at, name):
            return os.readlink(name, dir_fd=at)

    def remove(self, path: str) -> None:
        """Remove a file or a whole directory; fine when it is not there. A link goes, not what it points to."""
        kind = self.kind(path)
        if kind is None:
            return
        with self._at(path) as (at, name):
            if kind == FileKind.DIRECTORY:
                for _, directories, files, fd in os.fwalk(name, dir_fd=at) if self._owners else ():
                    for below in (*directories, *files):
                        self._forget_owner(fd, below)
                self._forget_owner(at, name)
                shutil.rmtree(name, dir_fd=at)
            else:
                self._forget_owner(at, name)
                os.unlink(name, dir_fd=at)

    def remove_one(self, path: str) -> None:
        """Remove a file, a link or an empty directory."""
        kind = self.kind(path)
        with self._at(path) as (at, name):
            self._forget_owner(at, name)
            if kind == FileKind.DIRECTORY:
                os.rmdir(name, dir_fd=at)
            else:
                os.unlink(name, dir_fd=at)

    def rename(self, path: str, to_path: str) -> None:
        """Move, replacing what is at `to_path`."""
        with self._at(path) as (at, name), self._at(to_path) as (to_at, to_name):
            os.replace(name, to_name, src_dir_fd=at, dst_dir_fd=to_at)

    def set_mode(self, path: str, mode: int) -> None:
        """Change the permission bits of a file or directory."""
        with self._at(path) as (at, name):
            if self._root is None or os.chmod in os.supports_follow_symlinks:
                os.chmod(name, mode, dir_fd=at, follow_symlinks=self._root is None)
                return
        # chmod(2) follows a link at the end, so the name is held first.
        with self._held(path) as fd:
            if stat_bits.S_ISLNK(os.fstat(fd).st_mode):
                raise FsError("ENOTSUP", path)
            Path(f"/proc/self/fd/{fd}").chmod(mode)

    def set_owner(self, path: str, uid: int, gid: int) -> None:
        """Change the owner. A host that does not permit it keeps the owner in memory, and `stat` shows it."""
        with self._at(path) as (at, name):
            found = os.stat(name, dir_fd=at, follow_symlinks=False)
            self._owners.pop((found.st_dev, found.st_ino), None)
            try:
                os.chown(name, uid, gid, dir_fd=at, follow_symlinks=False)
            except PermissionError:
                # Without root nobody gives files away. The emulated owner must still pass its own checks.
                self._owners[found.st_dev, found.st_ino] = (uid, gid)

    def set_times(self, path: str, atime_ns: int, mtime_ns: int) -> None:
        """Change the times of the last access and the last change, of a link itself too."""
        with self._at(path) as (at, name):
            os.utime(name, ns=(atime_ns, mtime_ns), dir_fd=at, follow_symlinks=False)

    def leads_straight(self, path: str) -> bool:  # noqa: ARG002 - whatever it is
        """Nobody knows: a disk is asked name by name, and others may change it meanwhile."""
        return False

    def kind(self, path: str) -> str | None:
        """What is at `path`, None for nothing. Does not follow a link at the end."""
        found = self.stat(path)
        return None if found is None else found.kind

    def stat(self, path: str) -> Stat | None:
        """What is at `path`, None for nothing. Does not follow a link at the end."""
        try:
            with self._at(path) as (at, name):
                found = os.stat(name, dir_fd=at, follow_symlinks=False)
        except FsError as error:
            if error.errno_name in ("ENOENT", "ENOTDIR", "ELOOP"):
                return None
            raise
        return stat_of(found, self._owners)

    def list_dir(self, path: str) -> list[str]:
        """Names in a directory, sorted."""
        with self._at(path) as (at, name):
            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | (os.O_NOFOLLOW if self._root is not None else 0)
            fd = os.open(name, flags, dir_fd=at)
            try:
                return sorted(os.listdir(fd))  # noqa: PTH208 - pathlib cannot list a descriptor
            finally:
                os.close(fd)

    def confined(self, path: str) -> RealHostFiles:
        """The files at and below `path`, whose own links are followed now, once."""
        if self._root is None:
            return RealHostFiles(Path(os.path.realpath(path)), shared=self._shared)
        with self._at(path):  # raises when a link lies on the way
            return RealHostFiles(Path(self._root + "/" + path.strip("/")), shared=self._shared)

    def _forget_owner(self, at: int | None, name: str) -> None:
        """The next file may get the same inode."""
        if self._owners:
            found = os.stat(name, dir_fd=at, follow_symlinks=False)
            self._owners.pop((found.st_dev, found.st_ino), None)

    def _open(self, path: str, flags: int, mode: int = 0o644, *, is_data: bool = True) -> int:
        """Open a regular file (or, unless `is_data`, a directory); never waits, as a pipe's open would."""
        flags |= os.O_CLOEXEC | os.O_NONBLOCK | (os.O_NOFOLLOW if self._root is not None else 0)
        with self._at(path) as (at, name):
            fd = os.open(name, flags, mode, dir_fd=at)
            found = os.fstat(fd)
            if is_data and not stat_bits.S_ISREG(found.st_mode):
                os.close(fd)
                raise FsError("EISDIR" if stat_bits.S_ISDIR(found.st_mode) else "ENXIO", path)
            return fd

    @contextmanager
    def _held(self, path: str) -> Generator[int]:
        """A descriptor that only names a file or directory."""
        with self._at(path) as (at, name):
            fd = os.open(name, _PATH_FLAGS, dir_fd=at)
            try:
                yield fd
            finally:
                os.close(fd)

    @contextmanager
    def _at(self, path: str) -> Generator[tuple[int | None, str]]:
        """A directory descriptor and a name for the *at functions; OS errors inside become FsErrors."""
        opened: list[int] = []
        try:
            if self._root is None:
                yield None, path
                return
            names = [name for name in path.split("/") if name and name != "."]
            if ".." in names:
                raise FsError("EXDEV", path)
            if not names:
                yield None, self._root
                return
            opened.append(os.open(self._root, _DIRECTORY_FLAGS))
            for name in names[:-1]:
                opened.append(os.open(name, _DIRECTORY_FLAGS, dir_fd=opened[-1]))
            yield opened[-1], names[-1]
        except OSError as error:
            raise from_os_error(error, path) from None
        finally:
            for fd in opened:
                os.close(fd)
