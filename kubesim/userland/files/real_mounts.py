"""Mounts of the real host: which came after a bind was made, and those that containers make on it.

Rule 1: a mount is made only below a bind that the client asked to be BIDIRECTIONAL, as on any node, through
descriptors: no link is followed on the way.
Rule 2: what a container mounts is either a folder of the host, which is bound, or files of the container, which no
disk has: the host gets a read-only copy of them as they are at that instant, in a tmpfs.
Rule 3: a host that refuses (EPERM: who serves is not root) is no failure of the container's mount; the refusal is
handed on. What was mounted is unmounted when the server ends.
"""

from __future__ import annotations

import ctypes
import errno
import os
import select
from collections.abc import Callable, Container, Generator
from contextlib import contextmanager
from pathlib import Path

from kubesim.images.tree import directory_node, file_node
from kubesim.userland.files.file_stat import FileKind
from kubesim.userland.files.fs_error import FsError, from_os_error
from kubesim.userland.files.host_mounts import unescaped
from kubesim.userland.files.nodes import Node, TreeView

_MOUNTINFO = "/proc/self/mountinfo"
COPY_BYTES_MAX = 64 * 1024 * 1024
"""Largest copy that the host gets of a container's files."""

# Mirrors linux: include/uapi/linux/mount.h.
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT, MS_BIND = 1, 2, 4, 8, 32, 4096
MNT_DETACH = 2


class MountWatch:
    """The host's mount table, read again only when the kernel says that it changed."""

    def __init__(self) -> None:
        self._fd = os.open(_MOUNTINFO, os.O_RDONLY | os.O_CLOEXEC)
        self._poll = select.poll()
        self._poll.register(self._fd, select.POLLPRI)
        self.points = self._read()

    def refreshed(self) -> frozenset[tuple[str, str]]:
        """Pairs of a mount's id and its path, as they are now; the same object while nothing changed."""
        if self._poll.poll(0):
            self.points = self._read()
        return self.points

    def _read(self) -> frozenset[tuple[str, str]]:
        os.lseek(self._fd, 0, os.SEEK_SET)
        content = b""
        while part := os.read(self._fd, 65536):
            content += part
        rows = (line.split(" ", 5) for line in os.fsdecode(content).splitlines())
        return frozenset((row[0], unescaped(row[4])) for row in rows)

    def __del__(self) -> None:
        if hasattr(self, "_fd"):
            os.close(self._fd)


