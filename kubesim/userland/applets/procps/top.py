"""top: a screenful of processes each few seconds, until it is told to end. Mirrors busybox: procps/top.c."""

from __future__ import annotations

from kubesim.userland.applets.coreutils.sleep import duration_ns
from kubesim.userland.applets.procps.ps import Accounts, arguments_of, short_size, state_of
from kubesim.userland.options import parse_options
from kubesim.userland.processes.cgroup import NODE_BYTES
from kubesim.userland.processes.process_life import Process

INTERVAL_NS = 5_000_000_000
WIDTH, LINES = 79, 24
HOME_AND_CLEAR = "\033[H\033[J"


async def run(process: Process) -> int:
    """Print, wait, print; with -b without the codes for a screen and with every process, with -n so many times."""
    options = parse_options(process.argv, "bn:d:")
    interval_ns = INTERVAL_NS
    if "d" in options:
        asked_ns = duration_ns(options.values["d"])
        if asked_ns is None:
            await process.complain(f"invalid number '{options.values['d']}'")
            return 1
        interval_ns = max(asked_ns, 1_000_000_000)
    count = options.values.get("n")
    if count is not None and not (count.isascii() and count.isdecimal() and int(count[:9]) > 0):
        await process.complain(f"invalid number '{count}'")
        return 1
    left = int(count) if count is not None else None
    while True:
        await process.say(_screen(process, is_batch="b" in options))
        if left is not None:
            left -= 1
            if left <= 0:
                return 0
        await process.sleep(interval_ns)


def _screen(process: Process, *, is_batch: bool) -> str:
    """Nothing takes time here, so the machine is idle and the processes are in the order of their pids."""
    accounts = Accounts(process)
    processes = list(process.neighbours())
    used_kib = process.table.cgroup.memory_bytes // 1024
    lines = [
        f"Mem: {used_kib}K used, {NODE_BYTES // 1024 - used_kib}K free, 0K shrd, 0K buff, 0K cached",
        "CPU:   0% usr   0% sys   0% nic 100% idle   0% io   0% irq   0% sirq",
        f"Load average: 0.00 0.00 0.00 1/{len(process.table.processes())} {process.pid}",
        "  PID  PPID USER     STAT   VSZ %VSZ CPU %CPU COMMAND",
    ]
    for other in processes:
        size_kib = other.memory_bytes // 1024
        lines.append(
            f"{other.pid:5d} {other.parent_pid:5d} {accounts.user(other.credentials.uid)[:8]:<8} "
            f"{state_of(process, other):<4} {short_size(size_kib):>5} {size_kib * 102400 // NODE_BYTES:3d}%   0   0% "
            f"{arguments_of(other)}"
        )
    text = "".join(f"{line[:WIDTH]}\n" for line in (lines if is_batch else lines[:LINES]))
    return text if is_batch else HOME_AND_CLEAR + text
