"""Lines in and text out, as the C library's stdio gives them to the applets that work on text.

Nobody reads further than a block ahead, and what was printed is written before a reader waits: `tail -f log | sed`
shows a line when it comes. (The real one keeps what goes to a pipe until it has 4096 bytes.)
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from kubesim.userland.files.fs_error import STRERROR, FsError
from kubesim.userland.files.open_file import OpenFile
from kubesim.userland.processes.process_life import Process

BLOCK_BYTES = 65536

LINES_PER_STEP = 128
"""Lines that count as one unit of work: so many take a fraction of a millisecond."""


class AppletError(Exception):
    """The applet says `message` after its name and ends with `code`; bb_error_msg_and_die."""

    def __init__(self, message: str, code: int = 1) -> None:
        super().__init__(message)
        self.message = message
        self.code = code


def byte_text(word: str) -> str:
    """A word of the command line with one character a byte, as the C locale sees it."""
    return word.encode(errors="surrogateescape").decode("latin-1")


def open_input(process: Process, name: str) -> OpenFile:
    """The file of an operand, held; `-` is standard input. Raises FsError."""
    return process.open_file_of(0).hold() if name == "-" else process.files.open_read(name).hold()


class TextOut:
    """What a process prints, in blocks: on standard output, or into a file that it holds."""

    __slots__ = ("_file", "_parts", "_process", "_size_bytes")

    def __init__(self, process: Process, file: OpenFile | None = None) -> None:
        self._process = process
        self._file = file
        self._parts: list[bytes] = []
        self._size_bytes = 0

    async def put(self, data: bytes) -> None:
        """Print."""
        self._parts.append(data)
        self._size_bytes += len(data)
        if self._size_bytes >= BLOCK_BYTES:
            await self.flush()

    async def put_text(self, text: str) -> None:
        """Print text that has one character a byte."""
        await self.put(text.encode("latin-1"))

    async def flush(self) -> None:
        """Write what is still here. Raises FsError."""
        if not self._parts:
            return
        data = b"".join(self._parts)
        self._parts.clear()
        self._size_bytes = 0
        if self._file is None:
            await self._process.write(1, data)
            return
        rest = self._file.write_now(data)
        while rest is not None:
            await self._file.wait_writable()
            rest = self._file.write_now(rest)


class LineReader:
    """The lines of an open file, each with its end; the last one may lack it.

    `takes_errors_for_end`: what cannot be read, a directory above all, is empty, as for busybox's xmalloc_fgetline.
    `nul_becomes`: what stands for a NUL. The lines of xmalloc_fgetline end there too, as those of a C program do.
    Mirrors busybox: libbb/get_line_from_file.c, bb_get_chunk_from_file.
    """

    __slots__ = (
        "_end", "_file", "_is_over", "_lines", "_nul_becomes", "_out", "_pending", "_process", "_takes_errors_for_end",
        "has_failed",
    )  # fmt: skip

    def __init__(
        self,
        process: Process,
        file: OpenFile,
        *,
        out: TextOut | None = None,
        end: bytes = b"\n",
        takes_errors_for_end: bool = False,
        nul_becomes: bytes = b"\0",
    ) -> None:
        self._process = process
        self._file = file
        self._out = out
        self._end = end
        self._takes_errors_for_end = takes_errors_for_end
        self._nul_becomes = nul_becomes
        self.has_failed = False
        """Whether an error was taken for the end."""
        self._lines: list[bytes] = []  # of the last block, the next one at the end
        self._pending: list[bytes] = []
        self._is_over = False

    async def next_line(self) -> bytes | None:
        """The next line; None at the end. Raises FsError when reading fails."""
        if self._lines:
            if len(self._lines) % LINES_PER_STEP == 0:
                await self._process.step()
            return self._lines.pop()
        while not self._is_over:
            data = await self._read()
            if not data:
                self._is_over = True
                rest, self._pending = b"".join(self._pending), []
                return rest or None
            *lines, rest = data.split(self._end)
            if not lines:
                self._pending.append(rest)
                await self._process.grow(len(rest))  # a line without end takes all the memory there is
                continue
            lines[0] = b"".join(self._pending) + lines[0]
            self._pending = [rest] if rest else []
            self._lines = [line + self._end for line in reversed(lines)]
            return self._lines.pop()
        return None

    async def _read(self) -> bytes:
        if self._out is not None:
            await self._out.flush()
        await self._process.step()
        try:
            data = await self._process.read_from(self._file, BLOCK_BYTES)
        except FsError:
            if not self._takes_errors_for_end:
                raise
            self.has_failed = True
            return b""
        return data if self._nul_becomes == b"\0" else data.replace(b"\0", self._nul_becomes)

    async def lines(self) -> AsyncIterator[bytes]:
        """The lines without their ends. Raises FsError when reading fails."""
        while (line := await self.next_line()) is not None:
            yield line.removesuffix(self._end)


async def read_all(process: Process, file: OpenFile) -> bytes:
    """Everything, charged to the process. Raises FsError."""
    parts = []
    while data := await process.read_from(file, BLOCK_BYTES):
        await process.grow(len(data))
        parts.append(data)
        await process.step()
    return b"".join(parts)


async def input_files(process: Process, names: list[str], failures: list[str]) -> AsyncIterator[tuple[str, OpenFile]]:
    """The operands that open, one after the other; for the others the reason is said and the name noted."""
    for name in names or ["-"]:
        try:
            file = open_input(process, name)
        except FsError as error:
            await process.complain(f"{name}: {error.strerror}")
            failures.append(name)
            continue
        try:
            yield name, file
        finally:
            file.release()


async def note_failure(process: Process, name: str, reader: LineReader, failures: list[str]) -> None:
    """Say that an operand could not be read to its end. By then busybox only knows that, not the reason."""
    if reader.has_failed:
        await process.complain(f"{name}: {STRERROR['EIO']}")
        failures.append(name)