class RealMounts:
    """The host's mounts, as all binds of one node see them."""

    def __init__(self) -> None:
        self._watch: MountWatch | None = None
        self._made: list[tuple[str, str]] = []
        """Paths and ids of our mounts, oldest first."""

    def covered_below(self, base: str) -> Callable[[str], Node | None] | None:
        """For a bind made now: tells what stands where something is mounted later. None on a host without a table.

        What lies below such a mount cannot be reached by its path, so an empty read-only place stands for it.
        """
        if self._watch is None:
            try:
                self._watch = MountWatch()
            except OSError:
                return None
        watch = self._watch
        first = watch.refreshed()
        seen, later = first, frozenset[str]()
        prefix = f"{base.rstrip('/')}/"

        def covered(path: str) -> Node | None:
            nonlocal seen, later
            now = watch.refreshed()
            if now is not seen:
                seen = now
                later = frozenset(point for _, point in now - first if point.startswith(prefix))
            if path not in later:
                return None
            return TreeView(directory_node() if os.path.isdir(path) else file_node())  # noqa: PTH112 - text as it is

        return covered

    def mount(self, fd: int, path: str, root: Node, source_fd: int | None) -> None:
        """Mount on the open directory or file `fd` of the host. `source_fd` is what to bind, None for a copy of `root`.

        Raises FsError.
        """
        target = f"/proc/self/fd/{fd}"
        before = _mounted().keys()
        if source_fd is not None:
            _mount(f"/proc/self/fd/{source_fd}", target, "", MS_BIND, "")
            self._remember(path, before)
            return
        if root.kind is not FileKind.DIRECTORY:
            raise FsError("ENOTSUP", path)
        flags = MS_NOSUID | MS_NODEV | MS_NOEXEC
        _mount("kubesim", target, "tmpfs", flags, f"mode=755,size={2 * COPY_BYTES_MAX}")
        self._remember(path, before)
        try:
            with _opened_mount(self._made[-1][1]) as top:
                _copy(root, Path(top), [COPY_BYTES_MAX])
                _mount("", top, "", MS_REMOUNT | MS_RDONLY | flags, "")
        except OSError as error:
            self.unmount(path)
            raise from_os_error(error, path) from None

    def _remember(self, path: str, before: Container[str]) -> None:
        """Keep the id of a mount that was just made: a path may lead elsewhere by the time it is taken away."""
        new = [mount_id for mount_id in _mounted() if mount_id not in before]
        self._made.append((path, new[-1] if new else ""))

    def unmount(self, path: str) -> None:
        """Take a mount of ours away. Raises FsError; one that somebody else took away already is no failure."""
        ours = next((made for made in reversed(self._made) if made[0] == path), None)
        if ours is None:
            return
        self._made.remove(ours)
        try:
            with _opened_mount(ours[1]) as top:
                if _libc().umount2(os.fsencode(top), MNT_DETACH) != 0:
                    number = ctypes.get_errno()
                    raise OSError(number, os.strerror(number))
        except OSError as error:
            known = from_os_error(error, path)
            if known.errno_name not in ("EINVAL", "ENOENT"):
                raise known from None

    def unmount_all(self) -> None:
        """Nothing of ours stays on the host. Raises FsError for what cannot be taken away."""
        for path, _ in reversed(list(self._made)):
            self.unmount(path)


def _mounted() -> dict[str, str]:
    """Paths of all mounts by id, in the order of the host's table."""
    rows = (line.split(" ", 5) for line in os.fsdecode(Path(_MOUNTINFO).read_bytes()).splitlines())
    return {row[0]: unescaped(row[4]) for row in rows}


@contextmanager
def _opened_mount(mount_id: str) -> Generator[str]:
    """A path that leads to the root of one mount and nothing else, whatever became of the names on the way to it.

    Raises OSError ENOENT when that mount is gone.
    """
    path = _mounted().get(mount_id)
    if path is None:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), mount_id)
    fd = os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        facts = Path(f"/proc/self/fdinfo/{fd}").read_text(encoding="ascii")
        if f"mnt_id:\t{mount_id}\n" not in facts:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        yield f"/proc/self/fd/{fd}"
    finally:
        os.close(fd)


def _copy(node: Node, to: Path, room: list[int]) -> None:
    """The files of a directory, as they are now. Devices and pipes have no content, and stay away."""
    for name in node.names():
        below = node.child(name)
        if below is None:
            continue
        stat, path = below.stat(), to / name
        if below.kind is FileKind.DIRECTORY:
            path.mkdir()
            _copy(below, path, room)
        elif below.kind is FileKind.SYMLINK:
            path.symlink_to(below.target())
        elif below.kind is FileKind.FILE:
            room[0] -= stat.size_bytes
            if room[0] < 0:
                raise FsError("ENOSPC", str(path))
            path.write_bytes(below.read_all())
        else:
            continue
        os.chown(path, stat.uid, stat.gid, follow_symlinks=False)
        if below.kind is not FileKind.SYMLINK:
            path.chmod(stat.mode & 0o777)


def _mount(source: str, target: str, kind: str, flags: int, options: str) -> None:
    words = [os.fsencode(text) for text in (source, target, kind)]
    if _libc().mount(*words, ctypes.c_ulong(flags), os.fsencode(options)) != 0:
        number = ctypes.get_errno()
        raise from_os_error(OSError(number, os.strerror(number)), target)


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
