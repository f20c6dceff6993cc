"""What /proc tells of the machine. Formats: proc(5). Mirrors linux: fs/proc/meminfo.c, stat.c, loadavg.c.

The node has two processors and 4 GiB. Nobody counts time that is computed, so the processors are idle.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from kubesim.userland.files.nodes import Node
from kubesim.userland.files.proc_facts import ProcessFacts
from kubesim.userland.files.proc_files import VirtualFile

CPUS_COUNT = 2
MEMORY_BYTES = 4 * 1024**3
TICKS_PER_SECOND = 100
"""USER_HZ: the unit of times in /proc."""

_NS = 1_000_000_000
_FEATURES = "fpu tsc msr cx8 cmov mmx fxsr sse sse2 syscall nx lm constant_tsc pni sse4_1 sse4_2 popcnt"


def machine_file(name: str, process: ProcessFacts) -> Node | None:
    """A file of /proc by its name; None when there is none."""
    make = MACHINE_FILES.get(name)
    return None if make is None else VirtualFile(lambda: make(process))


def _text(text: str) -> Callable[[ProcessFacts], bytes]:
    return lambda _: text.encode()


def _cpuinfo(_: ProcessFacts) -> bytes:
    lines = []
    for number in range(CPUS_COUNT):
        fields = {
            "processor": number,
            "vendor_id": "kubesim",
            "model name": "kubesim virtual processor",
            "cpu MHz": "2000.000",
            "physical id": 0,
            "siblings": CPUS_COUNT,
            "core id": number,
            "cpu cores": CPUS_COUNT,
            "flags": _FEATURES,
        }
        lines += [f"{key}\t{'' if len(key) > 7 else chr(9)}: {value}\n" for key, value in fields.items()]
        lines.append("\n")
    return "".join(lines).encode()


def _meminfo(process: ProcessFacts) -> bytes:
    total_kb, free_kb = MEMORY_BYTES // 1024, max(0, MEMORY_BYTES - process.node_memory_bytes) // 1024
    used_kb = total_kb - free_kb
    fields = {
        "MemTotal": total_kb,
        "MemFree": free_kb,
        "MemAvailable": free_kb,
        "Buffers": 0,
        "Cached": 0,
        "SwapCached": 0,
        "Active": used_kb,
        "Inactive": 0,
        "SwapTotal": 0,
        "SwapFree": 0,
        "Dirty": 0,
        "Writeback": 0,
        "AnonPages": used_kb,
        "Mapped": 0,
        "Shmem": 0,
        "Slab": 0,
        "SReclaimable": 0,
        "SUnreclaim": 0,
        "CommitLimit": total_kb // 2,
        "Committed_AS": used_kb,
    }
    return "".join(f"{name + ':':<15} {value:>8} kB\n" for name, value in fields.items()).encode()


def _stat(process: ProcessFacts) -> bytes:
    idle = process.uptime_ns * TICKS_PER_SECOND // _NS
    rows = [f"cpu  0 0 0 {idle * CPUS_COUNT} 0 0 0 0 0 0"]
    rows += [f"cpu{number} 0 0 0 {idle} 0 0 0 0 0 0" for number in range(CPUS_COUNT)]
    running = len(process.neighbours())
    btime = (process.now_ns - process.uptime_ns) // _NS
    rows += ["intr 0", "ctxt 0", f"btime {btime}", f"processes {running}", "procs_running 1", "procs_blocked 0"]
    return ("\n".join(rows) + "\n").encode()


def _uptime(process: ProcessFacts) -> bytes:
    seconds = process.uptime_ns / _NS
    return f"{seconds:.2f} {seconds * CPUS_COUNT:.2f}\n".encode()


def _loadavg(process: ProcessFacts) -> bytes:
    pids = [other.pid for other in process.neighbours()]
    return f"0.00 0.00 0.00 1/{len(pids)} {max(pids, default=0)}\n".encode()


MACHINE_FILES: Mapping[str, Callable[[ProcessFacts], bytes]] = {
    "cmdline": _text("BOOT_IMAGE=/boot/vmlinuz root=/dev/sda1 ro\n"),
    "cpuinfo": _cpuinfo,
    "filesystems": _text(
        "".join(f"nodev\t{name}\n" for name in ("sysfs", "tmpfs", "proc", "cgroup2", "devpts", "mqueue", "overlay"))
        + "\text4\n"
    ),
    "loadavg": _loadavg,
    "meminfo": _meminfo,
    "stat": _stat,
    "swaps": _text("Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"),
    "uptime": _uptime,
    "version": _text("Linux version 6.12.0-kubesim (kubesim) #1 SMP\n"),
}
