"""sync and fsync: nothing of a container's files waits to be written."""

from __future__ import annotations

from kubesim.userland.files.fs_error import FsError
from kubesim.userland.options import UsageError, parse_options
from kubesim.userland.processes.process_life import Process


async def run(process: Process) -> int:
    """Succeed, unless a file that is named cannot be opened. Mirrors busybox: coreutils/sync.c."""
    options = parse_options(process.argv, "df")
    if {"d", "f"} <= options.flags:
        raise UsageError
    return await _open_all(process, options.operands)


async def run_fsync(process: Process) -> int:
    """The same for files that have to be named."""
    options = parse_options(process.argv, "d")
    if not options.operands:
        raise UsageError
    return await _open_all(process, options.operands)


async def _open_all(process: Process, paths: list[str]) -> int:
    code = 0
    for path in paths:
        try:
            process.files.open_read(path).hold().release()
        except FsError as error:
            await process.complain(f"can't open '{path}': {error.strerror}")
            code = 1
    return code
