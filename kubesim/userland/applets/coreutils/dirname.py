"""dirname: a path without its last part."""

from __future__ import annotations

from kubesim.userland.options import UsageError
from kubesim.userland.processes.process_life import Process


def directory_part(path: str) -> str:
    """The path of the directory that a path names something in."""
    trimmed = path.rstrip("/")
    if not trimmed:
        return _root(path) or "."
    directory = trimmed.rpartition("/")[0]
    return directory.rstrip("/") or _root(trimmed) or "."


def _root(path: str) -> str:
    """The slashes that a path begins with, when nothing else is left of it: two are kept, as in glibc."""
    count = len(path) - len(path.lstrip("/"))
    return "//" if count == 2 else "/" if count else ""


async def run(process: Process) -> int:
    """Print it. There are no options: a word is a path, whatever it begins with."""
    operands = process.argv[2:] if process.argv[1:2] == ["--"] else process.argv[1:]
    if len(operands) != 1:
        raise UsageError
    await process.say(directory_part(operands[0]) + "\n")
    return 0
