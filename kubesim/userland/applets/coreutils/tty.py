"""tty: the name of the terminal that standard input is. Mirrors busybox: coreutils/tty.c."""

from __future__ import annotations

from kubesim.userland.files.fs_error import FsError
from kubesim.userland.options import parse_options
from kubesim.userland.processes.process_life import Process


async def run(process: Process) -> int:
    """Print it; 1 where there is none."""
    options = parse_options(process.argv, "s")
    if options.operands:
        await process.complain("ignoring all arguments")
    try:
        file = process.open_file_of(0)
        name = file.tell() if file.is_terminal else None
    except FsError:
        name = None
    if "s" not in options:
        await process.say(f"{name or 'not a tty'}\n")
    return 0 if name is not None else 1
