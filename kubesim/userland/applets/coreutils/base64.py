"""base64: bytes as letters, and back. Mirrors busybox: coreutils/uudecode.c, baseNUM_main."""

from __future__ import annotations

import base64
import re

from kubesim.userland.applets.text_stream import BLOCK_BYTES, TextOut, open_input
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.files.open_file import OpenFile
from kubesim.userland.options import UsageError, parse_options
from kubesim.userland.processes.process_life import Process

_COLUMN_DEFAULT = 76
_OTHER = re.compile(rb"[^A-Za-z0-9+/=]+")


async def run(process: Process) -> int:
    """Encode FILE or standard input; -d decodes. It always skips what is no letter of the code: -i asks for that."""
    options = parse_options(process.argv, "diw:")
    if len(options.operands) > 1:
        raise UsageError
    text = str(_COLUMN_DEFAULT)
    for text in options.repeated.get("w", []):
        if not (text.isascii() and text.isdecimal()) or len(text) > 10 or int(text) >= 2**31:
            await process.complain(f"invalid number '{text}'")
            return 1
    name = (options.operands or ["-"])[0]
    try:
        file = open_input(process, name)
    except FsError as error:
        await process.complain(f"{name}: {error.strerror}")
        return 1
    out = TextOut(process)
    try:
        if "d" in options:
            return await _decode(process, file, out)
        return await _encode(process, file, out, int(text))
    finally:
        file.release()
        await out.flush()


async def _encode(process: Process, file: OpenFile, out: TextOut, width: int) -> int:
    pending = b""
    column = 0
    is_over = False
    while not is_over:
        await process.step()
        try:
            data = await process.read_from(file, BLOCK_BYTES)
        except FsError as error:
            await process.complain(f"read error: {error.strerror}")
            return 1
        is_over = not data
        pending += data
        size = len(pending) if is_over else len(pending) // 3 * 3
        letters = base64.b64encode(pending[:size])
        pending = pending[size:]
        at = 0
        while width and at < len(letters):
            part = letters[at : at + width - column]
            at += len(part)
            column = (column + len(part)) % width
            await out.put(part if column else part + b"\n")
        if not width:
            await out.put(letters)
    if column:
        await out.put(b"\n")
    return 0


async def _decode(process: Process, file: OpenFile, out: TextOut) -> int:
    pending = b""
    is_padded = False
    while True:
        await process.step()
        try:
            data = await process.read_from(file, BLOCK_BYTES)
        except FsError:
            data = b""  # a directory: busybox takes an error of reading for the end
        if not data:
            break
        pending += _OTHER.sub(b"", data)
        while not is_padded and len(pending) >= 4:
            end = pending.find(b"=")
            size = (len(pending) if end < 0 else end) // 4 * 4
            if size == 0:
                letters = pending[:end]
                await out.put(base64.b64decode(letters.ljust(4, b"A"))[: max(len(letters) - 1, 0)])
                pending = pending[4:]
                is_padded = True
            else:
                await out.put(base64.b64decode(pending[:size]))
                pending = pending[size:]
    if pending.strip(b"="):
        await out.flush()
        await process.complain("truncated input")
        return 1
    return 0
