"""fold: long lines become several. Mirrors busybox: coreutils/fold.c."""

from __future__ import annotations

from kubesim.userland.applets.text_stream import LineReader, TextOut, input_files, note_failure
from kubesim.userland.options import Options, parse_options
from kubesim.userland.processes.process_life import Process

_WIDTH_MAX = 10000


async def run(process: Process) -> int:
    """Wrap at a column, or with -b at a number of bytes; with -s behind a blank where there is one."""
    words = [f"-w{word[1:]}" if word[:1] == "-" and word[1:2].isdecimal() else word for word in process.argv]
    options = parse_options(words, "bsw:")
    text = options.values.get("w", "80")
    if not (text.isascii() and text.isdecimal()) or len(text) > 10:
        await process.complain(f"invalid number '{text}'")
        return 1
    if not 1 <= int(text) <= _WIDTH_MAX:
        await process.complain(f"number {text} is not in 1..{_WIDTH_MAX} range")
        return 1
    folding = _Folding(options, int(text))
    out = TextOut(process)
    failures: list[str] = []
    async for name, file in input_files(process, options.operands, failures):
        reader = LineReader(process, file, out=out, takes_errors_for_end=True)
        while (line := await reader.next_line()) is not None:
            await out.put_text(folding.folded(line.decode("latin-1")))
        await note_failure(process, name, reader, failures)
    await out.flush()
    return 1 if failures else 0


class _Folding:
    """Where lines are broken."""

    def __init__(self, options: Options, width: int) -> None:
        self._counts_bytes = "b" in options
        self._breaks_at_blanks = "s" in options
        self._width = width

    def folded(self, line: str) -> str:
        """A line with its breaks."""
        if len(line) <= self._width and not set(line) & set("\t\b\r"):
            return line
        parts: list[str] = []
        start = column = 0
        at = 0
        while at < len(line):
            if line[at] == "\n":
                break
            column = self._column(column, line[at])
            if column <= self._width or at == start:
                at += 1
                continue
            end = at
            if self._breaks_at_blanks:
                blank = max(line.rfind(" ", start, at), line.rfind("\t", start, at))
                end = at if blank < 0 else blank + 1
            parts.append(line[start:end])
            start = end
            column = 0
            for char in line[start:at]:
                column = self._column(column, char)
        return "\n".join([*parts, line[start:]])

    def _column(self, column: int, char: str) -> int:
        if self._counts_bytes:
            return column + 1
        if char == "\t":
            return column + 8 - column % 8
        if char == "\b":
            return max(column - 1, 0)
        return 0 if char == "\r" else column + 1
