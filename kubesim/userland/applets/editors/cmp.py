"""cmp: the first byte, or with -l every byte, in which two files differ. Mirrors busybox: editors/cmp.c."""

from __future__ import annotations

from kubesim.userland.applets.text_stream import BLOCK_BYTES, AppletError, TextOut, open_input
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.files.open_file import OpenFile
from kubesim.userland.options import UsageError, parse_options
from kubesim.userland.processes.process_life import Process


async def run(process: Process) -> int:
    """0 when they are the same, 1 when they differ, 2 when one cannot be read."""
    options = parse_options(process.argv, "sln:")
    operands = options.operands
    if not 1 <= len(operands) <= 4 or {"l", "s"} <= options.flags:
        raise UsageError
    names = [operands[0], operands[1] if len(operands) > 1 else "-"]
    files: list[OpenFile] = []
    out = TextOut(process)
    try:
        limit = _number(options.values["n"]) if "n" in options else None
        skips = [*map(_number, operands[2:]), 0, 0][:2]
        files.extend(_opened(process, name, is_silent="s" in options) for name in names)
        if names == ["-", "-"]:
            return 0
        inputs = [_Input(process, file, name) for file, name in zip(files, names, strict=True)]
        for source, skip in zip(inputs, skips, strict=True):
            await source.take(skip)
        comparison = _Comparison(process, out, names, lists_all="l" in options, is_silent="s" in options)
        return await comparison.run(inputs, limit)
    except AppletError as error:
        await out.flush()
        if error.message:
            await process.complain(error.message)
        return error.code
    finally:
        for file in files:
            file.release()


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal()) or len(text) > 18:
        raise AppletError(f"invalid number '{text}'")
    return int(text)


def _opened(process: Process, name: str, *, is_silent: bool) -> OpenFile:
    try:
        return open_input(process, name)
    except FsError as error:
        raise AppletError("" if is_silent else f"{name}: {error.strerror}", 2) from None


class _Input:
    """A file in blocks; `data` is what was read and not compared."""

    def __init__(self, process: Process, file: OpenFile, name: str) -> None:
        self.data = b""
        self._process = process
        self._file = file
        self._name = name

    async def fill(self) -> None:
        """Have something in `data`, unless the end is reached."""
        if self.data:
            return
        try:
            self.data = await self._process.read_from(self._file, BLOCK_BYTES)
        except FsError:
            raise AppletError(f"{self._name}: I/O error", 2) from None

    async def take(self, count: int) -> None:
        """Pass over so many bytes, or to the end."""
        while count:
            await self.fill()
            if not self.data:
                return
            taken = min(count, len(self.data))
            self.data = self.data[taken:]
            count -= taken


class _Comparison:
    """What was compared so far."""

    def __init__(self, process: Process, out: TextOut, names: list[str], *, lists_all: bool, is_silent: bool) -> None:
        self._process = process
        self._out = out
        self._names = names
        self._lists_all = lists_all
        self._is_silent = is_silent
        self._position = 0
        self._line = 1
        self._is_different = False

    async def run(self, inputs: list[_Input], limit: int | None) -> int:
        """Compare up to `limit` bytes; the exit code."""
        first, second = inputs
        while limit is None or self._position < limit:
            await self._process.step()
            await first.fill()
            await second.fill()
            size = min(len(first.data), len(second.data))
            if limit is not None:
                size = min(size, limit - self._position)
            if not size:
                if first.data or second.data:
                    self._is_different = True
                    if not self._is_silent:
                        await self._out.flush()
                        name = self._names[0] if not first.data else self._names[1]
                        await self._process.write(2, f"cmp: EOF on {name}\n".encode(errors="surrogateescape"))
                break
            if not await self._part(first.data[:size], second.data[:size]):
                break
            first.data, second.data = first.data[size:], second.data[size:]
        await self._out.flush()
        return 1 if self._is_different else 0

    async def _part(self, one: bytes, two: bytes) -> bool:
        """Compare two blocks of the same size; whether to go on."""
        if one != two:
            self._is_different = True
            for at, (first, second) in enumerate(zip(one, two, strict=True)):
                if first == second:
                    continue
                where = self._position + at + 1
                if self._lists_all:
                    await self._out.put(b"%d %3o %3o\n" % (where, first, second))
                    continue
                if not self._is_silent:
                    line = self._line + one.count(b"\n", 0, at)
                    text = f"{self._names[0]} {self._names[1]} differ: char {where}, line {line}\n"
                    await self._out.put(text.encode(errors="surrogateescape"))
                return False
        self._position += len(one)
        self._line += one.count(b"\n")
        return True
