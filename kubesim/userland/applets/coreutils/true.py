"""true and false."""

from __future__ import annotations

from kubesim.userland.processes.process_life import Process


async def run(process: Process) -> int:  # noqa: ARG001 - every program takes its process
    """Succeed."""
    return 0


async def run_false(process: Process) -> int:  # noqa: ARG001 - every program takes its process
    """Fail."""
    return 1
