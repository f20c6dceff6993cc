"""expand and unexpand: tabs to spaces, and back. Mirrors busybox: coreutils/expand.c."""

from __future__ import annotations

from collections.abc import Callable

from kubesim.userland.applets.text_stream import LineReader, TextOut, input_files, note_failure
from kubesim.userland.options import Options, parse_options
from kubesim.userland.processes.process_life import Process

_WIDTH_MAX = 2**32 - 1


async def run(process: Process) -> int:
    """Tabs become spaces; with -i only those before the first other character."""
    options = parse_options(process.argv, "it:", long_names={"initial": "i", "tabs": "t"})
    return await _convert(process, options, lambda line, width: _expanded(line, width, is_initial="i" in options))


async def run_unexpand(process: Process) -> int:
    """Spaces become tabs: those at the beginning, or with -a and -t all."""
    long_names = {"first-only": "f", "tabs": "t", "all": "a"}
    options = parse_options(process.argv, "ft:a", long_names=long_names)
    takes_all = bool(options.flags & {"a", "t"}) and "f" not in options
    return await _convert(process, options, lambda line, width: _unexpanded(line, width, takes_all=takes_all))


async def _convert(process: Process, options: Options, convert: Callable[[str, int], str]) -> int:
    text = options.values.get("t", "8")
    if not (text.isascii() and text.isdecimal()) or len(text) > 10:
        await process.complain(f"invalid number '{text}'")
        return 1
    width = int(text)
    if not 1 <= width <= _WIDTH_MAX:
        await process.complain(f"number {text} is not in 1..{_WIDTH_MAX} range")
        return 1
    out = TextOut(process)
    failures: list[str] = []
    async for name, file in input_files(process, options.operands, failures):
        reader = LineReader(process, file, out=out, takes_errors_for_end=True, nul_becomes=b"")
        while (line := await reader.next_line()) is not None:
            await out.put_text(convert(line.decode("latin-1"), min(width, 65536)))
        await note_failure(process, name, reader, failures)
    await out.flush()
    return 1 if failures else 0


def _expanded(line: str, width: int, *, is_initial: bool) -> str:
    """Each stretch between tabs counts for itself, as in busybox: what was expanded before it does not."""
    end = len(line) - len(line.lstrip(" \t")) if is_initial else len(line)
    *before, rest = line[:end].split("\t")
    return "".join(part + " " * (width - len(part) % width) for part in before) + rest + line[end:]


def _unexpanded(line: str, width: int, *, takes_all: bool) -> str:
    out: list[str] = []
    at = column = 0
    while at < len(line):
        start = at
        while line.startswith(" ", at):
            at += 1
        spaces = at - start
        column += spaces
        if line.startswith("\t", at):
            column += width - column % width
            at += 1
            continue
        tabs, left = divmod(column, width)
        if tabs:
            spaces = column = left
            out.append("\t" * tabs)
        out.append(" " * spaces)
        if not takes_all and at:
            out.append(line[at:])
            break
        end = at
        while end < len(line) and line[end] not in "\t ":
            end += 1
        out.append(line[at:end])
        column = (column + end - at) % width
        at = end
    return "".join(out)
