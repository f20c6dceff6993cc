"""sh and ash: the shell, with its commands from -c, from a file, or from standard input."""

from __future__ import annotations

from kubesim.userland.files.fs_error import FsError
from kubesim.userland.processes.process_life import Process

USAGE = "[-efnux] [-o OPT] [-c 'SCRIPT' [ARG0 ARGS] | FILE [ARGS] | -s [ARGS]]"


async def run(process: Process) -> int:
    """Run a shell."""
    # The builtins of the shell use applets, so the shell is not imported at the start of this room.
    from kubesim.userland.shell.invocation import InvocationError, read_invocation, run_shell

    try:
        invocation = read_invocation(process.argv)
    except InvocationError as error:
        await process.write(2, f"{process.argv[0]}: {error}\n".encode(errors="surrogateescape"))
        return 2
    text = invocation.text
    if invocation.path is not None:
        try:
            text = process.files.read(invocation.path).decode(errors="surrogateescape")
        except FsError as error:
            message = f"{process.argv[0]}: can't open '{invocation.path}': {error.strerror}\n"
            await process.write(2, message.encode(errors="surrogateescape"))
            return 2
    return await run_shell(process, invocation, text)
