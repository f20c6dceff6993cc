"""cat: files, or standard input, one after the other."""

from __future__ import annotations

from kubesim.userland.files.fs_error import FsError
from kubesim.userland.files.open_file import OpenFile
from kubesim.userland.options import parse_options
from kubesim.userland.processes.process_life import Process


async def open_operand(process: Process, name: str, wording: str = "can't open '{}'") -> OpenFile | None:
    """The file of an operand, `-` being standard input; None once it was said that it does not open."""
    if name == "-":
        return process.open_file_of(0).hold()
    try:
        return process.files.open_read(name).hold()
    except FsError as error:
        await process.complain(f"{wording.format(name)}: {error.strerror}")
        return None


async def run(process: Process) -> int:
    """Copy everything to standard output."""
    options = parse_options(process.argv, "nu")
    code = 0
    number = 1
    for name in options.operands or ["-"]:
        # With -n busybox opens its files by another function, which words it otherwise.
        file = await open_operand(process, name, "{}" if "n" in options else "can't open '{}'")
        if file is None:
            code = 1
            continue
        try:
            if "n" in options:
                number = await _copy_numbered(process, file, number)
            else:
                await _copy(process, file)
        except _ReadError as error:
            await process.complain(f"read error: {error.cause.strerror}")
            code = 1
        finally:
            file.release()
    return code


class _ReadError(Exception):
    """Reading failed; an FsError alone would look like one of the output."""

    def __init__(self, cause: FsError) -> None:
        super().__init__(str(cause))
        self.cause = cause


async def _part(file: OpenFile) -> bytes:
    try:
        while (data := file.read_now(65536)) is None:
            await file.wait_readable()
    except FsError as error:
        raise _ReadError(error) from None
    return data


async def _copy(process: Process, file: OpenFile) -> None:
    while data := await _part(file):
        await process.write(1, data)
        await process.step()


async def _copy_numbered(process: Process, file: OpenFile, number: int) -> int:
    pending = b""
    while data := await _part(file):
        *lines, pending = (pending + data).split(b"\n")
        for line in lines:
            await process.write(1, b"%6d\t%s\n" % (number, line))
            number += 1
        await process.step()
    if pending:
        await process.write(1, b"%6d\t%s\n" % (number, pending))
        number += 1
    return number
