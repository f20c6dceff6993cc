"""cat: files, or standard input, one after the other. Mirrors busybox: coreutils/cat.c."""

from __future__ import annotations

from kubesim.userland.applets.coreutils.numbered import Numbering, print_numbered
from kubesim.userland.applets.text_stream import LineReader, TextOut
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.files.open_file import OpenFile
from kubesim.userland.options import Options, parse_options
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
    options = parse_options(process.argv, "nbuvteA")
    shows = options.flags & set("vteA")
    if shows:
        return await _copy_visible(process, options)
    if options.flags & {"n", "b"}:
        return await print_numbered(process, options.operands, Numbering(takes_empty="b" not in options))
    code = 0
    for name in options.operands or ["-"]:
        file = await open_operand(process, name)
        if file is None:
            code = 1
            continue
        try:
            await _copy(process, file)
        except _ReadError as error:
            await process.complain(f"read error: {error.cause.strerror}")
            code = 1
        finally:
            file.release()
    return code


async def _copy_visible(process: Process, options: Options) -> int:
    """Show what is not printed as it is. Mirrors busybox: coreutils/cat.c, catv."""
    table = _visible_table(options)
    out = TextOut(process)
    code = number = 0
    is_start = True
    for name in options.operands or ["-"]:
        file = await open_operand(process, name)
        if file is None:
            code = 1
            continue
        try:
            reader = LineReader(process, file, out=out)
            while (line := await _next_line(reader)) is not None:
                if is_start and ("b" in options or "n" in options) and (line != b"\n" or "b" not in options):
                    number += 1
                    await out.put(b"%6d  " % number)
                is_start = line.endswith(b"\n")
                await out.put_text(line.decode("latin-1").translate(table))
        except _ReadError:
            code = 1  # busybox says nothing here
        finally:
            file.release()
    await out.flush()
    return code


class _ReadError(Exception):
    """Reading failed; an FsError alone would look like one of the output."""

    def __init__(self, cause: FsError) -> None:
        super().__init__(str(cause))
        self.cause = cause


async def _next_line(reader: LineReader) -> bytes | None:
    try:
        return await reader.next_line()
    except FsError as error:
        raise _ReadError(error) from None


async def _part(process: Process, file: OpenFile) -> bytes:
    try:
        return await process.read_from(file)
    except FsError as error:
        raise _ReadError(error) from None


async def _copy(process: Process, file: OpenFile) -> None:
    while data := await _part(process, file):
        await process.write(1, data)
        await process.step()


def _visible_table(options: Options) -> dict[int, str]:
    """What stands for each byte that is not printed as it is. Mirrors busybox: libbb/printable.c, visible."""
    table = {}
    for byte in range(256):
        shown, low = ("M-", byte - 128) if byte >= 128 else ("", byte)
        table[byte] = shown + (f"^{chr(low ^ 64)}" if low < 32 or low == 127 else chr(low))
    if not options.flags & {"t", "A"}:
        table[9] = "\t"
    table[10] = "$\n" if options.flags & {"e", "A"} else "\n"
    return table
