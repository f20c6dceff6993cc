"""dirname: a path without its last part."""

from __future__ import annotations

from kubesim.userland.options import UsageError, parse_options
from kubesim.userland.processes.process_life import Process


def directory_part(path: str) -> str:
    """The path of the directory that a path names something in."""
    trimmed = path.rstrip("/")
    if not trimmed:
        return "/" if path else "."
    directory = trimmed.rpartition("/")[0]
    return directory.rstrip("/") or ("/" if trimmed.startswith("/") else ".")


async def run(process: Process) -> int:
    """Print it."""
    operands = parse_options(process.argv, "", is_ordered=True).operands
    if len(operands) != 1:
        raise UsageError
    await process.say(directory_part(operands[0]) + "\n")
    return 0
