"""rm: remove files and directories."""

from __future__ import annotations

from kubesim.userland.applets.coreutils.basename import last_part, without_slashes
from kubesim.userland.applets.coreutils.remove_file import Remover
from kubesim.userland.options import UsageError, parse_options
from kubesim.userland.processes.process_life import Process


async def run(process: Process) -> int:
    """Remove each operand. Mirrors busybox: coreutils/rm.c: `/` is not refused, what is busy stays."""
    options = parse_options(process.argv, "fiRrv")
    forced_or_asking = options.last_of("fi")
    if not options.operands and forced_or_asking != "f":
        raise UsageError
    remover = Remover(
        process,
        is_forced=forced_or_asking == "f",
        is_interactive=forced_or_asking == "i",
        is_recursive=bool(options.flags & {"R", "r"}),
        is_verbose="v" in options,
    )
    code = 0
    for path in map(without_slashes, options.operands):
        if last_part(path) in (".", ".."):
            await process.complain("can't remove '.' or '..'")
            code = 1
        elif not await remover.remove(path):
            code = 1
    return code
