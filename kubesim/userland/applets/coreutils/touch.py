"""touch: make files, or change the time of their last change to now."""

from __future__ import annotations

from kubesim.userland.files.fs_error import FsError
from kubesim.userland.options import UsageError, parse_options
from kubesim.userland.processes.process_life import Process


async def run(process: Process) -> int:
    """Touch each operand; with -c none is made."""
    options = parse_options(process.argv, "c")
    if not options.operands:
        raise UsageError
    code = 0
    for name in options.operands:
        try:
            touch(process, name, is_created="c" not in options)
        except FsError as error:
            await process.complain(f"{name}: {error.strerror}")
            code = 1
    return code


def touch(process: Process, path: str, *, is_created: bool) -> None:
    """Touch one path. Raises FsError."""
    try:
        process.files.touch(path)
    except FsError as error:
        if error.errno_name != "ENOENT":
            raise
        if is_created:
            process.files.open_write(path)
