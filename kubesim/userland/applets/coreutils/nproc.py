"""nproc: how many processors there are to use."""

from __future__ import annotations

from kubesim.userland.files.fs_error import FsError
from kubesim.userland.files.proc_machine import CPUS_COUNT
from kubesim.userland.options import parse_options
from kubesim.userland.processes.process_life import Process


async def run(process: Process) -> int:
    """Those that the process may use, with --all those of the node. Mirrors busybox: coreutils/nproc.c."""
    options = parse_options(process.argv, "", long_names={"all": "all", "ignore": "ignore:"})
    ignored = options.values.get("ignore", "0")
    if not (ignored.isascii() and ignored.isdecimal()):
        await process.complain(f"invalid number '{ignored}'")
        return 1
    count = CPUS_COUNT if "all" in options else _usable_count(process)
    await process.say(f"{max(count - int(ignored), 1)}\n")
    return 0


def _usable_count(process: Process) -> int:
    """The mask of sched_getaffinity(2), which the container's group gives."""
    try:
        cpus = process.files.filesystem.as_root().read("/sys/fs/cgroup/cpuset.cpus.effective").decode().strip()
    except FsError:
        return CPUS_COUNT  # a file system without a control group
    return _count(cpus)


def _count(cpus: str) -> int:
    """How many a list such as `0-1,4` names.

    >>> _count("0-1,4")
    3
    """
    total = 0
    for part in cpus.split(","):
        first, _, last = part.partition("-")
        total += int(last or first) - int(first) + 1
    return total
