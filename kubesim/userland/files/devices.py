"""/dev: the few devices that programs expect, shared by all containers until one makes something of its own there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from kubesim.images.tree import directory_node, symlink_node
from kubesim.userland.files.file_stat import FileKind, Stat
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.files.nodes import Node, TreeView
from kubesim.userland.files.open_file import FullFile, NullFile, OpenFile, RandomFile, ZeroFile
from kubesim.userland.files.overlay import UpperNode, tmpfs_root


class Opener(Protocol):
    """The process that opens a device, as far as devices care."""

    def draw_bits(self, count: int) -> int:
        """A random number of `count` bits, from the process's seeded source."""

    def open_file_of(self, fd: int) -> OpenFile:
        """What one of its descriptors stands for. Raises FsError EBADF."""


class DeviceNode(Node):
    """A device; opening it gives an open file that is not a file's content."""

    __slots__ = ("_open", "kind", "mode")

    def __init__(self, open_device: Callable[[Opener | None], OpenFile], *, mode: int = 0o666) -> None:
        self.kind = FileKind.DEVICE
        self.mode = mode
        self._open = open_device

    def stat(self) -> Stat:
        """Owned by root."""
        return Stat(kind=self.kind, mode=self.mode, uid=0, gid=0, size_bytes=0, mtime_ns=0)

    def opened(self, opener: Opener | None) -> OpenFile:
        """The device, open. `opener` is None when the runtime itself asks."""
        return self._open(opener)

    def truncate(self, size_bytes: int, now_ns: int) -> None:
        """Devices have no length."""


def _random(opener: Opener | None) -> OpenFile:
    if opener is None:
        raise FsError("ENXIO")
    return RandomFile(opener.draw_bits)


def _no_terminal(_: Opener | None) -> OpenFile:
    raise FsError("ENXIO")


def _link(target: str) -> Node:
    return TreeView(symlink_node(target))


NULL_DEVICE = DeviceNode(lambda _: NullFile())

_DEVICES: Mapping[str, Node] = {
    "core": _link("/proc/kcore"),
    "fd": _link("/proc/self/fd"),
    "full": DeviceNode(lambda _: FullFile()),
    "mqueue": TreeView(directory_node(mode=0o1777)),
    "null": NULL_DEVICE,
    "ptmx": _link("pts/ptmx"),
    "pts": TreeView(directory_node()),
    "random": DeviceNode(_random),
    "stderr": _link("/proc/self/fd/2"),
    "stdin": _link("/proc/self/fd/0"),
    "stdout": _link("/proc/self/fd/1"),
    "tty": DeviceNode(_no_terminal),
    "urandom": DeviceNode(_random),
    "zero": DeviceNode(lambda _: ZeroFile()),
}
"""What every container has. Mirrors runc: libcontainer/specconv/spec_linux.go, AllowedDevices, and rootfs_linux.go,
setupDevSymlinks."""


class DevRoot(UpperNode):
    """The directory /dev: the shared devices, and what this container adds."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(FileKind.DIRECTORY, mode=0o755)

    def child(self, name: str) -> Node | None:
        """A node of this container, else a shared one."""
        own = self._children
        if own is not None and name in own:
            return own[name]
        if name == "shm":
            shm = tmpfs_root()
            self.put(name, shm, self.mtime_ns)
            return shm
        return _DEVICES.get(name)

    def names(self) -> list[str]:
        """Both kinds."""
        own = self._children or {}
        return sorted({name for name, node in own.items() if node} | ({*_DEVICES, "shm"} - own.keys()))

    def drop(self, name: str, now_ns: int) -> None:
        """Remove a name; a shared one is marked as gone."""
        self._children = self._children or {}
        self._children[name] = None
        self.mtime_ns = now_ns
