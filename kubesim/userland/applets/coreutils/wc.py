"""wc: lines, words, characters, bytes and the longest line. Mirrors busybox: coreutils/wc.c."""

from __future__ import annotations

import re

from kubesim.userland.applets.text_stream import LineReader, open_input
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.files.open_file import OpenFile
from kubesim.userland.options import parse_options
from kubesim.userland.processes.process_life import Process

_LETTERS = "lwmcL"
_READ_BYTES = 65536
_UNPRINTED = bytes(byte for byte in range(256) if not (33 <= byte <= 126 or byte in b" \t\n\v\f\r"))
"""They belong to a word, but make none."""
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


class _Counts:
    """What is counted of bytes that come in pieces."""

    __slots__ = ("_is_in_word", "lines", "longest", "size", "words")

    def __init__(self) -> None:
        self.lines = self.words = self.size = self.longest = 0
        self._is_in_word = False

    def add(self, data: bytes) -> None:
        """The next piece; where it is cut makes no difference."""
        self.size += len(data)
        self.lines += data.count(b"\n")
        seen = data.translate(None, _UNPRINTED)
        if seen:
            self.words += len(seen.split()) - (self._is_in_word and not seen[:1].isspace())
            self._is_in_word = not seen[-1:].isspace()

    def as_list(self) -> list[int]:
        """In the order of the options. A byte is a character: the locale is C."""
        return [self.lines, self.words, self.size, self.size, self.longest]


async def _count(process: Process, file: OpenFile, *, has_length: bool) -> tuple[list[int], FsError | None]:
    """The counts, and why reading ended early."""
    counts = _Counts()
    try:
        if has_length:
            reader = LineReader(process, file)
            while (line := await reader.next_line()) is not None:
                counts.add(line)
                counts.longest = max(counts.longest, _width(line))
        else:
            while data := await process.read_from(file, _READ_BYTES):
                counts.add(data)
                await process.step()
    except FsError as error:
        return counts.as_list(), error
    return counts.as_list(), None


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
