"""pwd: the working directory."""

from __future__ import annotations

from kubesim.userland.processes.process_life import Process


async def run(process: Process) -> int:
    """Print it; it is kept without links."""
    await process.say(f"{process.files.cwd}\n")
    return 0
