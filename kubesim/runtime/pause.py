"""The pause process: it holds a pod's namespaces and waits for a signal.

Mirrors CRI-O: internal/lib/sandbox/infra.go and namespaces.go, PidNsPath.
"""

from __future__ import annotations

from kubesim.cri import api
from kubesim.images.programs import program_node
from kubesim.images.tree import FileTree
from kubesim.images.tree_builder import build_tree
from kubesim.runtime.daemon import Daemon
from kubesim.runtime.objects import Sandbox
from kubesim.userland.files.filesystem import FileSystem
from kubesim.userland.processes.process import Credentials, Process, ProcessSpec

_PAUSE_TREE: FileTree = build_tree([("/pause", program_node("pause"))])
_NOBODY = Credentials(uid=65535, gid=65535, groups=(65535,))


def start_pause(daemon: Daemon, *, hostname: str, uses_node_network: bool) -> Process:
    """Start the pause process of a new sandbox: pid 1 of the pod's pid namespace.

    It has the uts namespace of the pod, which is the node's when the network is. Its files are those of all pause
    processes of the node: nobody else enters them, and it does not write.
    """
    if daemon.pause_files is None:
        daemon.pause_files = FileSystem(_PAUSE_TREE)
    spec = ProcessSpec(argv=("/pause",), credentials=_NOBODY, is_init=True, stdout=_discard, stderr=_discard)
    uts = daemon.processes.uts if uses_node_network else None
    return daemon.processes.start(daemon.pause_files, spec, hostname=hostname, uts=uts)


def has_pause_process(daemon: Daemon, sandbox: Sandbox) -> bool:
    """Whether clients see such a process while the pod is ready. CRI-O drops it unless the pod shares its pids."""
    return daemon.profile.sandboxes.keeps_pause_process or sandbox.namespace_options.pid == api.POD


def _discard(data: bytes) -> None:
    """What a pause process says goes nowhere."""
