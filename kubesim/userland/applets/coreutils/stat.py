"""stat: everything that is known of a file, or of the file system it lies on."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from kubesim.userland.applets.mode_string import mode_text
from kubesim.userland.files.file_stat import FileKind, Stat, major_minor
from kubesim.userland.files.file_system_stat import FileSystemStat
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.files.passwd import name_of_gid, parse_group, user_of_uid
from kubesim.userland.options import Options, UsageError, parse_options
from kubesim.userland.processes.process_life import Process

IO_BLOCK_BYTES = 4096
COUNTED_BLOCK_BYTES = 512
NAME_BYTES_MAX = 255
_NS = 1_000_000_000

_TYPE_BITS = {
    FileKind.FIFO: 0o010000,
    FileKind.DEVICE: 0o020000,
    FileKind.DIRECTORY: 0o040000,
    FileKind.BLOCK_DEVICE: 0o060000,
    FileKind.FILE: 0o100000,
    FileKind.SYMLINK: 0o120000,
    FileKind.SOCKET: 0o140000,
}
_TYPE_NAMES = {
    FileKind.FIFO: "fifo",
    FileKind.DEVICE: "character special file",
    FileKind.DIRECTORY: "directory",
    FileKind.BLOCK_DEVICE: "block special file",
    FileKind.FILE: "regular file",
    FileKind.SYMLINK: "symbolic link",
    FileKind.SOCKET: "socket",
}
MAGICS = {
    "proc": 0x9FA0,
    "tmpfs": 0x1021994,
    "devpts": 0x1CD1,
    "sysfs": 0x62656572,
    "ext4": 0xEF53,
    "xfs": 0x58465342,
    "overlay": 0x794C7630,
    "mqueue": 0x19800202,
    "cgroup2": 0x63677270,
}
"""Mirrors linux: include/uapi/linux/magic.h."""
_NAMES_OF_MAGICS = {
    0x9FA0: "proc",
    0x1021994: "tmpfs",
    0x1CD1: "devpts",
    0x62656572: "sysfs",
    0xEF53: "ext2/ext3",
    0x58465342: "xfs",
}
"""Those that busybox has a name for. Mirrors busybox: coreutils/stat.c, FS_TYPE_LIST."""

_FORMAT = (
    "  File: %N\n"
    "  Size: %-10s\tBlocks: %-10b IO Block: %-6o %F\n"
    "Device: %Dh/%dd\tInode: %-10i  Links: {links}\n"
    "Access: (%04a/%10.10A)  Uid: (%5u/%8U)   Gid: (%5g/%8G)\n"
    "Access: %x\nModify: %y\nChange: %z"
)
_TERSE = "%n %s %b %f %u %g %D %i %h %t %T %X %Y %Z %o"
_FS_FORMAT = (
    '  File: "%n"\n'
    "    ID: %-8i Namelen: %-7l Type: %T\n"
    "Block size: %-10s\n"
    "Blocks: Total: %-10b Free: %-10f Available: %a\n"
    "Inodes: Total: %-10c Free: %d"
)
_FS_TERSE = "%n %i %l %t %s %b %f %a %c %d"
_DIRECTIVE = re.compile(r"%([#\-+.I 0-9]*)(.?)", re.DOTALL)


async def run(process: Process) -> int:
    """Print each operand. Mirrors busybox: coreutils/stat.c."""
    options = parse_options(process.argv, "tLfc:")
    if not options.operands:
        raise UsageError
    code = 0
    for path in options.operands:
        try:
            show = _shown_file_system if "f" in options else _shown_file
            await process.say(show(process, path, options))
        except FsError as error:
            what = "read file system information for" if "f" in options else "stat"
            await process.complain(f"can't {what} '{path}': {error.strerror}")
            code = 1
    return code


def _shown_file(process: Process, path: str, options: Options) -> str:
    stat = process.files.stat(path, follow_last="L" in options)
    text = options.values.get("c")
    if text is None:
        is_device = stat.kind in (FileKind.DEVICE, FileKind.BLOCK_DEVICE)
        links = "%-5h Device type: %t,%T" if is_device else "%h"
        text = _TERSE if "t" in options else _FORMAT.format(links=links)
    return formatted(text, _file_values(process, path, stat))


def _shown_file_system(process: Process, path: str, options: Options) -> str:
    stat = process.files.statfs(path)
    text = options.values.get("c", _FS_TERSE if "t" in options else _FS_FORMAT)
    return formatted(text, _file_system_values(process, path, stat))


_Value = tuple[str, Callable[[], object]]
"""How C's printf is told to print it (d, x, o or s), and the value."""


