"""top: as a container's main process it is something that runs until it is told to end; its screen is not drawn."""

from __future__ import annotations

from kubesim.kernel import Event
from kubesim.userland.options import parse_options
from kubesim.userland.processes.process_life import Process


async def run(process: Process) -> int:
    """Wait for a signal; without a terminal on its output nobody reads the screen."""
    options = parse_options(process.argv, "bHmn:d:")
    if "n" in options or "b" in options:
        await process.complain("-b and -n are not emulated")
        return 1
    await Event().wait()
    return 0
