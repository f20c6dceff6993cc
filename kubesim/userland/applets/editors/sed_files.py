"""What sed reads and writes: the lines of all files as one input, and outputs that know how their last line ended."""

from __future__ import annotations

from kubesim.userland.applets.text_stream import LineReader, TextOut, open_input
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.files.open_file import OpenFile
from kubesim.userland.processes.process_life import Process


class SedOutput:
    """A file sed writes: a line whose end was missing gets it when another follows."""

    __slots__ = ("_is_line_open", "_out")

    def __init__(self, out: TextOut) -> None:
        self._out = out
        self._is_line_open = False

    async def put(self, text: str, end: str) -> None:
        """Print a line with its end; "" for the last line of a file that lacks it."""
        if self._is_line_open:
            await self._out.put(b"\n")
        if text or end:
            self._is_line_open = not end
        await self._out.put_text(text + end)

    async def put_aside(self, text: str) -> None:
        """Print something that is no line of the input: the number of `=`."""
        await self._out.put_text(text)

    async def flush(self) -> None:
        """Write what is still here."""
        await self._out.flush()


class SedInput:
    """The lines of some files, one file after the other."""

    __slots__ = ("_chunks", "_file", "_names", "_out", "_process", "_reader", "has_failed")

    def __init__(self, process: Process, names: list[str], out: TextOut | None = None) -> None:
        self.has_failed = False
        """Whether a file could not be opened."""
        self._process = process
        self._names = list(names)
        self._out = out
        self._file: OpenFile | None = None
        self._reader: LineReader | None = None
        self._chunks: list[bytes] = []  # of a line with NUL bytes in it, each of which ends one

    async def next_line(self) -> tuple[str, str] | None:
        """A line and its end; None after the last."""
        if not self._chunks:
            line = await self._next_raw()
            if line is None:
                return None
            if b"\0" not in line:
                text = line.decode("latin-1")
                return (text[:-1], "\n") if text.endswith("\n") else (text, "")
            *parts, last = line.split(b"\0")
            self._chunks = [*(part + b"\0" for part in parts), *([last] if last else [])]
        text = self._chunks.pop(0).decode("latin-1")
        return (text[:-1], text[-1]) if text[-1] in "\n\0" else (text, "")

    async def _next_raw(self) -> bytes | None:
        while self._reader is not None or self._names:
            if self._reader is None:
                await self._open(self._names.pop(0))
                continue
            line = await self._reader.next_line()
            if line is not None:
                return line
            self.close()
        return None

    async def _open(self, name: str) -> None:
        try:
            self._file = open_input(self._process, name)
        except FsError as error:
            self.has_failed = True
            await self._process.complain(f"{name}: {error.strerror}")
            return
        self._reader = LineReader(self._process, self._file, out=self._out, takes_errors_for_end=True)

    def close(self) -> None:
        """Let go of the file that is open."""
        if self._file is not None:
            self._file.release()
        self._file = self._reader = None
