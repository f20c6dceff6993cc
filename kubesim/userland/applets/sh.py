"""sh and ash: the shell."""

from __future__ import annotations

from kubesim.userland.process_life import Process

USAGE = "[-eux] [-c COMMAND [ARG0 ARGS]] [FILE [ARGS]]"


async def run(process: Process) -> int:
    """Not there yet."""
    await process.complain("the shell is not emulated yet")
    return 2
