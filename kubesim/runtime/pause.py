"""The pause process: it holds a pod's namespaces and waits for a signal."""

from __future__ import annotations

from kubesim.images.programs import program_node
from kubesim.images.tree import FileTree, build_tree
from kubesim.userland.filesystem import FileSystem
from kubesim.userland.process import Credentials, Process, ProcessSpec, ProcessTable

_PAUSE_TREE: FileTree = build_tree([("/pause", program_node("pause"))])
_NOBODY = Credentials(uid=65535, gid=65535, groups=(65535,))


def start_pause(processes: ProcessTable, *, hostname: str) -> Process:
    """Start the pause process of a new sandbox: pid 1 of the pod's pid namespace."""
    spec = ProcessSpec(argv=("/pause",), credentials=_NOBODY, is_init=True, stdout=_discard, stderr=_discard)
    return processes.start(FileSystem(_PAUSE_TREE), spec, hostname=hostname)


def _discard(data: bytes) -> None:
    """What a pause process says goes nowhere."""
