"""strings: what can be read in a file. Mirrors busybox: miscutils/strings.c."""

from __future__ import annotations

import re

from kubesim.userland.applets.text_stream import BLOCK_BYTES, TextOut, byte_text, input_files
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.files.open_file import OpenFile
from kubesim.userland.options import Options, UsageError, parse_options
from kubesim.userland.processes.process_life import Process

_RUN = re.compile(rb"[\t -~]+")


async def run(process: Process) -> int:
    """Print runs of at least so many printable characters, with names and offsets on request."""
    options = parse_options(process.argv, "afon:t:")
    text = options.values.get("n", "4")
    if not (text.isascii() and text.isdecimal()) or len(text) > 10:
        await process.complain(f"invalid number '{text}'")
        return 1
    if not 1 <= int(text) < 2**31:
        await process.complain(f"number {text} is not in 1..2147483647 range")
        return 1
    radix = options.values.get("t", "o")
    if radix not in ("d", "o", "x"):
        raise UsageError
    out = TextOut(process)
    failures: list[str] = []
    async for name, file in input_files(process, options.operands, failures):
        title = f"{byte_text(name)}: " if options.operands else "{standard input}: "
        await _print(process, file, out, options, title=title if "f" in options else "", length_min=int(text))
    await out.flush()
    return 1 if failures else 0


async def _print(
    process: Process, file: OpenFile, out: TextOut, options: Options, *, title: str, length_min: int
) -> None:
    pending = b""
    offset = 0
    has_offset = "o" in options or "t" in options
    while True:
        await process.step()
        try:
            block = await process.read_from(file, BLOCK_BYTES)
        except FsError:
            block = b""  # a directory: busybox takes an error of reading for the end
        data = pending + block
        for found in _RUN.finditer(data):
            if block and found.end() == len(data):
                break  # it may go on in the next block
            if len(found[0]) >= length_min:
                where = f"{offset + found.start():7{options.values.get('t', 'o')}} " if has_offset else ""
                await out.put_text(f"{title}{where}{found[0].decode('latin-1')}\n")
        kept = len(data) - len(data.rstrip(bytes(range(32, 127)) + b"\t"))
        offset += len(data) - kept
        pending = data[len(data) - kept :] if block else b""
        if not block:
            return
