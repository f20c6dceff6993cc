"""An applet: a program with busybox's way of saying that its command line is wrong."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from kubesim.userland.files.fs_error import FsError
from kubesim.userland.options import UsageError, show_usage
from kubesim.userland.processes.process_life import Process


class Applet:
    """`await applet(process)` runs it; a usage error is said and exits `usage_code`, a stdout that refuses exits 1."""

    __slots__ = ("_run", "_usage", "_usage_code")

    def __init__(self, run: Callable[[Process], Awaitable[int]], *, usage: str, usage_code: int = 1) -> None:
        self._run = run
        self._usage = usage
        self._usage_code = usage_code

    async def __call__(self, process: Process) -> int:
        """The exit code."""
        try:
            return await self._run(process)
        except UsageError as error:
            await show_usage(process, self._usage, error.message)
            return self._usage_code
        except FsError as error:
            # Errors of named files are said by the applet itself; this one came from its own output.
            await process.complain(f"write error: {error.strerror}")
            return 1
