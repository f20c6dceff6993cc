"""What a process has open, by descriptor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from kubesim.userland.files.fs_error import FsError
from kubesim.userland.files.open_file import OpenFile

READ_BYTES = 65536


class Descriptors:
    """Open files by number, and what a program says on them; the part of a process that is about them."""

    __slots__ = ("_fds",)

    if TYPE_CHECKING:
        argv: list[str]

        async def write(self, fd: int, data: bytes) -> None:
            """Write all of `data`; a process may die of it."""

    def __init__(self) -> None:
        # A list, as the kernel has it: nearly every process has three open files, and a dictionary of three takes three
        # times as much.
        self._fds: list[OpenFile | None] = []

    def descriptors(self) -> Mapping[int, OpenFile]:
        """Open files by descriptor, in its order."""
        return {fd: file for fd, file in enumerate(self._fds) if file is not None}

    def open_file_of(self, fd: int) -> OpenFile:
        """What a descriptor stands for. Raises FsError EBADF."""
        fds = self._fds
        file = fds[fd] if 0 <= fd < len(fds) else None
        if file is None:
            raise FsError("EBADF")
        return file

    def set_file(self, fd: int, file: OpenFile) -> None:
        """Let a descriptor stand for `file`; what it stood for is let go of."""
        file.hold()
        self.close(fd)
        fds = self._fds
        while len(fds) <= fd:
            fds.append(None)
        fds[fd] = file

    def close(self, fd: int) -> None:
        """Close a descriptor; one that is not open stays so."""
        fds = self._fds
        file = fds[fd] if 0 <= fd < len(fds) else None
        if file is not None:
            fds[fd] = None
            file.release()

    def close_all(self) -> None:
        """Close every descriptor."""
        for fd in range(len(self._fds)):
            self.close(fd)
        self._fds.clear()

    def inherit(self, parent: Descriptors) -> None:
        """Hold what the parent holds, as fork(2) has it."""
        self._fds = [None if file is None else file.hold() for file in parent._fds]

    async def read(self, fd: int, size: int = READ_BYTES) -> bytes:
        """At most `size` bytes; b"" at the end."""
        return await self.read_from(self.open_file_of(fd), size)

    async def read_from(self, file: OpenFile, size: int = READ_BYTES) -> bytes:
        """The same from a file that has no descriptor."""
        while (data := file.read_now(size)) is None:
            await file.wait_readable()
        return data

    # -- output ---------------------------------------------------------------------------------------

    async def say(self, text: str) -> None:
        """Write text to standard output."""
        await self.write(1, text.encode(errors="surrogateescape"))

    async def complain(self, text: str) -> None:
        """Write `name: text` and a newline to standard error; a stderr that takes nothing is no reason to fail."""
        try:
            await self.write(2, f"{self.name}: {text}\n".encode(errors="surrogateescape"))
        except FsError:
            return

    @property
    def name(self) -> str:
        """The last part of argv[0]: what messages begin with."""
        return self.argv[0].rpartition("/")[2] if self.argv else "?"
