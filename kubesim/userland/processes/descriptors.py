"""What a process has open, by descriptor."""

from __future__ import annotations

from collections.abc import Mapping

from kubesim.userland.files.fs_error import FsError
from kubesim.userland.files.open_file import OpenFile

READ_BYTES = 65536


class Descriptors:
    """Open files by number; the part of a process that is about them."""

    __slots__ = ("_fds",)

    def __init__(self) -> None:
        self._fds: dict[int, OpenFile] = {}

    def descriptors(self) -> Mapping[int, OpenFile]:
        """Open files by descriptor."""
        return self._fds

    def open_file_of(self, fd: int) -> OpenFile:
        """What a descriptor stands for. Raises FsError EBADF."""
        file = self._fds.get(fd)
        if file is None:
            raise FsError("EBADF")
        return file

    def set_file(self, fd: int, file: OpenFile) -> None:
        """Let a descriptor stand for `file`; what it stood for is let go of."""
        file.hold()
        self.close(fd)
        self._fds[fd] = file

    def close(self, fd: int) -> None:
        """Close a descriptor; one that is not open stays so."""
        file = self._fds.pop(fd, None)
        if file is not None:
            file.release()

    def close_all(self) -> None:
        """Close every descriptor."""
        for fd in list(self._fds):
            self.close(fd)

    def inherit(self, parent: Descriptors) -> None:
        """Hold what the parent holds, as fork(2) has it."""
        for fd, file in parent._fds.items():
            self._fds[fd] = file.hold()

    async def read(self, fd: int, size: int = READ_BYTES) -> bytes:
        """At most `size` bytes; b"" at the end."""
        return await self.read_from(self.open_file_of(fd), size)

    async def read_from(self, file: OpenFile, size: int = READ_BYTES) -> bytes:
        """The same from a file that has no descriptor."""
        while (data := file.read_now(size)) is None:
            await file.wait_readable()
        return data
