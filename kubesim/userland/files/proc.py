"""/proc and /sys, as far as programs look at them: each process, its `self`, a few facts of the machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from kubesim.images.tree import symlink_node
from kubesim.userland.files.credentials import SECCOMP_FILTER, Credentials
from kubesim.userland.files.devices import DeviceNode
from kubesim.userland.files.looking import Looking
from kubesim.userland.files.mount_text import mount_lines, mountinfo
from kubesim.userland.files.mounts import Asker, Mount, Volume
from kubesim.userland.files.nodes import Node, TreeView
from kubesim.userland.files.open_file import OpenFile
from kubesim.userland.files.proc_files import VirtualDirectory, VirtualFile, fixed_directory
from kubesim.userland.files.proc_sys import sysctl_directory

DESCRIPTORS_MAX = 1024
SAFE_FLAGS = ("nosuid", "nodev", "noexec", "relatime")
_PROC_VOLUME = Volume(type="proc", source="proc")


class ProcessFacts(Protocol):
    """What /proc shows of a process."""

    pid: int
    argv: list[str]
    env: dict[str, str]
    credentials: Credentials
    hostname: str
    memory_bytes: int
    files: Looking

    @property
    def parent_pid(self) -> int:
        """In the process's own pid namespace; 0 for one whose parent is outside."""

    def descriptors(self) -> Mapping[int, OpenFile]:
        """Open files by descriptor."""

    def open_file_of(self, fd: int) -> OpenFile:
        """What a descriptor stands for."""

    def neighbours(self) -> Sequence[ProcessFacts]:
        """The processes of its pid namespace, this one among them, by pid."""


IdMap: TypeAlias = tuple[tuple[int, int, int], ...]
"""Lines of uid_map: the first id inside, the first id outside, how many follow each other."""

WHOLE_ID_MAP: IdMap = ((0, 0, 4294967295),)
"""What the node's own user namespace shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Namespaces:
    """What /proc shows of the namespaces of a container."""

    sysctls: Mapping[str, str] = field(default_factory=dict)
    """Those that differ from the defaults, by name with dots."""
    uids: IdMap = WHOLE_ID_MAP
    gids: IdMap = WHOLE_ID_MAP


class ProcMount(Mount):
    """The mount at /proc: `self` depends on who asks."""

    __slots__ = ("_namespaces",)

    def __init__(self, path: str, *, namespaces: Namespaces) -> None:
        super().__init__(path, _EMPTY, is_read_only=False, volume=_PROC_VOLUME, flags=SAFE_FLAGS)
        self._namespaces = namespaces

    def copy(self, path: str) -> Mount:
        """One more /proc."""
        return ProcMount(path, namespaces=self._namespaces)

    def root_for(self, asker: Asker) -> Node:
        """The directory as this process sees it."""
        process: ProcessFacts | None = asker.process  # type: ignore[assignment]  # only processes are put there
        return self.root if process is None else _root_of(process, self._namespaces)


def _root_of(process: ProcessFacts, namespaces: Namespaces) -> Node:
    def names() -> list[str]:
        return [*(str(other.pid) for other in process.neighbours()), "mounts", "self", "sys", *_MACHINE]

    def child(name: str) -> Node | None:
        if name == "mounts":
            return _SELF_MOUNTS
        if name == "self":
            return TreeView(symlink_node(str(process.pid)))
        if name == "sys":
            return sysctl_directory(namespaces.sysctls, hostname=process.hostname)
        if name in _MACHINE:
            return _MACHINE[name]
        for other in process.neighbours() if name.isdecimal() else ():
            if str(other.pid) == name:
                return _directory_of(other, namespaces)
        return None

    return VirtualDirectory(names, child)


_MACHINE: Mapping[str, Node] = {
    "version": VirtualFile(lambda: b"Linux version 6.12.0-kubesim (kubesim) #1 SMP\n"),
    "filesystems": VirtualFile(lambda: b"nodev\tproc\nnodev\ttmpfs\nnodev\toverlay\n"),
}


_SELF_MOUNTS = TreeView(symlink_node("self/mounts"))


def _directory_of(process: ProcessFacts, namespaces: Namespaces) -> Node:
    return fixed_directory(
        {
            "cmdline": VirtualFile(lambda: b"".join(_bytes(word) + b"\0" for word in process.argv)),
            "comm": VirtualFile(lambda: _bytes(command_of(process.argv)) + b"\n"),
            "environ": VirtualFile(
                lambda: b"".join(_bytes(f"{key}={value}") + b"\0" for key, value in process.env.items()), mode=0o400
            ),
            "fd": _descriptors_of(process),
            "mountinfo": VirtualFile(lambda: mountinfo(process.files.filesystem.mount_rows())),
            "mounts": VirtualFile(lambda: mount_lines(process.files.filesystem.mount_rows())),
            "gid_map": VirtualFile(lambda: _id_map(namespaces.gids)),
            "status": VirtualFile(lambda: _status_of(process)),
            "uid_map": VirtualFile(lambda: _id_map(namespaces.uids)),
        }
    )


def _id_map(lines: IdMap) -> bytes:
    """Mirrors linux: kernel/user_namespace.c, uid_m_show."""
    return b"".join(b"%10d %10d %10d\n" % line for line in lines)


def _descriptors_of(process: ProcessFacts) -> Node:
    def child(name: str) -> Node | None:
        fd = int(name) if name.isdecimal() and len(name) < 5 else DESCRIPTORS_MAX
        if fd not in process.descriptors():
            return None
        return DeviceNode(0, mode=0o700, open_device=lambda _: process.open_file_of(fd))

    return VirtualDirectory(lambda: [str(fd) for fd in process.descriptors()], child)


def _status_of(process: ProcessFacts) -> bytes:
    who = process.credentials
    lines = {
        "Name": command_of(process.argv),
        "State": "S (sleeping)",
        "Tgid": process.pid,
        "Pid": process.pid,
        "PPid": process.parent_pid,
        "Uid": f"{who.real_uid}\t{who.uid}\t{who.uid}\t{who.uid}",
        "Gid": f"{who.real_gid}\t{who.gid}\t{who.gid}\t{who.gid}",
        "Groups": "".join(f"{gid} " for gid in sorted(who.groups)),
        "VmRSS": f"{process.memory_bytes // 1024:8d} kB",
        "Threads": 1,
        **_capabilities_of(who),
        "NoNewPrivs": int(who.no_new_privileges),
        "Seccomp": who.seccomp_mode,
        "Seccomp_filters": int(who.seccomp_mode == SECCOMP_FILTER),
    }
    return "".join(f"{key}:\t{value}\n" for key, value in lines.items()).encode(errors="surrogateescape")


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


_EMPTY = fixed_directory({})
SYS_ROOT: Node = fixed_directory({"fs": fixed_directory({"cgroup": _EMPTY}), "kernel": _EMPTY})
"""/sys: the directories that programs look for, with nothing in them. One for all, for nobody can change it."""
