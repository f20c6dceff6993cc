"""ls: list files."""

from __future__ import annotations

import re
from collections.abc import Iterator

from kubesim.userland.applets.coreutils.ls_lines import Entry, Lines, is_utf8
from kubesim.userland.applets.human_size import size_text
from kubesim.userland.applets.tree_walk import joined
from kubesim.userland.files.file_stat import Stat
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.options import Options, parse_options
from kubesim.userland.processes.exit_status import ProcessExit
from kubesim.userland.processes.process_life import Process

LETTERS = "Cadi1lgnsxAkFpRQctuSXrvLHhT:w:"
LONG_NAMES = {
    "full-time": "full-time",
    "group-directories-first": "group-directories-first",
    "color": "color::",
}
WIDTH_CHARACTERS = 80
_NS = 1_000_000_000
_NUMBERS = re.compile(r"(\d+)")

_TAKES_BACK = {
    "t": "S",
    "S": "t",
    "H": "L",
    "L": "H",
    "C": "xl1",
    "x": "Cl1",
    "l": "xC",
    "1": "Cx",
    "c": "u",
    "u": "c",
}
"""What an option makes undone that was given before it. Mirrors busybox: coreutils/ls.c, ls_main."""
_ALSO_GIVES = {"n": "l", "g": "l", "full-time": "l"}


async def run(process: Process) -> int:
    """List files."""
    options = parse_options(process.argv, LETTERS, long_names=LONG_NAMES)
    flags: set[str] = set()
    for letter in options.given:
        flags -= set(_TAKES_BACK.get(letter, ""))
        flags |= {letter, *_ALSO_GIVES.get(letter, "")}
    width = await _width(process, options)
    if "d" in flags:
        flags.discard("R")
    if "l" not in flags and flags & {"c", "u"}:
        flags.add("t")
    is_terminal = _is_terminal(process)
    if not flags & {"l", "1", "x", "C"}:
        flags.add("C" if is_terminal else "1")
    color = options.values.get("color", "always") if "color" in flags else "never"
    has_color = bool(color) and (
        _is_some(color, "always", "yes", "force") or (is_terminal and _is_some(color, "auto", "tty", "if-tty"))
    )
    lines = Lines(process, flags, width=width, has_color=has_color, is_utf8=is_utf8(process.env))
    return await _Listing(process, flags, lines).run(options.operands or ["."])


def _is_some(text: str, *words: str) -> bool:
    """Whether a text begins one of the words."""
    return any(word.startswith(text) for word in words)


def _is_terminal(process: Process) -> bool:
    file = process.descriptors().get(1)
    return file is not None and file.is_terminal


async def _width(process: Process, options: Options) -> int:
    text = options.values.get("w")
    if text is not None:
        if text.isascii() and text.isdecimal():
            return int(text)
        await process.complain(f"invalid number '{text}'")
        raise ProcessExit(1)
    columns = process.env.get("COLUMNS", "")
    return (int(columns) if columns.isdecimal() and int(columns) else WIDTH_CHARACTERS) - 1


