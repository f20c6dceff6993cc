"""wc: lines, words, characters, bytes and the longest line. Mirrors busybox: coreutils/wc.c."""

from __future__ import annotations

import re

from kubesim.userland.applets.text_stream import LineReader, open_input
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.files.open_file import OpenFile
from kubesim.userland.options import parse_options
from kubesim.userland.processes.process_life import Process

_LETTERS = "lwmcL"
_WORD = re.compile(rb"[^ \t-\r]*[!-~][^ \t-\r]*")
"""Bytes that are not printed belong to a word, but make none."""
_LINE_START = re.compile(rb"[\r\f]")


async def run(process: Process) -> int:
    """Count each operand, and all of them together when there are several."""
    options = parse_options(process.argv, _LETTERS)
    wanted = [letter in options or (not options.flags and letter in "lwc") for letter in _LETTERS]
    names = options.operands or [""]
    is_padded = len(names) > 1 or sum(wanted) > 1
    totals = [0] * len(_LETTERS)
    code = 0
    for name in names:
        try:
            file = open_input(process, name or "-")
        except FsError as error:
            await process.complain(f"{name}: {error.strerror}")
            code = 1
            continue
        try:
            counts, failure = await _count(process, file, has_length="L" in options)
        finally:
            file.release()
        if failure is not None:
            await process.complain(f"{name or 'standard input'}: {failure.strerror}")
            code = 1
        longest = max(totals[-1], counts[-1])
        totals = [*(total + count for total, count in zip(totals[:-1], counts[:-1], strict=True)), longest]
        await process.say(_line(counts, wanted, name, is_padded=is_padded))
    if len(names) > 1:
        await process.say(_line(totals, wanted, "total", is_padded=True))
    return code


def _line(counts: list[int], wanted: list[bool], name: str, *, is_padded: bool) -> str:
    shown = [
        f"{count:9d}" if is_padded else str(count) for count, is_shown in zip(counts, wanted, strict=True) if is_shown
    ]
    return " ".join([*shown, name] if name else shown) + "\n"


async def _count(process: Process, file: OpenFile, *, has_length: bool) -> tuple[list[int], FsError | None]:
    """The counts, and why reading ended early."""
    lines = words = size = length = 0
    reader = LineReader(process, file)
    failure = None
    try:
        while (line := await reader.next_line()) is not None:
            lines += line.endswith(b"\n")
            size += len(line)
            words += len(_WORD.findall(line))
            if has_length:
                length = max(length, _width(line))
    except FsError as error:
        failure = error
    # A byte is a character: the locale is C.
    return [lines, words, size, size, length], failure


def _width(line: bytes) -> int:
    """Columns that the widest part of a line takes; tabs go to every eighth."""
    widest = 0
    for part in _LINE_START.split(line):
        column = 0
        for byte in part:
            if byte == 9:
                column = (column | 7) + 1
            else:
                column += 32 <= byte <= 126
        widest = max(widest, column)
    return widest
