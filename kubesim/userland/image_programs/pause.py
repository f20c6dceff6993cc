"""Programs that wait for a signal: pause, and servers that have nothing to serve yet."""

from __future__ import annotations

from kubesim.kernel import Event
from kubesim.userland.processes.process_life import Process
from kubesim.userland.processes.signals import NUMBERS, SIGINT, SIGTERM

SIGQUIT = NUMBERS["QUIT"]


async def wait_for_end(process: Process, *signals: int) -> int:
    """Sleep until one of `signals` arrives; exit code 0. Costs one event."""
    is_over = Event()

    def end(_: int) -> None:
        is_over.set()

    process.handlers.update(dict.fromkeys(signals, end))
    await is_over.wait()
    return 0


async def run_pause(process: Process) -> int:
    """The pod's pause process: has handlers, so TERM and INT end it as pid 1 too.

    Mirrors kubernetes: build/pause/linux/pause.c, main.
    """
    if process.argv[1:2] == ["-v"]:
        await process.say("pause.c 3.10\n")
        return 0
    return await wait_for_end(process, SIGINT, SIGTERM)


async def run_echoserver(process: Process) -> int:
    """nginx in the foreground: TERM and INT are a fast shutdown, QUIT a graceful one, both with exit code 0."""
    return await wait_for_end(process, SIGINT, SIGTERM, SIGQUIT)
