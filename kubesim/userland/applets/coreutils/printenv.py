"""printenv: the environment, or some of it."""

from __future__ import annotations

from kubesim.userland.processes.process_life import Process


async def run(process: Process) -> int:
    """Print all, or the values of the variables that are named; 1 when one of them is not set."""
    names = process.argv[1:]
    if not names:
        await process.say("".join(f"{name}={value}\n" for name, value in process.env.items()))
        return 0
    await process.say("".join(f"{process.env[name]}\n" for name in names if name in process.env))
    return 0 if all(name in process.env for name in names) else 1
