"""dos2unix and unix2dos: ends of lines. Mirrors busybox: coreutils/dos2unix.c."""

from __future__ import annotations

from kubesim.userland.applets.text_stream import BLOCK_BYTES, TextOut
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.files.open_file import OpenFile
from kubesim.userland.options import UsageError, parse_options
from kubesim.userland.processes.process_life import Process


async def run(process: Process) -> int:
    """Convert files where they are, or standard input. -u and -d say to what, otherwise the name does."""
    options = parse_options(process.argv, "du")
    if {"d", "u"} <= options.flags:
        raise UsageError
    is_dos = "d" in options or ("u" not in options and process.name.startswith("u"))
    end = b"\r\n" if is_dos else b"\n"
    if not options.operands:
        await _convert(process, process.open_file_of(0), TextOut(process), end)
        return 0
    for name in options.operands:
        try:
            await _convert_file(process, name, end)
        except FsError as error:
            await process.complain(f"can't open '{name}': {error.strerror}")
            return 1
    return 0


async def _convert_file(process: Process, name: str, end: bytes) -> None:
    """Write the file anew beside itself, then put it in the place of the old one."""
    files = process.files
    path = files.walk(name).path
    stat = files.stat(path)
    source = files.open_read(path).hold()
    temporary = f"{path}{process.draw_bits(30):06x}"
    try:
        file = files.open_write(temporary, is_exclusive=True, mode=0o600).hold()
        try:
            await _convert(process, source, TextOut(process, file), end)
        finally:
            file.release()
        files.set_mode(temporary, stat.mode & 0o7777)
        if process.credentials.is_root:
            files.set_owner(temporary, stat.uid, stat.gid)
        files.rename(temporary, path)
    finally:
        source.release()
        if files.exists(temporary):
            files.remove_file(temporary)


async def _convert(process: Process, source: OpenFile, out: TextOut, end: bytes) -> None:
    while data := await process.read_from(source, BLOCK_BYTES):
        await out.put(data.replace(b"\r", b"").replace(b"\n", end))
        await process.step()
        await out.flush()
