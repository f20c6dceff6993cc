"""ipcs: the System V objects of the ipc namespace. Mirrors busybox: util-linux/ipcs.c.

The real one asks shmctl(2) and its relatives; what they tell is what /proc/sysvipc shows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from kubesim.userland.files.passwd import user_of_uid
from kubesim.userland.files.proc_sysvipc import HEADERS
from kubesim.userland.options import parse_options
from kubesim.userland.processes.process_life import Process

Row = Mapping[str, str]


def _owner(process: Process, row: Row) -> str:
    entry = user_of_uid(process.files, int(row["uid"]))
    return row["uid"] if entry is None else entry.name[:10]


def _key(row: Row) -> str:
    return f"0x{int(row['key']) & 0xFFFFFFFF:08x}"


def _mode(row: Row) -> str:
    """The kernel shows it in octal; above the permissions it says what becomes of a segment."""
    return f"{int(row['perms'], 8) & 0o777:o}"


def _segment(process: Process, row: Row) -> str:
    status = "dest" if int(row["perms"], 8) & 0o1000 else " "
    locked = "locked" if int(row["perms"], 8) & 0o2000 else " "
    fields = f"{row['shmid']:<10} {_owner(process, row):<10} {_mode(row):<10} {row['size']:<10} {row['nattch']:<10}"
    return f"{_key(row)} {fields} {status:<6} {locked:<6}"


def _array(process: Process, row: Row) -> str:
    return f"{_key(row)} {row['semid']:<10} {_owner(process, row):<10} {_mode(row):<10} {row['nsems']:<10}"


def _queue(process: Process, row: Row) -> str:
    fields = f"{row['msqid']:<10} {_owner(process, row):<10} {_mode(row):<10}"
    return f"{_key(row)} {fields} {row['cbytes']:<12} {row['qnum']:<12}"


_TABLES: Mapping[str, tuple[str, str, tuple[tuple[str, int], ...], Callable[[Process, Row], str]]] = {
    "m": (
        "shm",
        "Shared Memory Segments",
        (("key", 10), ("shmid", 10), ("owner", 10), ("perms", 10), ("bytes", 10), ("nattch", 10), ("status", 12)),
        _segment,
    ),
    "s": (
        "sem",
        "Semaphore Arrays",
        (("key", 10), ("semid", 10), ("owner", 10), ("perms", 10), ("nsems", 10)),
        _array,
    ),
    "q": (
        "msg",
        "Message Queues",
        (("key", 10), ("msqid", 10), ("owner", 10), ("perms", 10), ("used-bytes", 12), ("messages", 12)),
        _queue,
    ),
}


async def run(process: Process) -> int:
    """Shared memory, semaphores and queues; those that are asked for, or all."""
    options = parse_options(process.argv, "amqs")
    await process.say("\n")
    for letter, (name, title, columns, show) in _TABLES.items():
        if options.flags & {"m", "q", "s"} and letter not in options:
            continue
        await process.say(f"------ {title} --------\n")
        await process.say(" ".join(f"{column:<{width}}" for column, width in columns) + "\n")
        for row in _rows(process, name):
            await process.say(show(process, row) + "\n")
        await process.say("\n")
    return 0


def _rows(process: Process, name: str) -> list[Row]:
    lines = process.files.read(f"/proc/sysvipc/{name}").decode().splitlines()
    columns = HEADERS[name].decode().split()
    return [dict(zip(columns, line.split(), strict=False)) for line in lines[1:]]