def _file_values(process: Process, path: str, stat: Stat) -> Mapping[str, _Value]:
    major, minor = major_minor(stat.device_number)

    def user() -> str:
        entry = user_of_uid(process.files, stat.uid)
        return "UNKNOWN" if entry is None else entry.name

    def named() -> str:
        is_link = stat.kind is FileKind.SYMLINK
        return f"'{path}' -> '{process.files.read_link(path)}'" if is_link else path

    kind = _TYPE_NAMES[stat.kind]
    if stat.kind is FileKind.FILE and not stat.size_bytes:
        kind = "regular empty file"
    return {
        "n": ("s", lambda: path),
        "N": ("s", named),
        "d": ("d", lambda: stat.device),
        "D": ("x", lambda: stat.device),
        "i": ("d", lambda: stat.inode),
        "a": ("o", lambda: stat.mode),
        "A": ("s", lambda: mode_text(stat)),
        "f": ("x", lambda: stat.mode | _TYPE_BITS[stat.kind]),
        "F": ("s", lambda: kind),
        "h": ("d", lambda: stat.links_count),
        "u": ("d", lambda: stat.uid),
        "U": ("s", user),
        "g": ("d", lambda: stat.gid),
        "G": ("s", lambda: name_of_gid(parse_group(process.files), stat.gid) or "UNKNOWN"),
        "t": ("x", lambda: major),
        "T": ("x", lambda: minor),
        "s": ("d", lambda: stat.size_bytes),
        "B": ("d", lambda: COUNTED_BLOCK_BYTES),
        "b": ("d", lambda: stat.blocks_count),
        "o": ("d", lambda: IO_BLOCK_BYTES),
        "x": ("s", lambda: _human(stat.atime_ns)),
        "X": ("d", lambda: stat.atime_ns // _NS),
        "y": ("s", lambda: _human(stat.mtime_ns)),
        "Y": ("d", lambda: stat.mtime_ns // _NS),
        "z": ("s", lambda: _human(stat.ctime_ns)),
        "Z": ("d", lambda: stat.ctime_ns // _NS),
    }


def _file_system_values(process: Process, path: str, stat: FileSystemStat) -> Mapping[str, _Value]:
    block = stat.block_bytes
    magic = MAGICS.get(stat.type, 0)
    return {
        "n": ("s", lambda: path),
        "i": ("x", lambda: process.files.stat(path).device),
        "l": ("d", lambda: NAME_BYTES_MAX),
        "t": ("x", lambda: magic),
        "T": ("s", lambda: _NAMES_OF_MAGICS.get(magic, "UNKNOWN")),
        "b": ("d", lambda: stat.size_bytes // block),
        "f": ("d", lambda: stat.free_bytes // block),
        "a": ("d", lambda: stat.available_bytes // block),
        "s": ("d", lambda: block),
        "S": ("d", lambda: block),
        "c": ("d", lambda: stat.inodes_count),
        "d": ("d", lambda: stat.free_inodes_count),
    }


def formatted(text: str, values: Mapping[str, _Value]) -> str:
    """A format with its directives filled in, and a newline unless it ends in a lone `%`.

    What no directive is called is printed itself. Mirrors busybox: coreutils/stat.c, print_it.
    """
    out: list[str] = []
    place = 0
    for found in _DIRECTIVE.finditer(text):
        out.append(text[place : found.start()])
        place = found.end()
        modifiers, letter = found.groups()
        if letter in ("", "%"):
            out.append("%")
            if not letter:
                return "".join(out)
        elif letter in values:
            conversion, value = values[letter]
            out.append(_printf(modifiers, conversion, value()))
        else:
            out.append(_printf(modifiers, "s", letter))
    return "".join(out) + text[place:] + "\n"


def _printf(modifiers: str, conversion: str, value: object) -> str:
    """As C prints it: Python's `%` differs in a few flags."""
    flags = modifiers.replace("I", "").replace("+", "").replace(" ", "")
    if conversion == "s":
        return f"%{flags.replace('#', '').lstrip('0')}s" % value
    shown = f"%{flags}{conversion}" % value
    return shown.replace("0o", "0") if conversion == "o" else shown


def _human(time_ns: int) -> str:
    seconds, nanoseconds = divmod(time_ns, _NS)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}.{nanoseconds:09d} +0000"
