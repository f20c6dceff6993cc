"""wc: lines, words and bytes."""

from __future__ import annotations

from kubesim.userland.files.fs_error import FsError
from kubesim.userland.files.open_file import OpenFile
from kubesim.userland.options import parse_options
from kubesim.userland.processes.process_life import Process

_BLANK = b" \t\n\v\f\r"


async def run(process: Process) -> int:
    """Count each operand, and all of them together when there are several."""
    options = parse_options(process.argv, "clw")
    wanted = [letter in options or not options.flags for letter in "lwc"]
    names = options.operands or [""]
    is_padded = len(names) > 1 or sum(wanted) > 1
    totals = [0, 0, 0]
    code = 0
    for name in names:
        try:
            file = process.open_file_of(0).hold() if name in ("", "-") else process.files.open_read(name).hold()
            try:
                counts = await _count(process, file)
            finally:
                file.release()
        except FsError as error:
            await process.complain(f"{name}: {error.strerror}")
            code = 1
            continue
        totals = [total + count for total, count in zip(totals, counts, strict=True)]
        await process.say(_line(counts, wanted, name, is_padded=is_padded))
    if len(names) > 1:
        await process.say(_line(totals, wanted, "total", is_padded=True))
    return code


def _line(counts: list[int], wanted: list[bool], name: str, *, is_padded: bool) -> str:
    shown = [
        f"{count:9d}" if is_padded else str(count) for count, is_shown in zip(counts, wanted, strict=True) if is_shown
    ]
    return " ".join([*shown, name] if name else shown) + "\n"


async def _count(process: Process, file: OpenFile) -> list[int]:
    lines = words = size = 0
    is_in_word = False
    while data := await process.read_from(file):
        lines += data.count(b"\n")
        size += len(data)
        words += len(data.split())
        if is_in_word and data[0] not in _BLANK:
            words -= 1  # the same word as the end of the part before
        is_in_word = data[-1] not in _BLANK
        await process.step()
    return [lines, words, size]
