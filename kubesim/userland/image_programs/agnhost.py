"""agnhost, the tool image of the Kubernetes tests: one program, many subcommands."""

from __future__ import annotations

from kubesim.userland.image_programs.pause import wait_for_end
from kubesim.userland.processes.process_life import Process
from kubesim.userland.processes.signals import SIGINT, SIGTERM


async def _pause(process: Process) -> int:
    """Mirrors kubernetes: test/images/agnhost/pause/pause.go, pause: prints, then waits for TERM or INT."""
    await process.say("Paused\n")
    code = await wait_for_end(process, SIGINT, SIGTERM)
    await process.say("Unpaused\n")
    return code


SUBCOMMANDS = {"pause": _pause}


async def run_agnhost(process: Process) -> int:
    """Run a subcommand."""
    name = process.argv[1] if len(process.argv) > 1 else ""
    subcommand = SUBCOMMANDS.get(name)
    if subcommand is None:
        await process.complain(f'subcommand "{name}" is not emulated; there is {", ".join(sorted(SUBCOMMANDS))}')
        return 1
    return await subcommand(process)
