"""hostname: the name of the pod."""

from __future__ import annotations

from kubesim.userland.options import parse_options
from kubesim.userland.processes.process_life import Process


async def run(process: Process) -> int:
    """Print it, with -s only up to the first dot. Setting it is not emulated."""
    options = parse_options(process.argv, "s")
    if options.operands:
        # Needs CAP_SYS_ADMIN, which no container has unless it asks for it; capabilities are not emulated yet.
        await process.complain("sethostname: Operation not permitted")
        return 1
    name = process.hostname.partition(".")[0] if "s" in options else process.hostname
    await process.say(f"{name}\n")
    return 0
