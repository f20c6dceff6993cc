"""Running another program from an applet, as `find -exec` and `tar --to-command` do."""

from __future__ import annotations

from kubesim.userland.files.fs_error import FsError
from kubesim.userland.processes.executable import DEFAULT_PATH, Executable, executable_at, search
from kubesim.userland.processes.process_life import Process

SHELL = "/bin/sh"


def find_executable(process: Process, argv: list[str]) -> tuple[Executable, list[str]]:
    """What execvp(3) runs, and its argument list: a file that is no program is a script for the shell.

    Raises FsError, ENOENT where nothing is called so.
    """
    files = process.files
    name = argv[0]
    path = name if "/" in name else search(files, name, process.env.get("PATH", DEFAULT_PATH))
    if path is None:
        raise FsError("ENOENT", name)
    try:
        executable = executable_at(files, path)
    except FsError as error:
        if error.errno_name != "ENOEXEC":
            raise
        executable, argv = executable_at(files, SHELL), [SHELL, path, *argv[1:]]
    if executable.program not in process.table.programs:
        raise FsError("ENOEXEC", path)
    return executable, argv


async def spawn_and_wait(process: Process, argv: list[str]) -> int:
    """Run a program as a child and wait for it; its exit code. Raises FsError when it cannot be started.

    Mirrors busybox: libbb/vfork_daemon_rexec.c, spawn_and_wait.
    """
    executable, argv = find_executable(process, argv)

    async def run(child: Process) -> int:
        child.execute(executable, argv, dict(child.env))

    status = await process.fork(run, argv=argv).wait()
    return status.code
