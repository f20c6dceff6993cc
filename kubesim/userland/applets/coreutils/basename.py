"""basename: the last part of a path."""

from __future__ import annotations

from kubesim.userland.options import UsageError, parse_options
from kubesim.userland.processes.process_life import Process


def last_part(path: str, suffix: str = "") -> str:
    """The last name of a path, without `suffix` unless that is all of it."""
    name = path.rstrip("/").rpartition("/")[2] or ("/" if path else "")
    return name.removesuffix(suffix) if suffix and name != suffix else name


async def run(process: Process) -> int:
    """Print it."""
    operands = parse_options(process.argv, "", is_ordered=True).operands
    if not 1 <= len(operands) <= 2:
        raise UsageError
    await process.say(last_part(*operands) + "\n")
    return 0
