"""umount: take mounts away."""

from __future__ import annotations

from kubesim.userland.files.fs_error import FsError
from kubesim.userland.options import Options, UsageError, parse_options
from kubesim.userland.processes.process_life import Process


async def run(process: Process) -> int:
    """Unmount each operand, or everything. Mirrors busybox: util-linux/umount.c."""
    options = parse_options(process.argv, "fldnrat:")
    rows = [row for row in process.files.mounts() if is_type(row.type, options.values.get("t"))]
    if "a" in options:
        targets = [row.path for row in reversed(rows)]
    elif not options.operands:
        raise UsageError
    else:
        targets = []
        for operand in options.operands:
            # A source is unmounted wherever it is mounted.
            by_source = [row.path for row in reversed(rows) if row.source == operand and operand.startswith("/")]
            targets += by_source or [operand]
    are_done = [await _unmounted(process, options, target) for target in targets]
    return 0 if all(are_done) else 1


def is_type(file_system: str, wanted: str | None) -> bool:
    """Whether a file system is of one of the types `TYPE,...`, or of none of those in `noTYPE,...`."""
    if wanted is None:
        return True
    is_excluding = wanted.startswith("no")
    names = [name.removeprefix("no") if is_excluding else name for name in wanted.split(",")]
    return (file_system in names) != is_excluding


async def _unmounted(process: Process, options: Options, target: str) -> bool:
    files = process.files
    try:
        files.stat(target)  # where nothing is, nobody asks for the right to unmount it
        files.unmount(target, is_lazy="l" in options)
    except FsError as error:
        if "r" in options and error.errno_name == "EBUSY":
            return await _remounted(process, target)
        await process.complain(f"can't unmount {target}: {error.strerror}")
        return False
    return True


async def _remounted(process: Process, target: str) -> bool:
    source = next((row.source for row in process.files.mounts() if row.path == process.files.walk(target).path), target)
    try:
        process.files.remount(target, is_read_only=True)
    except FsError:
        await process.complain(f"can't remount {source} read-only")
        return False
    await process.complain(f"{source} busy - remounted read-only")
    return True
