"""pgrep and pidof: processes by name. Mirrors busybox: procps/pgrep.c and pidof.c."""

from __future__ import annotations

from kubesim.userland.applets.procps.matching import LETTERS, matched, name_of, named
from kubesim.userland.options import parse_options
from kubesim.userland.processes.process_life import Process


async def run(process: Process) -> int:
    """Print the pids of processes whose name matches, with -l and -a what they are called."""
    options = parse_options(process.argv, LETTERS)
    found = await matched(process, options)
    for other in found or ():
        if "a" in options or "l" in options:
            name = name_of(other, is_whole="a" in options or "f" in options)
            await process.say(f"{other.pid} {name}\n")
        else:
            await process.say(f"{other.pid}\n")
    return 0 if found else 1


async def run_pidof(process: Process) -> int:
    """Print the pids of all processes that have one of the names, the newest of each name first."""
    options = parse_options(process.argv, "so:")
    omitted = {pid for value in options.repeated.get("o", []) for pid in value.split(",")}
    if "%PPID" in omitted:
        omitted.add(str(process.parent_pid))
    pids = [
        str(other.pid)
        for name in options.operands
        for other in reversed(named(process, name))
        if str(other.pid) not in omitted
    ]
    if "s" in options:
        pids = pids[:1]
    if pids:
        await process.say(" ".join(pids) + "\n")
    return 0 if pids else 1
