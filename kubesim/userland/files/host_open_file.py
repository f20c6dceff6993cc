"""Files of the real host that are held open."""

from __future__ import annotations

import os
import stat as stat_bits
from collections.abc import Generator
from contextlib import contextmanager

from kubesim.userland.files.file_stat import FileKind, Stat
from kubesim.userland.files.fs_error import FsError, from_os_error

_KINDS = {
    stat_bits.S_IFREG: FileKind.FILE,
    stat_bits.S_IFDIR: FileKind.DIRECTORY,
    stat_bits.S_IFLNK: FileKind.SYMLINK,
    stat_bits.S_IFCHR: FileKind.DEVICE,
    stat_bits.S_IFBLK: FileKind.BLOCK_DEVICE,
    stat_bits.S_IFIFO: FileKind.FIFO,
    stat_bits.S_IFSOCK: FileKind.SOCKET,
}

Owners = dict[tuple[int, int], tuple[int, int]]
"""Owners the host refused to set: (device, inode) to (uid, gid)."""


def stat_of(found: os.stat_result, owners: Owners) -> Stat:
    uid, gid = (
        owners.get((found.st_dev, found.st_ino), (found.st_uid, found.st_gid))
        if owners
        else (
            found.st_uid,
            found.st_gid,
        )
    )
    return Stat(
        kind=_KINDS[stat_bits.S_IFMT(found.st_mode)],
        mode=stat_bits.S_IMODE(found.st_mode),
        uid=uid,
        gid=gid,
        size_bytes=found.st_size,
        mtime_ns=found.st_mtime_ns,
        atime_ns=found.st_atime_ns,
        ctime_ns=found.st_ctime_ns,
        device=found.st_dev,
        inode=found.st_ino,
        links_count=found.st_nlink,
        device_number=found.st_rdev,
    )


class RealOpenFile:
    """A descriptor of the host. One that nobody closes goes with the object."""

    __slots__ = ("_fd", "_owners")

    def __init__(self, fd: int, owners: Owners) -> None:
        self._fd = fd
        self._owners = owners

    def read_at(self, offset: int, size: int) -> bytes:
        """At most `size` bytes from `offset` on."""
        with _as_fs_error():
            return os.pread(self._fd, size, offset)

    def write_at(self, offset: int, data: bytes) -> None:
        """Write everything; after O_APPEND the kernel writes at the end."""
        with _as_fs_error():
            while data:
                written = os.pwrite(self._fd, data, offset)
                data, offset = data[written:], offset + written

    def truncate(self, size_bytes: int) -> None:
        """Cut or extend."""
        with _as_fs_error():
            os.ftruncate(self._fd, size_bytes)

    def set_mode(self, mode: int) -> None:
        """Change the permission bits."""
        with _as_fs_error():
            os.fchmod(self._fd, mode)

    def stat(self) -> Stat:
        """What it is now."""
        return stat_of(os.fstat(self._fd), self._owners)

    def close(self) -> None:
        """Let go of the file."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def __del__(self) -> None:
        self.close()


@contextmanager
def _as_fs_error() -> Generator[None]:
    try:
        yield
    except OSError as error:
        raise from_os_error(error) from None


class RealAppendFile:
    """A descriptor opened with O_APPEND."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def write(self, data: bytes) -> None:
        """Append `data` with one write: a reader never sees half a line."""
        if not data:
            return
        try:
            written = os.write(self._fd, data)
        except OSError as error:
            raise from_os_error(error) from None
        if written != len(data):
            raise FsError("ENOSPC")

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._fd)
