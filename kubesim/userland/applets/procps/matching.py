"""Which processes a name or a pattern means."""

from __future__ import annotations

from collections.abc import Sequence

from kubesim.userland.options import Options, UsageError
from kubesim.userland.posix_regex import BadRegex, compile_regex
from kubesim.userland.processes.process_life import Process

LETTERS = "flanovxP:"
"""Options of pgrep; those of pkill have no -l and -a, which print."""


def named(process: Process, name: str) -> list[Process]:
    """Those that are called so, by the short name or by the program's own file name.

    Mirrors busybox: libbb/find_pid_by_name.c.
    """
    short = name[:15]
    return [
        other
        for other in process.neighbours()
        if other is not process and (other.command == short or _base_name(other.argv[:1]) == name.rpartition("/")[2])
    ]


async def matched(process: Process, options: Options) -> list[Process] | None:
    """Those whose name matches an extended expression, but never itself; None for a bad one, which it says.

    Raises UsageError without a pattern, and without a parent that stands in for it.
    """
    parent = options.values.get("P", "")
    if len(options.operands) > 1 or not (options.operands or parent):
        raise UsageError
    if parent and not (parent.isascii() and parent.isdecimal()):
        await process.complain(f"invalid number '{parent}'")
        return None
    text = options.operands[0] if options.operands else ""
    try:
        pattern = compile_regex(text, is_extended=True)
    except BadRegex as error:
        await process.complain(f"bad regex '{text}': {error}")
        return None
    matches = pattern.fullmatch if "x" in options else pattern.search
    found = [
        other
        for other in process.neighbours()
        if other is not process
        and (
            matches(name_of(other, is_whole="f" in options)) is not None
            and (not parent or other.parent_pid == int(parent))
        )
        != ("v" in options)
    ]
    if "n" in options:
        return found[-1:]
    return found[:1] if "o" in options else found


def name_of(process: Process, *, is_whole: bool) -> str:
    """What is matched: the short name, or the whole command line."""
    return " ".join(process.argv) if is_whole else process.command


def _base_name(argv: Sequence[str]) -> str:
    return argv[0].rpartition("/")[2] if argv else ""
