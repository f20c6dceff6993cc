"""usleep: microseconds."""

from __future__ import annotations

from kubesim.userland.options import UsageError
from kubesim.userland.processes.process_life import Process


async def run(process: Process) -> int:
    """Sleep for the operand."""
    if len(process.argv) < 2:
        raise UsageError
    text = process.argv[1]
    if not (text.isascii() and text.isdecimal()) or len(text) > 10 or int(text) >= 2**32:
        await process.complain(f"invalid number '{text}'")
        return 1
    await process.sleep(int(text) * 1000)
    return 0
