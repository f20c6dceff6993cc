"""Programs that wait for a signal: pause, and servers that have nothing to serve yet."""

from __future__ import annotations

from collections.abc import Awaitable

from kubesim.kernel import Event
from kubesim.userland.processes.process_life import Process
from kubesim.userland.processes.signals import NUMBERS, SIGINT, SIGTERM

SIGQUIT = NUMBERS["QUIT"]


class SignalArrived(Event):
    """An event that is its own signal handler."""

    __slots__ = ()

    def __call__(self, _: int) -> None:
        """A signal has arrived."""
        self.set()


async def wait_for_end(process: Process, *signals: int) -> int:
    """Sleep until one of `signals` arrives; exit code 0. Costs one event."""
    is_over = SignalArrived()
    process.handlers.update(dict.fromkeys(signals, is_over))
    await is_over.wait()
    return 0


def run_pause(process: Process) -> Awaitable[int]:
    """The pod's pause process: has handlers, so TERM and INT end it as pid 1 too.

    Mirrors kubernetes: build/pause/linux/pause.c, main.
    """
    if process.argv[1:2] == ["-v"]:
        return _tell_version(process)
    return wait_for_end(process, SIGINT, SIGTERM)


async def _tell_version(process: Process) -> int:
    await process.say("pause.c 3.10\n")
    return 0


async def run_echoserver(process: Process) -> int:
    """nginx in the foreground: TERM and INT are a fast shutdown, QUIT a graceful one, both with exit code 0."""
    return await wait_for_end(process, SIGINT, SIGTERM, SIGQUIT)
