"""ps: the processes of the pid namespace. Mirrors busybox: procps/ps.c, with the columns of its usual configuration."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from kubesim.userland.files.passwd import entry_of_uid, name_of_gid, parse_group, parse_passwd
from kubesim.userland.options import parse_options
from kubesim.userland.processes.process_life import Process

DEFAULT_COLUMNS = "pid,user,time,args"


@dataclass(frozen=True, slots=True)
class _Column:
    width: int
    header: str
    show: Callable[[Accounts, Process], str]


class Accounts:
    """Names of the users and groups of the container that looks."""

    def __init__(self, viewer: Process) -> None:
        self.viewer = viewer
        self._users = parse_passwd(viewer.files)
        self._groups = parse_group(viewer.files)

    def user(self, uid: int) -> str:
        """The name, or the number without one."""
        entry = entry_of_uid(self._users, uid)
        return str(uid) if entry is None else entry.name

    def group(self, gid: int) -> str:
        """The same of a group."""
        return name_of_gid(self._groups, gid) or str(gid)


def state_of(viewer: Process, process: Process) -> str:
    """Whoever looks is running; the others wait, for time only passes when nobody runs."""
    return "R" if process is viewer else "S"


def short_size(size_kib: int) -> str:
    """At most four characters: `9999`, `53m`. Mirrors busybox: libbb/human_readable.c, smart_ulltoa4.

    >>> short_size(512), short_size(20480)
    ('512', '20m')
    """
    units = "mgtpezy"
    text, value = str(size_kib), size_kib
    for unit in units:
        if len(text) <= 4:
            break
        value //= 1024
        text = f"{value}{unit}"
    return text


def arguments_of(process: Process) -> str:
    """The command line; the short name in brackets for one without any."""
    return " ".join(process.argv) or f"[{process.command}]"


def _elapsed(process: Process) -> str:
    seconds = (process.kernel.now_ns - process.started_ns) // 1_000_000_000
    minutes, seconds = divmod(seconds, 60)
    if minutes < 60:
        return f"{minutes:3d}m{seconds:02d}"
    hours, minutes = divmod(minutes, 60)
    return f"{hours:3d}h{minutes:02d}" if hours < 24 else f"{hours // 24:3d}d{hours % 24:02d}"


COLUMNS: Mapping[str, _Column] = {
    "user": _Column(8, "USER", lambda names, process: names.user(process.credentials.uid)),
    "group": _Column(8, "GROUP", lambda names, process: names.group(process.credentials.gid)),
    "comm": _Column(16, "COMMAND", lambda _, process: process.command),
    "args": _Column(0, "COMMAND", lambda _, process: arguments_of(process)),
    "pid": _Column(5, "PID", lambda _, process: f"{process.pid:5d}"),
    "ppid": _Column(5, "PPID", lambda _, process: f"{process.parent_pid:5d}"),
    "etime": _Column(7, "ELAPSED", lambda _, process: _elapsed(process)),
    "nice": _Column(5, "NI", lambda *_: f"{0:5d}"),
    "rgroup": _Column(8, "RGROUP", lambda names, process: names.group(process.credentials.real_gid)),
    "ruser": _Column(8, "RUSER", lambda names, process: names.user(process.credentials.real_uid)),
    "time": _Column(5, "TIME", lambda *_: " 0:00"),
    "vsz": _Column(4, "VSZ", lambda _, process: f"{short_size(process.memory_bytes // 1024):>4}"),
    "stat": _Column(4, "STAT", lambda names, process: state_of(names.viewer, process)),
    "rss": _Column(4, "RSS", lambda _, process: f"{short_size(process.memory_bytes // 1024):>4}"),
}


async def run(process: Process) -> int:
    """One line for each process, by pid. Computing takes no virtual time, so TIME is 0:00."""
    options = parse_options(process.argv, "o:")
    columns: list[tuple[str, _Column]] = []
    is_header_shown = False
    for text in options.repeated.get("o", [DEFAULT_COLUMNS]):
        names, header = _read(text)
        for position, name in enumerate(names):
            if name not in COLUMNS:
                await process.complain(f"bad -o argument '{name}', supported arguments: {','.join(COLUMNS)}")
                return 1
            column = COLUMNS[name]
            if header is None or position < len(names) - 1:
                is_header_shown = True
                columns.append((column.header, column))
            else:
                is_header_shown = is_header_shown or header != ""
                columns.append((header, _Column(len(header) or column.width, header, column.show)))
    accounts = Accounts(process)
    if is_header_shown:
        await process.say(_line([(column.width, header) for header, column in columns]))
    for other in list(process.neighbours()):
        await process.say(_line([(column.width, _cut(column, accounts, other)) for _, column in columns]))
        await process.step()
    return 0


def _read(text: str) -> tuple[list[str], str | None]:
    """`pid,user=WHO`: the names, and the header that the last one gets."""
    before, sign, header = text.partition("=")
    return before.split(","), header if sign else None


def _cut(column: _Column, accounts: Accounts, process: Process) -> str:
    text = column.show(accounts, process)
    return text[: column.width] if column.header in ("USER", "GROUP", "RUSER", "RGROUP") else text


def _line(parts: list[tuple[int, str]]) -> str:
    """Fields with a blank behind each; the last one is not filled up."""
    padded = [f"{text:<{width}} " for width, text in parts[:-1]]
    return "".join(padded) + parts[-1][1] + "\n"
