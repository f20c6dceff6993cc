"""head: the beginning of files."""

from __future__ import annotations

from kubesim.userland.applets.coreutils.counts import Count, modern_argv, parse_count
from kubesim.userland.applets.text_stream import open_input
from kubesim.userland.files.fs_error import STRERROR, FsError
from kubesim.userland.files.open_file import OpenFile
from kubesim.userland.options import parse_options
from kubesim.userland.processes.process_life import Process


async def run(process: Process) -> int:
    """Print the first lines or bytes; a negative count leaves out the last ones."""
    options = parse_options(modern_argv(process.argv, "-"), "n:c:qv")
    is_bytes = "c" in options
    text = options.values.get("c" if is_bytes else "n", "10")
    for given in [*options.repeated.get("n", []), *options.repeated.get("c", [])]:
        if _count(given) is None:
            await process.complain(f"invalid number '{given.lstrip('-')}'")
            return 1
    count = _count(text)
    assert count is not None, "it is among those that were looked at"
    names = options.operands or ["-"]
    has_titles = (len(names) > 1 or "v" in options) and "q" not in options
    code = 0
    gap = ""
    for name in names:
        try:
            file = open_input(process, name)
        except FsError as error:
            await process.complain(f"{name}: {error.strerror}")
            code, gap = 1, "\n"
            continue
        try:
            if has_titles:
                await process.say(f"{gap}==> {'standard input' if name == '-' else name} <==\n")
            gap = "\n"
            await (_all_but(process, file, count, is_bytes) if count.sign else _first(process, file, count, is_bytes))
        except FsError as error:
            # busybox looks at the stream, and by then the reason is gone.
            strerror = STRERROR["EIO"] if error.errno_name == "EISDIR" else error.strerror
            await process.complain(f"{name}: {strerror}")
            code = 1
        finally:
            file.release()
    return code


def _count(text: str) -> Count | None:
    count = parse_count(text)
    return None if count is None or count.sign == "+" else count


async def _first(process: Process, file: OpenFile, count: Count, is_bytes: bool) -> None:
    left = count.number
    while left and (data := await process.read_from(file)):
        if is_bytes:
            part = data[:left]
            left -= len(part)
        else:
            part, used = _lines(data, left)
            left -= used
        await process.write(1, part)
        if len(part) < len(data):
            _give_back(file, len(part) - len(data))
        await process.step()


def _lines(data: bytes, count: int) -> tuple[bytes, int]:
    """The first `count` lines of `data`, and how many of them ended in it."""
    pieces = data.split(b"\n", count)
    if len(pieces) <= count:
        return data, len(pieces) - 1
    return data[: len(data) - len(pieces[-1])], count


def _give_back(file: OpenFile, offset: int) -> None:
    """Let whoever reads the same file next begin where this ended; a pipe cannot."""
    try:
        file.seek(offset)
    except FsError as error:
        if error.errno_name != "EINVAL":
            raise


async def _all_but(process: Process, file: OpenFile, count: Count, is_bytes: bool) -> None:
    held = bytearray()
    while data := await process.read_from(file):
        held += data
        await process.grow(len(data))
        await process.step()
    if is_bytes:
        await process.write(1, bytes(held[: max(0, len(held) - count.number)]))
        return
    lines = bytes(held).splitlines(keepends=True)
    await process.write(1, b"".join(lines[: max(0, len(lines) - count.number)]))
