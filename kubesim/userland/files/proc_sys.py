"""/proc/sys: the sysctls of a container's namespaces and of the node, as files.

Nobody writes them: the runtimes mount /proc/sys read-only, and a value is set with the pod.
"""

from __future__ import annotations

from collections.abc import Mapping

from kubesim.policy.sysctls import DEFAULT_SYSCTLS
from kubesim.userland.files.nodes import Node
from kubesim.userland.files.proc_files import VirtualDirectory, VirtualFile


def sysctl_directory(own: Mapping[str, str], *, hostname: str) -> Node:
    """The directory; `own` are the values that differ from the defaults, by name with dots."""
    values = {**DEFAULT_SYSCTLS, "kernel.hostname": hostname, **own}
    return _directory({tuple(name.split(".")): value for name, value in values.items()})


def _directory(values: Mapping[tuple[str, ...], str]) -> Node:
    """One level: names that go on are directories. A part holds a `/` where the file's name has a dot."""

    def child(name: str) -> Node | None:
        part = name.replace(".", "/")
        below = {parts[1:]: value for parts, value in values.items() if parts[0] == part}
        if not below:
            return None
        return _file(below[()]) if () in below else _directory(below)

    return VirtualDirectory(lambda: sorted({parts[0].replace("/", ".") for parts in values}), child)


def _file(value: str) -> Node:
    return VirtualFile(lambda: f"{value}\n".encode(errors="surrogateescape"), mode=0o644)
