"""pgrep and pidof: processes by name."""

from __future__ import annotations

from collections.abc import Sequence

from kubesim.userland.files.proc import command_of
from kubesim.userland.options import UsageError, parse_options
from kubesim.userland.posix_regex import BadRegex, compile_regex
from kubesim.userland.processes.process_life import Process


async def run(process: Process) -> int:
    """Print the pids of processes whose name matches an extended expression; itself is none of them."""
    options = parse_options(process.argv, "flnovx")
    if len(options.operands) != 1:
        raise UsageError
    try:
        pattern = compile_regex(options.operands[0], is_extended=True)
    except BadRegex as error:
        await process.complain(f"bad regex '{options.operands[0]}': {error}")
        return 1
    matches = pattern.fullmatch if "x" in options else pattern.search
    found = [
        other
        for other in process.neighbours()
        if other is not process and (matches(_name(other, "f" in options)) is None) == ("v" in options)
    ]
    if "n" in options:
        found = found[-1:]
    elif "o" in options:
        found = found[:1]
    for other in found:
        await process.say(f"{other.pid} {_name(other, 'f' in options)}\n" if "l" in options else f"{other.pid}\n")
    return 0 if found else 1


async def run_pidof(process: Process) -> int:
    """Print the pids of all processes that have one of the names, the newest of each name first."""
    options = parse_options(process.argv, "so:")
    omitted = {value for value in options.values.get("o", "").split(",") if value}
    if "%PPID" in omitted:
        omitted.add(str(process.parent_pid))
    pids = [
        str(other.pid)
        for name in options.operands
        for other in reversed(_named(process, name))
        if str(other.pid) not in omitted
    ]
    if "s" in options:
        pids = pids[:1]
    if pids:
        await process.say(" ".join(pids) + "\n")
    return 0 if pids else 1


def _named(process: Process, name: str) -> list[Process]:
    """Mirrors busybox: libbb/find_pid_by_name.c: by the short name, or by the program's own file name."""
    short = name[:15]
    return [
        other
        for other in process.neighbours()
        if other is not process
        and (command_of(other.argv) == short or _base_name(other.argv[:1]) == name.rpartition("/")[2])
    ]


def _base_name(argv: Sequence[str]) -> str:
    return argv[0].rpartition("/")[2] if argv else ""


def _name(process: Process, is_whole: bool) -> str:
    return " ".join(process.argv) if is_whole else command_of(process.argv)
