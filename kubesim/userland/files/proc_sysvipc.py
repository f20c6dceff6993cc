"""/proc/sysvipc: what System V keeps in an ipc namespace. Mirrors linux: ipc/shm.c, msg.c and sem.c.

No program here makes such an object, so a namespace of a pod has none; the node's own are read from the node.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from kubesim.userland.files.nodes import Node
from kubesim.userland.files.proc_files import VirtualDirectory, VirtualFile

HEADERS: Mapping[str, bytes] = {
    "msg": (
        b"       key      msqid perms      cbytes       qnum lspid lrpid   uid   gid  cuid  cgid      stime      rtime"
        b"      ctime\n"
    ),
    "sem": b"       key      semid perms      nsems   uid   gid  cuid  cgid      otime      ctime\n",
    "shm": (
        b"       key      shmid perms                  size  cpid  lpid nattch   uid   gid  cuid  cgid      atime"
        b"      dtime      ctime                   rss                  swap\n"
    ),
}


def sysvipc_directory(read_node: Callable[[str], bytes] | None) -> Node:
    """The directory; `read_node` gives a file of the node, b"" where it has none."""

    def child(name: str) -> Node | None:
        header = HEADERS.get(name)
        if header is None:
            return None
        return VirtualFile(lambda: (read_node(name) if read_node is not None else b"") or header)

    return VirtualDirectory(lambda: list(HEADERS), child)
