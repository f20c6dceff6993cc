"""ls: one name per line, as busybox prints it when its output is no terminal."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from kubesim.userland.files.file_stat import FileKind, Stat
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.files.passwd import entry_of_uid, name_of_gid, parse_group, parse_passwd
from kubesim.userland.options import Options, parse_options
from kubesim.userland.processes.process_life import Process

HALF_YEAR_NS = 15_768_000 * 1_000_000_000
"""Younger files show a time, others a year. Mirrors busybox: coreutils/ls.c, display_single."""

_KIND_LETTERS = {FileKind.FILE: "-", FileKind.DIRECTORY: "d", FileKind.SYMLINK: "l", FileKind.DEVICE: "c"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """A name as it is printed, where it is, and what is there."""

    shown: str
    path: str
    stat: Stat


class _Listing:
    """One run of ls."""

    def __init__(self, process: Process, options: Options) -> None:
        self.process = process
        self.options = options
        self.code = 0
        self.has_printed = False
        self.users = parse_passwd(process.files.filesystem) if "l" in options else []
        self.groups = parse_group(process.files.filesystem) if "l" in options else []

    async def run(self) -> int:
        """List the operands: files first, then what is in the directories."""
        names = self.options.operands or ["."]
        entries = []
        for name in names:
            entry = await self._entry(name, name)
            if entry is not None:
                entries.append(entry)
        entries = self._sorted(entries)
        is_plain = "d" in self.options
        files = [entry for entry in entries if is_plain or not entry.stat.is_directory]
        await self._print(files)
        for entry in entries:
            if not is_plain and entry.stat.is_directory:
                await self._directory(entry, has_title=len(names) > 1 or "R" in self.options)
        return self.code

    async def _entry(self, shown: str, path: str) -> _Entry | None:
        files = self.process.files
        try:
            # A link on the command line is followed unless the long form shows it. Mirrors busybox: ls.c, my_stat.
            is_followed = shown == path and not self.options.flags & {"l", "d"}
            try:
                stat = files.stat(path, follow_last=is_followed)
            except FsError:
                stat = files.stat(path, follow_last=False)
        except FsError as error:
            await self.process.complain(f"{path}: {error.strerror}")
            self.code = 1
            return None
        return _Entry(shown=shown, path=path, stat=stat)

    def _sorted(self, entries: list[_Entry]) -> list[_Entry]:
        return sorted(entries, key=lambda entry: entry.shown, reverse="r" in self.options)

    async def _directory(self, directory: _Entry, *, has_title: bool) -> None:
        if has_title:
            await self.process.say(("\n" if self.has_printed else "") + f"{directory.shown}:\n")
            self.has_printed = True
        try:
            names = self.process.files.list_dir(directory.path)
        except FsError as error:
            await self.process.complain(f"can't open '{directory.path}': {error.strerror}")
            self.code = 1
            return
        if "a" in self.options:
            names = [".", "..", *names]
        elif "A" not in self.options:
            names = [name for name in names if not name.startswith(".")]
        entries = []
        for name in names:
            entry = await self._entry(name, f"{directory.path.rstrip('/')}/{name}")
            if entry is not None:
                entries.append(entry)
        entries = self._sorted(entries)
        if "l" in self.options:
            kilobytes = sum(-(-entry.stat.size_bytes // 4096) * 4 for entry in entries if _takes_room(entry.stat))
            await self.process.say(f"total {kilobytes}\n")
            self.has_printed = True
        await self._print(entries)
        if "R" in self.options:
            for entry in entries:
                if entry.stat.is_directory and entry.shown not in (".", ".."):
                    below = _Entry(shown=entry.path, path=entry.path, stat=entry.stat)
                    await self._directory(below, has_title=True)

    async def _print(self, entries: list[_Entry]) -> None:
        if not entries:
            return
        self.has_printed = True
        await self.process.say("".join(f"{self._line(entry)}\n" for entry in entries))
        await self.process.step()

    def _line(self, entry: _Entry) -> str:
        stat = entry.stat
        name = entry.shown
        if "F" in self.options and stat.is_directory:
            name += "/"
        elif "F" in self.options and stat.kind is FileKind.SYMLINK:
            name += "@"
        elif "F" in self.options and stat.mode & 0o111:
            name += "*"
        if "l" not in self.options:
            return name
        if stat.kind is FileKind.SYMLINK:
            name += f" -> {self.process.files.read_link(entry.path)}"
        links_count = 2 if stat.is_directory else 1
        user, group = self._owner(stat)
        return (
            f"{mode_text(stat)} {links_count:4d} {user:<8.8} {group:<8.8} {stat.size_bytes:9d} "
            f"{time_text(stat.mtime_ns, self.process.kernel.now_ns)} {name}"
        )

    def _owner(self, stat: Stat) -> tuple[str, str]:
        user = None if "n" in self.options else entry_of_uid(self.users, stat.uid)
        group = None if "n" in self.options else name_of_gid(self.groups, stat.gid)
        return user.name if user is not None else str(stat.uid), group if group is not None else str(stat.gid)


def _takes_room(stat: Stat) -> bool:
    return stat.kind in (FileKind.FILE, FileKind.DIRECTORY)


def mode_text(stat: Stat) -> str:
    """The ten letters of a mode, such as `drwxr-xr-t`."""
    letters = [_KIND_LETTERS.get(stat.kind, "?")]
    for shift, special, lower, upper in ((6, 0o4000, "s", "S"), (3, 0o2000, "s", "S"), (0, 0o1000, "t", "T")):
        bits = stat.mode >> shift
        letters += ["r" if bits & 4 else "-", "w" if bits & 2 else "-"]
        if stat.mode & special:
            letters.append(lower if bits & 1 else upper)
        else:
            letters.append("x" if bits & 1 else "-")
    return "".join(letters)


def time_text(time_ns: int, now_ns: int) -> str:
    """`Nov 24 00:28` for the last half year, else `May 20  2026`."""
    moment = datetime.fromtimestamp(time_ns // 1_000_000_000, UTC)
    is_recent = abs(now_ns - time_ns) < HALF_YEAR_NS
    return f"{moment:%b} {moment.day:2d} " + (f"{moment:%H:%M}" if is_recent else f" {moment:%Y}")


async def run(process: Process) -> int:
    """List files."""
    options = parse_options(process.argv, "1AadFlnRr")
    if "n" in options:
        options.flags.add("l")
    return await _Listing(process, options).run()
