"""df: how much room is left on file systems."""

from __future__ import annotations

from kubesim.userland.applets.human_size import size_text
from kubesim.userland.applets.size_operand import BINARY_SUFFIXES, NUMBER_MAX, read_size
from kubesim.userland.files.file_system_stat import FileSystemStat, MountRow
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.options import Options, parse_options
from kubesim.userland.processes.exit_status import ProcessExit
from kubesim.userland.processes.process_life import Process

_KILO = 1024
_BLOCK_SUFFIXES = {**BINARY_SUFFIXES, "KiB": _KILO, "kiB": _KILO, "MiB": _KILO**2, "GiB": _KILO**3, "T": _KILO**4}
DEVICE_COLUMNS = 20
TYPE_COLUMNS = 10


async def run(process: Process) -> int:
    """A row per file system. Mirrors busybox: coreutils/df.c."""
    options = parse_options(process.argv, "kPTt:aiB:hHm")
    unit_bytes = await _unit_bytes(process, options)
    await process.say(_title(options, unit_bytes))
    files = process.files
    rows = files.mounts()
    code = 0
    wanted: list[MountRow] = []
    for operand in options.operands:
        row = _row_of(process, operand, rows)
        if row is None:
            await process.complain(f"{operand}: can't find mount point")
            code = 1
        else:
            wanted.append(row)
    for row in wanted if options.operands else rows:
        if "t" in options and row.type != options.values["t"]:
            continue
        try:
            stat = files.statfs(row.path)
        except FsError as error:
            await process.complain(f"{row.path}: {error.strerror}")
            code = 1
            continue
        if stat.size_bytes or options.operands or "a" in options:
            await process.say(_line(row, stat, options, unit_bytes))
    return code


async def _unit_bytes(process: Process, options: Options) -> int:
    """What sizes are shown in; 0 for the unit that fits."""
    last = options.last_of("kmB")
    unit_bytes = 512 if "POSIXLY_CORRECT" in process.env else _KILO
    if last == "m":
        unit_bytes = _KILO * _KILO
    elif last == "B":
        text = options.values["B"]
        read = _BLOCK_SUFFIXES.get(text, 0) if text else None
        read = read or read_size(text, _BLOCK_SUFFIXES)
        if not read:
            is_number = read is not None
            problem = f"number {text} is not in 1..{NUMBER_MAX} range" if is_number else f"invalid number '{text}'"
            await process.complain(problem)
            raise ProcessExit(1)
        unit_bytes = read
    return 0 if options.flags & {"h", "H"} else unit_bytes


def _title(options: Options, unit_bytes: int) -> str:
    if "i" in options:
        unit = "   Inodes"
    elif not unit_bytes:
        unit = "     Size"
    else:
        unit = f"{size_text(unit_bytes, 0, 1 if 'P' in options else 0).strip()}-blocks"
    kind = "Type       " if "T" in options else ""
    used = "Capacity" if "P" in options else "Use%"
    return f"Filesystem           {kind}{unit:<15}Used Available {used} Mounted on\n"


def _row_of(process: Process, path: str, rows: list[MountRow]) -> MountRow | None:
    """The mount that a path lies in, or that a source is mounted by."""
    by_source = next((row for row in reversed(rows) if row.source == path), None)
    if by_source is not None:
        return by_source
    try:
        found = process.files.walk(path)
    except FsError:
        return None
    if found.node is None:
        return None
    holding = [row for row in rows if row.path in ("/", found.path) or found.path.startswith(f"{row.path}/")]
    return max(reversed(holding), key=lambda row: len(row.path), default=None)


def _line(row: MountRow, stat: FileSystemStat, options: Options, unit_bytes: int) -> str:
    total, free, available, block = stat.size_bytes, stat.free_bytes, stat.available_bytes, 1
    if "i" in options:
        total, free = stat.inodes_count, stat.free_inodes_count
        available = free
        unit_bytes = min(unit_bytes, 1)
    used = total - free
    is_folded = "P" not in options
    source = f"{row.source:<{DEVICE_COLUMNS}}"
    if is_folded and len(row.source) > DEVICE_COLUMNS:
        source += f"\n{'':{DEVICE_COLUMNS}}"
    kind = ""
    if "T" in options:
        kind = f" {row.type:<{TYPE_COLUMNS}}"
        if is_folded and len(row.type) > TYPE_COLUMNS:
            kind += f"\n{'':{DEVICE_COLUMNS + TYPE_COLUMNS + 1}}"
    sizes = " ".join(f"{size_text(size, block, unit_bytes):>9}" for size in (total, used, available))
    return f"{source}{kind} {sizes} {_percent(used, used + available):3d}% {row.path}\n"


def _percent(used: int, total: int) -> int:
    """Rounded to the nearest; busybox counts in blocks, which makes no difference here."""
    return (used * 100 + total // 2) // total if total else 0
