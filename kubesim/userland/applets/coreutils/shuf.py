"""shuf: lines in an order drawn from the node's seeded source. Mirrors busybox: coreutils/shuf.c."""

from __future__ import annotations

from collections.abc import Sequence

from kubesim.userland.applets.text_stream import LINES_PER_STEP, AppletError, TextOut, open_input, read_all
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.options import Options, UsageError, parse_options
from kubesim.userland.processes.process_life import Process

RANGE_MAX = 1_000_000
"""Numbers of -i: a limit of ours, which all of them are held within."""


async def run(process: Process) -> int:
    """Print FILE, the operands with -e, or numbers with -i, shuffled."""
    options = parse_options(process.argv, "ei:n:o:z")
    if {"e", "i"} <= options.flags or ("i" in options and options.operands):
        raise UsageError
    try:
        lines = await _lines(process, options)
        count = len(lines)
        if "n" in options:
            count = min(count, _number(options.values["n"]))
        _aim(process, options)
    except AppletError as error:
        await process.complain(error.message)
        return error.code
    out = TextOut(process)
    pool = list(lines)
    end = b"\0" if "z" in options else b"\n"
    for last in range(len(pool) - 1, len(pool) - 1 - count, -1):
        drawn = process.draw_bits(53) % (last + 1)
        pool[last], pool[drawn] = pool[drawn], pool[last]
        if last % LINES_PER_STEP == 0:
            await process.step()
    for line in pool[len(pool) - count :]:
        await out.put(line + end)
    await out.flush()
    return 0


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal()) or len(text) > 19:
        raise AppletError(f"invalid number '{text}'")
    return int(text)


def _aim(process: Process, options: Options) -> None:
    """-o takes the place of standard output."""
    if "o" not in options:
        return
    name = options.values["o"]
    try:
        process.set_file(1, process.files.open_write(name, is_truncated=True))
    except FsError as error:
        raise AppletError(f"can't open '{name}': {error.strerror}") from None


async def _lines(process: Process, options: Options) -> Sequence[bytes]:
    if "e" in options:
        return [word.encode(errors="surrogateescape") for word in options.operands]
    if "i" in options:
        text = options.values["i"]
        low_text, dash, high_text = text.partition("-")
        if not dash:
            raise AppletError(f"bad range '{text}'")
        low, high = _number(low_text), _number(high_text)
        if high < low or high - low >= 2**32 - 1:
            raise AppletError(f"bad range '{text}'")
        if high - low >= RANGE_MAX:
            raise AppletError(f"a range of more than {RANGE_MAX} numbers is not emulated: '{text}'")
        return [b"%d" % number for number in range(low, high + 1)]
    if len(options.operands) > 1:
        raise UsageError
    name = (options.operands or ["-"])[0]
    try:
        file = open_input(process, name)
    except FsError as error:
        raise AppletError(f"{name}: {error.strerror}") from None
    try:
        data = await read_all(process, file)
    finally:
        file.release()
    return data.removesuffix(b"\n").split(b"\n") if data else []
