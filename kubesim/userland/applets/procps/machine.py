"""free, uptime, nproc: what the node has."""

from __future__ import annotations

from kubesim.userland.options import parse_options
from kubesim.userland.processes.cgroup import NODE_BYTES
from kubesim.userland.processes.process_life import Process

_UNITS = {"b": 1, "k": 1024, "m": 1024**2, "g": 1024**3}


async def run_free(process: Process) -> int:
    """Memory of the node, for a container sees all of it. Mirrors busybox: procps/free.c."""
    options = parse_options(process.argv, "bkmg")
    unit = next((_UNITS[letter] for letter in "gmkb" if letter in options), 1024)
    used = process.table.cgroup.memory_bytes
    numbers = [value // unit for value in (NODE_BYTES, used, NODE_BYTES - used, 0, 0, NODE_BYTES - used)]
    await process.say("              total        used        free      shared  buff/cache   available\n")
    await process.say(f"Mem:{numbers[0]:15d}" + "".join(f"{number:12d}" for number in numbers[1:]) + "\n")
    await process.say(f"Swap:{0:14d}{0:12d}{0:12d}\n")
    return 0


async def run_uptime(process: Process) -> int:
    """How long the node has been up. Mirrors busybox: procps/uptime.c."""
    parse_options(process.argv, "")
    now_seconds = process.kernel.now_ns // 1_000_000_000
    minutes = process.uptime_ns // 60_000_000_000
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    up = f"{days} day{'s' if days != 1 else ''}, " if days else ""
    up += f"{hours:2d}:{minutes:02d}" if hours else f"{minutes} min"
    clock = f"{now_seconds // 3600 % 24:02d}:{now_seconds // 60 % 60:02d}:{now_seconds % 60:02d}"
    await process.say(f" {clock} up {up},  0 users,  load average: 0.00, 0.00, 0.00\n")
    return 0
