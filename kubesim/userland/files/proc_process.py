"""What /proc/PID holds. Formats: proc_pid_*(5). Mirrors linux: fs/proc/array.c and fs/proc/base.c."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from kubesim.images.tree import symlink_node
from kubesim.userland.files.credentials import SECCOMP_FILTER, Credentials
from kubesim.userland.files.device_files import PTS_MAJOR
from kubesim.userland.files.devices import DeviceNode
from kubesim.userland.files.file_stat import device_number
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.files.mount_text import mount_lines, mountinfo
from kubesim.userland.files.nodes import MagicLink, Node, TreeView
from kubesim.userland.files.proc_facts import IdMap, Namespaces, ProcessFacts
from kubesim.userland.files.proc_files import VirtualDirectory, VirtualFile
from kubesim.userland.files.proc_machine import CPUS_COUNT, TICKS_PER_SECOND

DESCRIPTORS_MAX = 1024
_NS = 1_000_000_000
_PAGE_BYTES = 4096
_ADDRESS_SPACE_BYTES = 4 * 1024**2
"""VmSize of any process: nobody maps memory here."""

_LIMITS: Sequence[tuple[str, str, str]] = (
    ("Max cpu time", "t", "seconds"),
    ("Max file size", "f", "bytes"),
    ("Max data size", "d", "bytes"),
    ("Max stack size", "s", "bytes"),
    ("Max core file size", "c", "bytes"),
    ("Max resident set", "m", "bytes"),
    ("Max processes", "u", "processes"),
    ("Max open files", "n", "files"),
    ("Max locked memory", "l", "bytes"),
    ("Max address space", "v", "bytes"),
    ("Max file locks", "x", "locks"),
    ("Max pending signals", "i", "signals"),
    ("Max msgqueue size", "q", "bytes"),
    ("Max nice priority", "e", ""),
    ("Max realtime priority", "r", ""),
)
"""Names and units, with the letter of `ulimit`. Mirrors linux: fs/proc/base.c, lnames."""


def process_files(
    process: ProcessFacts, namespaces: Namespaces, *, asker: ProcessFacts
) -> Mapping[str, Callable[[], Node]]:
    """The names of /proc/PID, each with what makes its node. `asker` is who looks: it runs, all others sleep."""
    who = process.credentials
    is_running = process is asker

    def file(make: Callable[[], bytes], mode: int = 0o444) -> Callable[[], Node]:
        return lambda: VirtualFile(make, mode=mode, uid=who.uid, gid=who.gid)

    def rows() -> bytes:
        return mountinfo(process.files.filesystem.mount_rows())

    return {
        "attr": lambda: VirtualDirectory(lambda: ["current"], {"current": file(_no_label, 0o666)()}.get),
        "cgroup": file(lambda: b"0::/\n"),
        "cmdline": file(lambda: b"".join(_bytes(word) + b"\0" for word in process.argv)),
        "comm": file(lambda: _bytes(process.command) + b"\n"),
        "cwd": lambda: _link(process.files.cwd),
        "environ": file(
            lambda: b"".join(_bytes(f"{key}={value}") + b"\0" for key, value in process.env.items()), 0o400
        ),
        "exe": lambda: _link(process.executable_path or "/"),
        "fd": lambda: _descriptors_of(process),
        "gid_map": file(lambda: _id_map(namespaces.gids)),
        "limits": file(lambda: _limits(process)),
        "loginuid": file(lambda: b"4294967295"),
        "mountinfo": file(rows),
        "mounts": file(lambda: mount_lines(process.files.filesystem.mount_rows())),
        "net": process.network_files,
        "oom_score": file(lambda: b"%d\n" % _oom_score(namespaces.oom_score_adj)),
        "oom_score_adj": file(lambda: b"%d\n" % namespaces.oom_score_adj, 0o644),
        "root": lambda: _link("/"),
        "setgroups": file(lambda: b"allow\n"),
        "stat": file(lambda: _stat(process, is_running=is_running)),
        "statm": file(lambda: _statm(process)),
        "status": file(lambda: _status_of(process, is_running=is_running)),
        "uid_map": file(lambda: _id_map(namespaces.uids)),
    }


def _link(target: str) -> Node:
    return TreeView(symlink_node(target))


def _no_label() -> bytes:
    """No security module gives labels, and the kernel says so. Mirrors linux: security/security.c."""
    raise FsError("EINVAL")


def _oom_score(adjustment: int) -> int:
    """Mirrors linux: fs/proc/base.c, proc_oom_score, for a process that takes next to nothing."""
    return (1000 + adjustment) * 2 // 3


def _limits(process: ProcessFacts) -> bytes:
    rows = [("Limit", "Soft Limit", "Hard Limit", "Units")]
    for name, letter, unit in _LIMITS:
        soft, hard = process.resource_limit(letter)
        rows.append((name, _limit(soft), _limit(hard), unit))
    rows.append(("Max realtime timeout", "unlimited", "unlimited", "us"))
    return "".join(f"{a:<25} {b:<20} {c:<20} {d:<10}\n" for a, b, c, d in rows).encode()


def _limit(value: int | None) -> str:
    return "unlimited" if value is None else str(value)


def _id_map(lines: IdMap) -> bytes:
    """Mirrors linux: kernel/user_namespace.c, uid_m_show."""
    return b"".join(b"%10d %10d %10d\n" % line for line in lines)


def _descriptors_of(process: ProcessFacts) -> Node:
    """Links whose text says what is open, and which lead to the open file itself."""

    def child(name: str) -> Node | None:
        fd = int(name) if name.isdecimal() and len(name) < 5 else DESCRIPTORS_MAX
        file = process.descriptors().get(fd)
        if file is None:
            return None
        opened = DeviceNode(0, mode=0o700, open_device=lambda _: process.open_file_of(fd))
        return MagicLink(file.tell(), opened, uid=process.credentials.uid, gid=process.credentials.gid)

    return VirtualDirectory(
        lambda: [str(fd) for fd in process.descriptors()],
        child,
        mode=0o500,
        uid=process.credentials.uid,
        gid=process.credentials.gid,
    )


def _stat(process: ProcessFacts, *, is_running: bool) -> bytes:
    ticks = max(0, process.started_ns - (process.now_ns - process.uptime_ns)) * TICKS_PER_SECOND // _NS
    state = "T" if process.stopped_by else "R" if is_running else "S"
    family = [process.parent_pid, process.group_id, process.session_id]
    head = [process.pid, f"({process.command})", state, *family]
    terminal = process.terminal
    shown = (0, -1) if terminal is None else (device_number(PTS_MAJOR, terminal.number), terminal.group_id)
    # tty, its group, flags, faults, times, priority 20, nice 0, one thread, no timer, when it started.
    middle = [*shown, 4194560, 0, 0, 0, 0, 0, 0, 0, 0, 20, 0, 1, 0, ticks]
    memory = [_ADDRESS_SPACE_BYTES, process.memory_bytes // _PAGE_BYTES, 2**64 - 1]
    words = [*head, *middle, *memory, *[0] * 27]
    return _bytes(" ".join(str(word) for word in words) + "\n")


def _statm(process: ProcessFacts) -> bytes:
    resident = process.memory_bytes // _PAGE_BYTES
    return b"%d %d 0 0 0 %d 0\n" % (_ADDRESS_SPACE_BYTES // _PAGE_BYTES, resident, resident)


def _status_of(process: ProcessFacts, *, is_running: bool) -> bytes:
    who = process.credentials
    resident = f"{process.memory_bytes // 1024:8d} kB"
    lines = {
        "Name": process.command,
        "Umask": f"{process.files.umask:04o}",
        "State": "T (stopped)" if process.stopped_by else "R (running)" if is_running else "S (sleeping)",
        "Tgid": process.pid,
        "Ngid": 0,
        "Pid": process.pid,
        "PPid": process.parent_pid,
        "TracerPid": 0,
        "Uid": f"{who.real_uid}\t{who.uid}\t{who.uid}\t{who.uid}",
        "Gid": f"{who.real_gid}\t{who.gid}\t{who.gid}\t{who.gid}",
        "FDSize": 64,
        "Groups": "".join(f"{gid} " for gid in sorted(who.groups)),
        "NSpid": process.pid,
        "VmSize": f"{_ADDRESS_SPACE_BYTES // 1024:8d} kB",
        "VmHWM": resident,
        "VmRSS": resident,
        "Threads": 1,
        "SigQ": "0/15000",
        "SigPnd": f"{0:016x}",
        "ShdPnd": f"{0:016x}",
        "SigBlk": f"{0:016x}",
        "SigIgn": f"{process.ignored_signals:016x}",
        "SigCgt": f"{process.caught_signals:016x}",
        **_capabilities_of(who),
        "NoNewPrivs": int(who.no_new_privileges),
        "Seccomp": who.seccomp_mode,
        "Seccomp_filters": int(who.seccomp_mode == SECCOMP_FILTER),
        "Cpus_allowed": f"{(1 << CPUS_COUNT) - 1:x}",
        "Cpus_allowed_list": f"0-{CPUS_COUNT - 1}",
    }
    return _bytes("".join(f"{key}:\t{value}\n" for key, value in lines.items()))


def _capabilities_of(who: Credentials) -> dict[str, str]:
    """Mirrors linux: fs/proc/array.c, task_cap. What is ambient must be inheritable too."""
    ambient, held = who.ambient_capabilities, who.effective
    masks = {"CapInh": ambient, "CapPrm": held, "CapEff": held, "CapBnd": who.capabilities, "CapAmb": ambient}
    return {key: f"{value:016x}" for key, value in masks.items()}


def command_of(argv: Sequence[str]) -> str:
    """The name of a process: the last part of its first word, at most 15 bytes, as the kernel keeps it."""
    return argv[0].rpartition("/")[2][:15] if argv else ""


def _bytes(text: str) -> bytes:
    return text.encode(errors="surrogateescape")
