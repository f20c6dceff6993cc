"""grep: lines that match a pattern."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass

from kubesim.userland.files.fs_error import FsError
from kubesim.userland.files.open_file import OpenFile
from kubesim.userland.options import Options, UsageError, parse_options
from kubesim.userland.posix_regex import BadRegex, compile_regex
from kubesim.userland.processes.process_life import Process


@dataclass(slots=True, kw_only=True)
class _Search:
    process: Process
    options: Options
    patterns: list[re.Pattern[str]]
    has_names: bool

    def match(self, line: str) -> re.Match[str] | None:
        """The first pattern's match in a line."""
        matches = ((pattern.fullmatch if "x" in self.options else pattern.search)(line) for pattern in self.patterns)
        return next((found for found in matches if found is not None), None)


async def run(process: Process) -> int:
    """0 when a line was selected, 1 when none, 2 when something went wrong."""
    options = parse_options(process.argv, "EFHce:hilLnoqsvwx")
    operands = list(options.operands)
    if "e" not in options and not operands:
        raise UsageError
    text = "\n".join(options.repeated["e"]) if "e" in options else operands.pop(0)
    try:
        patterns = [_pattern(line, options) for line in text.split("\n")]
    except BadRegex as error:
        await process.complain(f"bad regex '{text}': {error}")
        return 2
    names = operands or ["-"]
    search = _Search(
        process=process,
        options=options,
        patterns=patterns,
        has_names=("H" in options or len(names) > 1) and "h" not in options,
    )
    is_found, has_failed = False, False
    for name in names:
        try:
            file = process.open_file_of(0).hold() if name == "-" else process.files.open_read(name).hold()
        except FsError as error:
            if "s" not in options:
                await process.complain(f"{name}: {error.strerror}")
            has_failed = True
            continue
        try:
            is_found |= await _search_file(search, file, "(standard input)" if name == "-" else name)
        finally:
            file.release()
        if is_found and "q" in options:
            return 0
    return 2 if has_failed else 0 if is_found else 1


def _pattern(text: str, options: Options) -> re.Pattern[str]:
    ignore_case = "i" in options
    if "F" in options:
        text = re.escape(text)
        found = re.compile(text, re.ASCII | (re.IGNORECASE if ignore_case else 0))
    else:
        found = compile_regex(text, is_extended="E" in options, ignore_case=ignore_case)
    if "w" in options:
        found = re.compile(rf"(?<!\w)(?:{found.pattern})(?!\w)", found.flags)
    return found


async def _search_file(search: _Search, file: OpenFile, name: str) -> bool:
    """Print what the options ask for; whether a line was selected."""
    process, options = search.process, search.options
    count = 0
    number = 0
    lists = "l" in options or "L" in options
    prefix = f"{name}:" if search.has_names else ""
    async for line in _lines(process, file):
        number += 1
        found = search.match(line)
        if (found is not None) == ("v" in options):
            continue
        count += 1
        if "q" in options or lists:
            break
        if "c" in options:
            continue
        where = f"{prefix}{number}:" if "n" in options else prefix
        if "o" in options:
            await _say_parts(search, line, where)
        else:
            await process.say(f"{where}{line}\n")
    if lists and "q" not in options and bool(count) == ("l" in options):
        await process.say(f"{name}\n")
    elif "c" in options and "q" not in options and not lists:
        await process.say(f"{prefix}{count}\n")
    return count > 0


async def _say_parts(search: _Search, line: str, where: str) -> None:
    """-o: every match that is not empty, a line each; nothing of a line that was selected by -v."""
    if "v" in search.options:
        return
    for pattern in search.patterns:
        for found in pattern.finditer(line):
            if found[0]:
                await search.process.say(f"{where}{found[0]}\n")


async def _lines(process: Process, file: OpenFile) -> AsyncIterator[str]:
    """Lines without their newline; the last one may lack it."""
    pending = b""
    while data := await process.read_from(file):
        *lines, pending = (pending + data).split(b"\n")
        for line in lines:
            yield line.decode(errors="surrogateescape")
        await process.step()
    if pending:
        yield pending.decode(errors="surrogateescape")
