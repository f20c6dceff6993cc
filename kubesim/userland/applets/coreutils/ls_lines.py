"""How ls prints names: one per line, in columns, or with everything that is known of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from kubesim.userland.applets.human_size import size_text
from kubesim.userland.applets.mode_string import mode_text
from kubesim.userland.files.file_stat import FileKind, Stat, major_minor
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.files.passwd import entry_of_uid, name_of_gid, parse_group, parse_passwd
from kubesim.userland.processes.process_life import Process

HALF_YEAR_SECONDS = 15_768_000
FUTURE_SECONDS = 900
"""Younger files, and those hardly in the future, show a time, others a year. Mirrors busybox: coreutils/ls.c,
display_single."""
_NS = 1_000_000_000

_MARKS = {FileKind.DIRECTORY: "/", FileKind.SYMLINK: "@", FileKind.SOCKET: "=", FileKind.FIFO: "|"}
_COLORS = {
    FileKind.FIFO: (0, 35),
    FileKind.DEVICE: (1, 35),
    FileKind.DIRECTORY: (1, 34),
    FileKind.BLOCK_DEVICE: (1, 35),
    FileKind.FILE: (0, 0),
    FileKind.SYMLINK: (1, 36),
    FileKind.SOCKET: (1, 35),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A name as it is printed, where it is, and what is there."""

    shown: str
    path: str
    stat: Stat


def is_utf8(env: Mapping[str, str]) -> bool:
    """Whether the locale's characters are those of UTF-8."""
    locale = env.get("LC_ALL") or env.get("LC_CTYPE") or env.get("LANG") or ""
    return "UTF-8" in locale.upper() or "UTF8" in locale.upper()


def is_executable(stat: Stat) -> bool:
    """Whether it is a file that somebody may execute."""
    return stat.kind is FileKind.FILE and stat.mode & 0o111 != 0


