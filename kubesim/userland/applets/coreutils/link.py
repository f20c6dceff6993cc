"""link and unlink: the system calls by themselves."""

from __future__ import annotations

from kubesim.userland.files.fs_error import FsError
from kubesim.userland.options import UsageError, parse_options
from kubesim.userland.processes.process_life import Process


async def run(process: Process) -> int:
    """Make a hard link. Mirrors busybox: coreutils/link.c."""
    operands = parse_options(process.argv, "").operands
    if len(operands) != 2:
        raise UsageError
    target, path = operands
    try:
        process.files.link(target, path)
    except FsError as error:
        await process.complain(f"can't create hardlink '{path}' to '{target}': {error.strerror}")
        return 1
    return 0


async def run_unlink(process: Process) -> int:
    """Remove a name. Mirrors busybox: coreutils/unlink.c."""
    operands = parse_options(process.argv, "").operands
    if len(operands) != 1:
        raise UsageError
    try:
        process.files.remove_file(operands[0])
    except FsError as error:
        await process.complain(f"can't remove file '{operands[0]}': {error.strerror}")
        return 1
    return 0
