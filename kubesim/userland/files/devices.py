"""/dev: the few devices that programs expect, shared by all containers until one makes something of its own there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import count

from kubesim.images.tree import TreeNode, directory_node, symlink_node
from kubesim.userland.files import device_files
from kubesim.userland.files.device_files import PTS_MAJOR, TTY_GID, OpenableTerminal, Opener, open_device
from kubesim.userland.files.file_stat import FileKind, Stat, device_number
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.files.nodes import Node, TreeView
from kubesim.userland.files.open_file import OpenFile
from kubesim.userland.files.overlay import LowerNode, UpperNode


class DeviceNode(Node):
    """A device; opening it gives an open file that is not a file's content."""

    __slots__ = ("_number", "_open", "gid", "kind", "mode")

    def __init__(
        self,
        number: int,
        *,
        mode: int = 0o666,
        gid: int = 0,
        open_device: Callable[[Opener | None], OpenFile] | None = None,
    ) -> None:
        self.kind = FileKind.DEVICE
        self.mode = mode
        self.gid = gid
        self._number = number
        self._open = open_device

    def stat(self) -> Stat:
        """Owned by root."""
        return Stat(
            kind=self.kind, mode=self.mode, uid=0, gid=self.gid, size_bytes=0, mtime_ns=0, device_number=self._number
        )

    def opened(self, opener: Opener | None) -> OpenFile:
        """The device, open. `opener` is None when the runtime itself asks."""
        return open_device(self._number, opener) if self._open is None else self._open(opener)

    def truncate(self, size_bytes: int, now_ns: int) -> None:
        """Devices have no length."""


def _link(target: str) -> Node:
    return TreeView(symlink_node(target))


NULL_DEVICE = DeviceNode(device_files.NULL)

_DEVICES: Mapping[str, Node] = {
    "core": _link("/proc/kcore"),
    "fd": _link("/proc/self/fd"),
    "full": DeviceNode(device_files.FULL),
    "null": NULL_DEVICE,
    "ptmx": _link("pts/ptmx"),
    "pts": TreeView(directory_node()),
    "random": DeviceNode(device_files.RANDOM),
    "stderr": _link("/proc/self/fd/2"),
    "stdin": _link("/proc/self/fd/0"),
    "stdout": _link("/proc/self/fd/1"),
    "tty": DeviceNode(device_files.TTY),
    "urandom": DeviceNode(device_files.URANDOM),
    "zero": DeviceNode(device_files.ZERO),
}
"""What every container has. Mirrors runc: libcontainer/specconv/spec_linux.go, AllowedDevices, and rootfs_linux.go,
setupDevSymlinks."""


_OWN: Mapping[str, TreeNode] = {name: directory_node(mode=0o1777) for name in ("mqueue", "shm")}
"""Directories that each container has for itself, made when somebody changes them."""


class PtsRoot(UpperNode):
    """The directory /dev/pts: the terminals of a container by their numbers."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(FileKind.DIRECTORY, mode=0o755)
        self._children = {"ptmx": DeviceNode(device_files.PTMX)}

    def add(self, terminal: OpenableTerminal) -> DeviceNode:
        """Give a terminal the first number that is free."""
        children = self._children or {}
        terminal.number = next(number for number in count() if str(number) not in children)
        number = device_number(PTS_MAJOR, terminal.number)
        node = DeviceNode(number, mode=0o620, gid=TTY_GID, open_device=lambda _: terminal.open())
        children[str(terminal.number)] = node
        return node

    def take(self, terminal: OpenableTerminal) -> None:
        """A terminal is gone; its number is free again."""
        if self._children is not None:
            self._children.pop(str(terminal.number), None)

    def put(self, name: str, node: Node, now_ns: int) -> None:  # noqa: ARG002 - nobody can put anything there
        """Nobody makes files there. Mirrors linux: fs/devpts/inode.c."""
        raise FsError("EPERM")


class DevRoot(UpperNode):
    """The directory /dev: the shared devices, and what this container adds."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(FileKind.DIRECTORY, mode=0o755)

    def add_terminal(self, terminal: OpenableTerminal, *, is_console: bool) -> None:
        """Show a terminal as /dev/pts/N; one that is the container's own as /dev/console too."""
        pts = None if self._children is None else self._children.get("pts")
        if not isinstance(pts, PtsRoot):
            pts = PtsRoot()
            self.put("pts", pts, self.mtime_ns)
        node = pts.add(terminal)
        if is_console:
            self.put("console", node, self.mtime_ns)

    def take_terminal(self, terminal: OpenableTerminal) -> None:
        """A terminal is gone."""
        pts = None if self._children is None else self._children.get("pts")
        if isinstance(pts, PtsRoot):
            pts.take(terminal)

    def child(self, name: str) -> Node | None:
        """A node of this container, else a shared one."""
        if self._children is not None and name in self._children:
            return super().child(name)
        empty = _OWN.get(name)
        return _DEVICES.get(name) if empty is None else LowerNode(empty, self, name)

    def copied_up(self, name: str, tree: TreeNode) -> Node:
        """One of the empty directories becomes a directory of this file system; nothing lies below it."""
        node = super().copied_up(name, tree)
        if isinstance(node, UpperNode) and node.lower is _OWN.get(name):
            node.lower = None
        return node

    def names(self) -> list[str]:
        """Both kinds."""
        own = self._children or {}
        return sorted({name for name, node in own.items() if node} | ({*_DEVICES, *_OWN} - own.keys()))

    def drop(self, name: str, now_ns: int) -> None:
        """Remove a name; a shared one is marked as gone."""
        if self._children is None or name not in self._children:
            self.put(name, NULL_DEVICE, now_ns)
        super().drop(name, now_ns)
        if self._children is not None and (name in _DEVICES or name in _OWN):
            self._children[name] = None