def time_text(time_ns: int, now_ns: int) -> str:
    """`Nov 24 00:28` for the last half year, else `May 20  2026`."""
    moment = datetime.fromtimestamp(time_ns // _NS, UTC)
    is_recent = -FUTURE_SECONDS < now_ns // _NS - time_ns // _NS < HALF_YEAR_SECONDS
    return f"{moment:%b} {moment.day:2d} " + (f"{moment:%H:%M}" if is_recent else f" {moment:%Y}")


class Lines:
    """Prints entries by the flags of ls."""

    def __init__(self, process: Process, flags: set[str], *, width: int, has_color: bool, is_utf8: bool) -> None:
        self._process = process
        self._flags = flags
        self._width = width
        self._has_color = has_color
        self._is_utf8 = is_utf8
        has_names = "l" in flags and "n" not in flags
        self._users = parse_passwd(process.files) if has_names else []
        self._groups = parse_group(process.files) if has_names else []
        self._complaints: list[str] = []

    def text(self, entries: list[Entry]) -> tuple[str, list[str]]:
        """The lines, and what went wrong meanwhile. Mirrors busybox: coreutils/ls.c, display_files."""
        self._complaints = []
        if self._flags & {"l", "1"}:
            return "".join(f"{self._cell(entry)[0]}\n" for entry in entries), self._complaints
        extra = 2 + (8 if "i" in self._flags else 0) + (5 if "s" in self._flags else 0)
        width = max(len(self._name(entry.shown)) for entry in entries) + extra
        columns_count = max(self._width // width, 1)
        rows_count = -(-len(entries) // columns_count)
        lines = []
        for row in range(rows_count):
            if "x" in self._flags:
                in_row = entries[row * columns_count : (row + 1) * columns_count]
            else:
                in_row = entries[row::rows_count]
            lines.append(self._row(in_row, width))
        return "".join(lines), self._complaints

    def _row(self, entries: list[Entry], width: int) -> str:
        line = ""
        column = next_stop = 0
        for entry in entries:
            if column:
                line += " " * (next_stop - column)
                column = max(column, next_stop)
            next_stop = column + width
            cell, cell_width = self._cell(entry)
            line += cell
            column += cell_width
        return f"{line}\n"

    def _cell(self, entry: Entry) -> tuple[str, int]:
        """One entry, and its width without colours."""
        flags, stat = self._flags, entry.stat
        begin = ""
        if "i" in flags:
            begin += f"{stat.inode:7d} "
        if "s" in flags:
            begin += f"{stat.blocks_count >> 1:6d} "
        if "l" in flags:
            begin += self._long(stat)
        name = self._name(entry.shown)
        end = ""
        mark = self._mark(stat)
        shown_target = ""
        if "l" in flags and stat.kind is FileKind.SYMLINK:
            end, mark, shown_target = self._target(entry, mark)
        width = len(begin) + len(name) + len(end) + len(mark)
        end = f" -> {shown_target}" if shown_target else end
        return begin + self._colored(name, stat) + end + mark, width

    def _target(self, entry: Entry, mark: str) -> tuple[str, str, str]:
        """` -> TARGET`, the mark of what is there, and the target in its colour."""
        files = self._process.files
        try:
            target = self._name(files.read_link(entry.path))
        except FsError as error:
            self._complaints.append(f"{entry.path}: {error.strerror}")
            return "", mark, ""
        if not self._flags & {"F", "p"} and not self._has_color:
            return f" -> {target}", mark, ""
        try:
            stat = files.stat(entry.path)
        except FsError:
            return f" -> {target}", "", f"\x1b[1;31m{target}\x1b[m" if self._has_color else ""
        return f" -> {target}", self._mark(stat), self._colored(target, stat)

    def _long(self, stat: Stat) -> str:
        """Everything before the name. A name of a user is cut at eight letters, as 1.35 does."""
        flags = self._flags
        user = None if "n" in flags else entry_of_uid(self._users, stat.uid)
        group = None if "n" in flags else name_of_gid(self._groups, stat.gid)
        owner = "" if "g" in flags else f"{user.name if user is not None else stat.uid!s:<8.8} "
        if stat.kind in (FileKind.DEVICE, FileKind.BLOCK_DEVICE):
            size = "{:4d}, {:3d}".format(*major_minor(stat.device_number))
        elif "h" in flags:
            size = f"{size_text(stat.size_bytes, 1, 0):>7}"
        else:
            size = f"{stat.size_bytes:9d}"
        group_text = group if group is not None else str(stat.gid)
        return f"{mode_text(stat)} {stat.links_count:4d} {owner}{group_text:<8.8} {size} {self._time(stat)} "

    def _time(self, stat: Stat) -> str:
        flags = self._flags
        time_ns = stat.ctime_ns if "c" in flags else stat.atime_ns if "u" in flags else stat.mtime_ns
        if "full-time" in flags:
            return f"{datetime.fromtimestamp(time_ns // _NS, UTC):%Y-%m-%d %H:%M:%S} +0000"
        return time_text(time_ns, self._process.kernel.now_ns)

    def _name(self, name: str) -> str:
        shown = "".join(self._printable(name))
        if "Q" not in self._flags:
            return shown
        escaped = shown.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'

    def _printable(self, name: str) -> str:
        """What cannot be printed is a question mark; outside of UTF-8 so is each byte of a foreign letter."""
        if name.isascii() and name.isprintable():
            return name
        if not self._is_utf8:
            name = name.encode(errors="surrogateescape").decode("latin-1")
            return "".join(letter if " " <= letter <= "~" else "?" for letter in name)
        return "".join(letter if letter.isprintable() else "?" for letter in name)

    def _mark(self, stat: Stat) -> str:
        if stat.is_directory and self._flags & {"F", "p"}:
            return "/"
        if "F" not in self._flags:
            return ""
        return "*" if is_executable(stat) else _MARKS.get(stat.kind, "")

    def _colored(self, name: str, stat: Stat) -> str:
        if not self._has_color:
            return name
        weight, color = (1, 32) if is_executable(stat) else _COLORS[stat.kind]
        return f"\x1b[{weight};{color}m{name}\x1b[m"
