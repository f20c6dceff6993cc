"""setsid: a program in a session of its own. Mirrors busybox: util-linux/setsid.c."""

from __future__ import annotations

from kubesim.userland.applets.spawn import find_executable
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.options import UsageError, parse_options
from kubesim.userland.processes.process_life import Process


async def run(process: Process) -> int:
    """Run it in this process, or in a child where this process leads a group; the caller does not wait for that."""
    options = parse_options(process.argv, "c", is_ordered=True)
    argv = options.operands
    if not argv:
        raise UsageError
    has_terminal = "c" in options
    try:
        executable, argv = find_executable(process, argv)
    except FsError as error:
        await process.complain(f"can't execute '{argv[0]}': {error.strerror}")
        return 127 if error.errno_name == "ENOENT" else 126

    async def start(child: Process) -> int:
        terminal = child.open_file_of(0).terminal if has_terminal else None
        child.start_session()
        if terminal is not None:
            terminal.control(child)
        child.execute(executable, argv, dict(child.env))

    if process.group_id == process.pid:
        process.fork(start, argv=argv)
        return 0
    return await start(process)
