"""yes: a line without end."""

from __future__ import annotations

from kubesim.userland.processes.process_life import Process

BLOCK_BYTES = 4096


async def run(process: Process) -> int:
    """Print the arguments, or `y`, until nobody reads."""
    text = " ".join(process.argv[1:]) if len(process.argv) > 1 else "y"
    line = text.encode(errors="surrogateescape") + b"\n"
    block = line * max(1, BLOCK_BYTES // len(line))
    while True:
        await process.write(1, block)
        await process.cpu.pause()
        await process.step()
