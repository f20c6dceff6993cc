"""/proc and /sys, as far as programs look at them: each process, its `self`, a few facts of the machine."""

from __future__ import annotations

from kubesim.images.tree import symlink_node
from kubesim.userland.files.mounts import Asker, Mount, Volume
from kubesim.userland.files.nodes import Node, TreeView
from kubesim.userland.files.proc_facts import WHOLE_ID_MAP, IdMap, Namespaces, ProcessFacts
from kubesim.userland.files.proc_files import VirtualDirectory, fixed_directory
from kubesim.userland.files.proc_machine import MACHINE_FILES, machine_file
from kubesim.userland.files.proc_process import DESCRIPTORS_MAX, command_of, process_files
from kubesim.userland.files.proc_sys import sysctl_directory
from kubesim.userland.files.proc_sysvipc import sysvipc_directory

__all__ = [
    "DESCRIPTORS_MAX",
    "SAFE_FLAGS",
    "SYS_ROOT",
    "WHOLE_ID_MAP",
    "IdMap",
    "Namespaces",
    "ProcMount",
    "ProcessFacts",
    "command_of",
]

SAFE_FLAGS = ("nosuid", "nodev", "noexec", "relatime")
_PROC_VOLUME = Volume(type="proc", source="proc")


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
        return [*(str(other.pid) for other in process.neighbours()), *_LINKS, "self", "sys", "sysvipc", *MACHINE_FILES]

    def child(name: str) -> Node | None:
        if name in _LINKS:
            return TreeView(symlink_node(_LINKS[name]))
        if name == "self":
            return TreeView(symlink_node(str(process.pid)))
        if name == "sys":
            return sysctl_directory(namespaces.sysctls, hostname=process.hostname)
        if name == "sysvipc":
            return sysvipc_directory(namespaces.read_node_ipc)
        if not name.isdecimal():
            return machine_file(name, process)
        for other in process.neighbours():
            if str(other.pid) == name:
                return _directory_of(other, namespaces, asker=process)
        return None

    return VirtualDirectory(names, child)


_LINKS = {"mounts": "self/mounts", "net": "self/net"}


def _directory_of(process: ProcessFacts, namespaces: Namespaces, *, asker: ProcessFacts) -> Node:
    files = process_files(process, namespaces, asker=asker)

    def child(name: str) -> Node | None:
        make = files.get(name)
        return None if make is None else make()

    who = process.credentials
    return VirtualDirectory(lambda: list(files), child, uid=who.uid, gid=who.gid)


_EMPTY = fixed_directory({})
SYS_ROOT: Node = fixed_directory({"fs": fixed_directory({"cgroup": _EMPTY}), "kernel": _EMPTY})
"""/sys: the directories that programs look for, with nothing in them. One for all, for nobody can change it."""
