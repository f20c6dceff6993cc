"""Files and directories whose content is made when somebody looks: what /proc and /sys consist of."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from kubesim.userland.files.file_stat import FileKind, Stat
from kubesim.userland.files.nodes import Node


class VirtualFile(Node):
    """A file whose content is made when it is read."""

    __slots__ = ("_make", "gid", "kind", "mode", "uid")

    def __init__(self, make: Callable[[], bytes], *, mode: int = 0o444, uid: int = 0, gid: int = 0) -> None:
        self.kind = FileKind.FILE
        self.mode = mode
        self.uid = uid
        self.gid = gid
        self._make = make

    def stat(self) -> Stat:
        """Files of /proc have no length."""
        return Stat(kind=self.kind, mode=self.mode, uid=self.uid, gid=self.gid, size_bytes=0, mtime_ns=0)

    def read_at(self, offset: int, size: int) -> bytes:
        """A part of what is true now."""
        return self._make()[offset : offset + size]

    def read_all(self) -> bytes:
        """All of it: the length in stat is 0."""
        return self._make()


class VirtualDirectory(Node):
    """A directory whose children are made when they are looked up."""

    __slots__ = ("_make_child", "_make_names", "gid", "kind", "mode", "uid")

    def __init__(
        self,
        make_names: Callable[[], list[str]],
        make_child: Callable[[str], Node | None],
        *,
        mode: int = 0o555,
        uid: int = 0,
        gid: int = 0,
    ) -> None:
        self.kind = FileKind.DIRECTORY
        self.mode = mode
        self.uid = uid
        self.gid = gid
        self._make_names = make_names
        self._make_child = make_child

    def stat(self) -> Stat:
        """Directories of /proc have no length."""
        return Stat(kind=self.kind, mode=self.mode, uid=self.uid, gid=self.gid, size_bytes=0, mtime_ns=0)

    def child(self, name: str) -> Node | None:
        """Made on demand."""
        return self._make_child(name)

    def names(self) -> list[str]:
        """Made on demand."""
        return sorted(self._make_names())


def fixed_directory(children: Mapping[str, Node]) -> VirtualDirectory:
    """A directory that always holds the same."""
    return VirtualDirectory(lambda: list(children), children.get)
