"""grep: lines that match a pattern. Mirrors busybox as Debian builds it: findutils/grep.c with CONFIG_EXTRA_COMPAT."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from kubesim.userland.applets.findutils.grep_patterns import Found, LinePattern
from kubesim.userland.applets.text_stream import (
    AppletError,
    LineReader,
    TextOut,
    byte_text,
    open_input,
    read_all,
)
from kubesim.userland.files.file_stat import FileKind
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.files.open_file import OpenFile
from kubesim.userland.options import Options, UsageError, parse_options
from kubesim.userland.processes.process_life import Process

_NUMBER_MAX = 2**31 - 1


@dataclass(slots=True, kw_only=True)
class _Search:
    """What is looked for, and how it is shown."""

    process: Process
    options: Options
    out: TextOut
    patterns: list[LinePattern]
    is_inverted: bool
    has_names: bool = False
    before_count: int = 0
    after_count: int = 0
    matches_max: int | None = None
    end: bytes = b"\n"
    last_printed: int | None = None
    """Number of the last line that was printed, in whatever file."""
    has_failed: bool = False
    before: deque[tuple[int, str]] = field(default_factory=deque)

    def match(self, line: str) -> Found | None:
        """What the first pattern that fits found."""
        for pattern in self.patterns:
            found = pattern.match(line)
            if found is not None:
                return found
        return None

    async def print_line(self, name: str, text: str, number: int, mark: str) -> None:
        """A line with what the options put before it; `--` where the one before is not its neighbour."""
        has_context = self.before_count or self.after_count
        if has_context and self.last_printed is not None and self.last_printed != number - 1:
            await self.out.put(b"--\n")
        self.last_printed = number
        prefix = f"{byte_text(name)}{mark}" if self.has_names else ""
        if "n" in self.options:
            prefix += f"{number}{mark}"
        await self.out.put(f"{prefix}{text}".encode("latin-1") + self.end)


async def run(process: Process) -> int:
    """0 when a line was selected, 1 when none, 2 when something went wrong."""
    options = parse_options(process.argv, "lnqvscFiHhe:f:LorRm:wxA:B:C:EzaI", long_names={"color": "color::"})
    out = TextOut(process)
    try:
        operands = list(options.operands)
        search = await _search(process, options, operands, out)
        is_found = False
        for name in operands or ["-"]:
            is_found |= await _search_operand(search, name)
            if is_found and "q" in options:
                return 0
        await out.flush()
    except AppletError as error:
        await out.flush()
        await process.complain(error.message)
        return 2
    return 2 if search.has_failed else 0 if is_found else 1


async def _search(process: Process, options: Options, operands: list[str], out: TextOut) -> _Search:
    """The search that the command line asks for; what is no file is taken from the operands. Raises AppletError."""
    numbers = _numbers(options)
    is_inverted = "v" in options
    texts = [line for text in options.repeated.get("e", []) for line in byte_text(text).split("\n")]
    for name in options.repeated.get("f", []):
        texts += await _pattern_file(process, name)
    if "f" in options and not texts:
        # No pattern matches nothing, which is said by one that matches everything.
        texts = [".*" if "x" in options else ""]
        is_inverted = not is_inverted
    if not texts:
        if not operands:
            raise UsageError
        texts = byte_text(operands.pop(0)).split("\n")
    name = process.name
    fixed = "F" in options or name == "fgrep"
    extended = "E" in options or name == "egrep"
    # busybox puts each pattern before those it has: the last one is tried first.
    patterns = [LinePattern(text, options.flags, is_fixed=fixed, is_extended=extended) for text in reversed(texts)]
    search = _Search(process=process, options=options, out=out, patterns=patterns, is_inverted=is_inverted)
    search.matches_max = numbers.get("m")
    if not options.flags & set("cqlL"):
        search.before_count, search.after_count = numbers.get("B", 0), numbers.get("A", 0)
    else:
        options.flags.discard("n")
    search.has_names = (len(operands) > 1 or "H" in options) and options.last_of("Hh") != "h"
    search.end = b"\0" if "z" in options else b"\n"
    return search


def _numbers(options: Options) -> dict[str, int]:
    """-m, -A and -B; -C sets both and is overridden by what comes behind it. Raises AppletError."""
    values = {letter: iter(options.repeated.get(letter, [])) for letter in "mABC"}
    found: dict[str, int] = {}
    for letter in options.given:
        if letter not in values:
            continue
        text = next(values[letter])
        if not (text.isascii() and text.isdecimal()) or len(text) > 10 or int(text) > _NUMBER_MAX:
            raise AppletError(f"invalid number '{text}'")
        for target in "AB" if letter == "C" else letter:
            found[target] = int(text)
    return found


async def _pattern_file(process: Process, name: str) -> list[str]:
    try:
        file = open_input(process, name)
    except FsError as error:
        raise AppletError(f"{name}: {error.strerror}") from None
    try:
        text = (await read_all(process, file)).decode("latin-1")
    except FsError:
        text = ""  # a directory: busybox takes an error of reading for the end
    finally:
        file.release()
    return text.removesuffix("\n").split("\n") if text else []


async def _search_operand(search: _Search, name: str) -> bool:
    """Search a file, or with -r what is below a directory; whether something was selected."""
    if name != "-" and search.options.flags & {"r", "R"}:
        files = search.process.files
        if files.exists(name) and files.stat(name).kind is FileKind.DIRECTORY:
            search.has_names = search.has_names or "h" not in search.options
            is_found = False
            async for path in _below(search, name):
                is_found |= await _search_path(search, path)
                if is_found and "q" in search.options:
                    break
            return is_found
    return await _search_path(search, name)


async def _below(search: _Search, directory: str) -> AsyncIterator[str]:
    """The files in a directory and below; links to directories are followed with -R only."""
    files = search.process.files
    pending = [directory]
    seen = 0
    while pending:
        path = pending.pop()
        await search.process.step()
        try:
            is_link = files.stat(path, follow_last=False).kind is FileKind.SYMLINK
            is_directory = files.stat(path).kind is FileKind.DIRECTORY
            if not is_directory:
                yield path
            elif not is_link or seen == 0 or "R" in search.options:
                names = files.list_dir(path)
                pending += [f"{path.rstrip('/') or '/'}/{name}".replace("//", "/") for name in reversed(names)]
        except FsError as error:
            if "s" not in search.options:
                await search.process.complain(f"{path}: {error.strerror}")
        seen += 1


async def _search_path(search: _Search, name: str) -> bool:
    try:
        file = open_input(search.process, name)
    except FsError as error:
        if "s" not in search.options:
            await search.process.complain(f"{name}: {error.strerror}")
        search.has_failed = True
        return False
    try:
        return await _search_file(search, file, "(standard input)" if name == "-" else name)
    finally:
        file.release()


async def _search_file(search: _Search, file: OpenFile, name: str) -> bool:
    """Print what the options ask for; whether that is a match. Mirrors busybox: findutils/grep.c, grep_file."""
    options = search.options
    selected = number = after_left = 0
    search.before.clear()
    is_stopped = False
    async for line in _lines(search, file):
        number += 1
        found = search.match(line)
        if (found is not None) != search.is_inverted:
            selected += 1
            if options.flags & {"q", "l", "L"}:
                if "l" in options and "q" not in options:
                    await search.out.put_text(f"{byte_text(name)}\n")
                return "L" not in options or "l" in options or "q" in options
            if search.matches_max is not None and selected > search.matches_max:
                is_stopped = True
            elif "c" not in options:
                after_left = search.after_count
                await _show(search, name, line, number, found)
        elif after_left:
            await search.print_line(name, line, number, "-")
            after_left -= 1
        elif search.before_count:
            search.before.append((number, line))
            if len(search.before) > search.before_count:
                search.before.popleft()
        if is_stopped or (not after_left and selected == search.matches_max):
            break
    if "c" in options:
        prefix = f"{byte_text(name)}:" if search.has_names else ""
        await search.out.put_text(f"{prefix}{selected}\n")
    if "L" in options:
        await search.out.put_text(f"{byte_text(name)}\n")
        return True
    return selected > 0


async def _show(search: _Search, name: str, line: str, number: int, found: Found | None) -> None:
    """A line that was selected, after those before it; with -o only what matched, and nothing of one that did not."""
    for earlier, text in search.before:
        await search.print_line(name, text, earlier, "-")
    search.before.clear()
    if "o" not in search.options:
        await search.print_line(name, line, number, ":")
        return
    for part in found.parts(line) if found is not None else ():
        await search.print_line(name, part, number, ":")


async def _lines(search: _Search, file: OpenFile) -> AsyncIterator[str]:
    reader = LineReader(search.process, file, out=search.out, end=search.end, takes_errors_for_end=True)
    async for line in reader.lines():
        yield line.decode("latin-1")
