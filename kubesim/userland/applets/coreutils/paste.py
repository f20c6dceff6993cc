"""paste: lines of several files side by side. Mirrors busybox: coreutils/paste.c."""

from __future__ import annotations

from kubesim.userland.applets.text_stream import LineReader, TextOut, byte_text, open_input
from kubesim.userland.escapes import decode_escape
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.files.open_file import OpenFile
from kubesim.userland.options import parse_options
from kubesim.userland.processes.process_life import Process


async def run(process: Process) -> int:
    """Paste; -s takes one file after the other."""
    options = parse_options(process.argv, "d:s")
    text = byte_text(options.values.get("d", "\t"))
    if not text:
        await process.complain("-d '' is not supported")
        return 1
    delimiters = _delimiters(text)
    files: list[OpenFile] = []
    out = TextOut(process)
    try:
        for name in options.operands or ["-"]:
            try:
                files.append(open_input(process, name))
            except FsError as error:
                await process.complain(f"{name}: {error.strerror}")
                return 1
        # Operands that are the same standard input share what was read ahead of it.
        readers: dict[OpenFile, LineReader] = {}
        for file in files:
            readers.setdefault(file, LineReader(process, file, out=out, takes_errors_for_end=True, nul_becomes=b"\n"))
        columns = [readers[file] for file in files]
        if "s" in options:
            for column in columns:
                await _serial(out, column, delimiters)
        else:
            await _beside(out, columns, delimiters)
        await out.flush()
    finally:
        for file in files:
            file.release()
    return 0


def _delimiters(text: str) -> list[bytes]:
    r"""Each character of a list, escapes carried out; `\0` stands for none."""
    found = []
    at = 0
    while at < len(text):
        char, at = decode_escape(text, at) if text[at] == "\\" else (text[at], at + 1)
        found.append(char.encode("latin-1").replace(b"\0", b""))
    return found


async def _serial(out: TextOut, reader: LineReader, delimiters: list[bytes]) -> None:
    count = 0
    async for line in reader.lines():
        if count:
            await out.put(delimiters[(count - 1) % len(delimiters)])
        await out.put(line)
        count += 1
    if count:
        await out.put(b"\n")


async def _beside(out: TextOut, columns: list[LineReader], delimiters: list[bytes]) -> None:
    """A file that is over leaves no delimiter behind; when it is the last one the line is not ended either."""
    active: list[LineReader | None] = [*columns]
    while any(reader is not None for reader in active):
        used = 0
        for number, reader in enumerate(active):
            if reader is None:
                continue
            line = await reader.next_line()
            if line is None:
                active[number] = None
                continue
            await out.put(line.removesuffix(b"\n"))
            if number == len(active) - 1:
                await out.put(b"\n")
            else:
                await out.put(delimiters[used % len(delimiters)])
                used += 1
