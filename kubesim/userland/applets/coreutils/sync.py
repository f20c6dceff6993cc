"""sync: nothing of a container's files waits to be written."""

from __future__ import annotations

from kubesim.userland.files.fs_error import FsError
from kubesim.userland.options import parse_options
from kubesim.userland.processes.process_life import Process


async def run(process: Process) -> int:
    """Succeed, unless a file that is named cannot be opened."""
    code = 0
    for name in parse_options(process.argv, "df").operands:
        try:
            process.files.open_read(name)
        except FsError as error:
            await process.complain(f"can't open '{name}': {error.strerror}")
            code = 1
    return code