class _Listing:
    """One run of ls. Mirrors busybox: coreutils/ls.c, scan_and_display_dirs_recur."""

    def __init__(self, process: Process, flags: set[str], lines: Lines) -> None:
        self._process = process
        self._flags = flags
        self._lines = lines
        self._code = 0
        self._has_printed = False

    async def run(self, operands: list[str]) -> int:
        """List the operands: files first, then what is in the directories."""
        # A link on the command line is followed unless something shows it.
        is_followed = "H" in self._flags or not self._flags & {"l", "i", "s", "F"}
        entries = [await self._entry(path, path, is_followed=is_followed) for path in operands]
        found = [entry for entry in entries if entry is not None]
        if "d" in self._flags:
            await self._print(self._sorted(found))
            return self._code
        await self._print(self._sorted([entry for entry in found if not entry.stat.is_directory]))
        directories = self._sorted([entry for entry in found if entry.stat.is_directory])
        has_title = len(operands) > 1 or "R" in self._flags
        pending: list[Iterator[Entry]] = [iter(directories)]
        while pending:
            directory = next(pending[-1], None)
            if directory is None:
                pending.pop()
                continue
            below = await self._directory(directory.path, has_title=has_title)
            if "R" in self._flags:
                pending.append(iter([entry for entry in below if _is_below(entry)]))
        return self._code

    async def _entry(self, shown: str, path: str, *, is_followed: bool = False) -> Entry | None:
        try:
            stat = self._process.files.stat(path, follow_last=is_followed or "L" in self._flags)
        except FsError as error:
            await self._process.complain(f"{path}: {error.strerror}")
            self._code = 1
            return None
        return Entry(shown=shown, path=path, stat=stat)

    async def _directory(self, path: str, *, has_title: bool) -> list[Entry]:
        if has_title:
            await self._process.say(("\n" if self._has_printed else "") + f"{path}:\n")
            self._has_printed = True
        try:
            names = self._process.files.list_dir(path)
        except FsError as error:
            await self._process.complain(f"can't open '{path}': {error.strerror}")
            self._code = 1
            names = []
        else:
            if "a" in self._flags:
                names = [".", "..", *names]
            elif "A" not in self._flags:
                names = [name for name in names if not name.startswith(".")]
        entries = []
        for name in names:
            entry = await self._entry(name, joined(path, name))
            if entry is not None:
                entries.append(entry)
            await self._process.step()
        if self._flags & {"l", "s"}:
            await self._process.say(f"total {self._total(entries)}\n")
            self._has_printed = True
        entries = self._sorted(entries)
        await self._print(entries)
        return entries

    def _total(self, entries: list[Entry]) -> str:
        kilobytes = (sum(entry.stat.blocks_count for entry in entries) + 1) >> 1
        return f"{size_text(kilobytes * 1024, 0, 0):<7}" if "h" in self._flags else str(kilobytes)

    def _sorted(self, entries: list[Entry]) -> list[Entry]:
        """By name, after what the options ask for."""
        flags = self._flags
        entries = sorted(entries, key=lambda entry: entry.shown.encode(errors="surrogateescape"))
        if "S" in flags:
            entries.sort(key=lambda entry: -entry.stat.size_bytes)
        elif "t" in flags:
            entries.sort(key=lambda entry: -(time_of(entry.stat, flags) // _NS))
        elif "v" in flags:
            entries.sort(key=lambda entry: version_key(entry.shown))
        elif "X" in flags:
            entries.sort(key=lambda entry: entry.shown[entry.shown.find(".") :] if "." in entry.shown else "")
        if "group-directories-first" in flags:
            entries.sort(key=lambda entry: not entry.stat.is_directory)
        return entries[::-1] if "r" in flags else entries

    async def _print(self, entries: list[Entry]) -> None:
        if not entries:
            return
        self._has_printed = True
        text, complaints = self._lines.text(entries)
        for complaint in complaints:
            await self._process.complain(complaint)
        await self._process.say(text)
        await self._process.step()


def _is_below(entry: Entry) -> bool:
    return entry.stat.is_directory and entry.shown not in (".", "..")


def time_of(stat: Stat, flags: set[str]) -> int:
    """The time that is shown and sorted by, in ns."""
    return stat.ctime_ns if "c" in flags else stat.atime_ns if "u" in flags else stat.mtime_ns


def version_key(name: str) -> list[tuple[int, object]]:
    """Orders names as strverscmp(3) does: numbers inside by their value, those with zeros in front before others."""
    key: list[tuple[int, object]] = []
    for part in _NUMBERS.split(name):
        if not part.isdecimal():
            key += [(2, letter) for letter in part]
        elif part[0] == "0" and len(part) > 1:
            key += [(0, f".{part}")]
        else:
            key += [(1, int(part))]
    return key
