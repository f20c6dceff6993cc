"""rmdir: remove empty directories."""

from __future__ import annotations

from kubesim.userland.files.fs_error import FsError
from kubesim.userland.options import UsageError, parse_options
from kubesim.userland.processes.process_life import Process


async def run(process: Process) -> int:
    """Remove each operand; with -p its parents after it."""
    options = parse_options(process.argv, "p")
    if not options.operands:
        raise UsageError
    code = 0
    for name in options.operands:
        path = name
        try:
            process.files.remove_directory(path)
            while "p" in options and "/" in path.strip("/"):
                path = path.rstrip("/").rpartition("/")[0]
                process.files.remove_directory(path)
        except FsError as error:
            await process.complain(f"'{path}': {error.strerror}")
            code = 1
    return code
