"""Nodes of a bind mount: the node's own files, read and written through, nothing kept."""

# ruff: noqa: ARG002 - the host has its own clock, so `now_ns` is for the other nodes

from __future__ import annotations

from kubesim.userland.files.fifo import Fifo
from kubesim.userland.files.file_stat import FileKind, Stat
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.files.host_files import HostFiles, HostOpenFile
from kubesim.userland.files.node_mounts import SeenMounts
from kubesim.userland.files.nodes import Node


class HostNode(Node):
    """A file or directory of the host; `path` starts at the bind."""

    __slots__ = ("_seen", "_stat", "device", "files", "kind", "path")

    def __init__(self, files: HostFiles, path: str, stat: Stat | None = None, seen: SeenMounts | None = None) -> None:
        """`seen` are the mounts that this bind sees, of those that are not on the disk itself."""
        found = stat or files.stat(path)
        if found is None:
            raise FsError("ENOENT")
        self.files = files
        self.path = path
        self.kind = found.kind
        self.device = found.device
        self._stat: Stat | None = found
        self._seen = seen

    def stat(self) -> Stat:
        """What the host says now; the first answer is the one this node was made from."""
        found, self._stat = self._stat, None
        found = found or self.files.stat(self.path)
        if found is None:
            raise FsError("ENOENT")
        return found

    @property
    def source_path(self) -> str:
        """Where it lies on the node."""
        return f"{self.files.base}{self.path.rstrip('/')}" or "/"

    def forget(self) -> None:
        """Ask the host at the next `stat`: for a node that is kept before anybody looks at it."""
        self._stat = None

    def child(self, name: str) -> Node | None:
        """A child on the host."""
        if self.kind is not FileKind.DIRECTORY:
            raise FsError("ENOTDIR")
        below = self.below_path(name)
        if self._seen is not None and (mounted := self._seen.at(f"{self.files.base}{below}")) is not None:
            return mounted
        found = self.files.stat(below)
        return None if found is None else HostNode(self.files, below, found, self._seen)

    def names(self) -> list[str]:
        """Names on the host."""
        return self.files.list_dir(self.path)

    def make(self, name: str, kind: FileKind, *, mode: int, uid: int, gid: int, now_ns: int, target: str = "") -> Node:
        """Create on the host, with the emulated owner."""
        below = self.below_path(name)
        if kind is FileKind.DIRECTORY:
            self.files.make_directory(below, mode)
        elif kind is FileKind.SYMLINK:
            self.files.make_link(below, target)
        elif kind is FileKind.FIFO:
            self.files.make_fifo(below, mode)
        else:
            self.files.write(below, b"", mode)
        self.files.set_owner(below, uid, gid)
        if kind is not FileKind.SYMLINK:
            self.files.set_mode(below, mode)  # the umask of the server is not the container's
        return HostNode(self.files, below, None, self._seen)

    def link(self, name: str, node: Node, now_ns: int) -> None:
        """One more name within the same bind."""
        if not isinstance(node, HostNode) or node.files is not self.files:
            raise FsError("EXDEV")
        self.files.link(node.path, self.below_path(name))

    def drop(self, name: str, now_ns: int) -> None:
        """Remove on the host."""
        self.files.remove_one(self.below_path(name))

    def move(self, name: str, to: Node, to_name: str, now_ns: int) -> None:
        """Rename within the same bind."""
        if not isinstance(to, HostNode) or to.files is not self.files:
            raise FsError("EXDEV")
        self.files.rename(self.below_path(name), to.below_path(to_name))

    def target(self) -> str:
        """Where a link on the host points; whoever follows it does so inside the container."""
        return self.files.read_link(self.path)

    def read_at(self, offset: int, size: int) -> bytes:
        """Bytes on the host."""
        if self.kind is not FileKind.FILE:
            return super().read_at(offset, size)
        return self.files.read_at(self.path, offset, size)

    def write_at(self, offset: int, data: bytes, now_ns: int) -> None:
        """Write on the host."""
        self.files.write_at(self.path, offset, data)

    def append(self, data: bytes, now_ns: int) -> None:
        """Append on the host with one write, so that two writers do not overwrite each other."""
        self.files.append(self.path, data)

    def truncate(self, size_bytes: int, now_ns: int) -> None:
        """Cut or extend on the host."""
        self.files.truncate(self.path, size_bytes)

    def set_mode(self, mode: int, now_ns: int) -> None:
        """Change the permission bits on the host."""
        self.files.set_mode(self.path, mode)

    def set_owner(self, uid: int, gid: int, now_ns: int) -> None:
        """Change the owner on the host."""
        self.files.set_owner(self.path, uid, gid)

    def set_times(self, atime_ns: int, mtime_ns: int, now_ns: int) -> None:
        """Change the times on the host."""
        self.files.set_times(self.path, atime_ns, mtime_ns)

    def fifo(self) -> Fifo:
        """What the openers of this pipe share, in whatever container they are."""
        found = self.stat()
        return self.files.fifos.setdefault((found.device, found.inode), Fifo())

    def held_open(self, *, is_writable: bool, is_append: bool) -> Node:
        """The file itself, held open on the host."""
        if self.kind is not FileKind.FILE:
            return self
        return HeldHostNode(self.files.open(self.path, is_writable=is_writable, is_append=is_append))

    def below_path(self, name: str) -> str:
        return f"{self.path.rstrip('/')}/{name}"


class HeldHostNode(Node):
    """A file of the host that somebody has open."""

    __slots__ = ("_file", "kind")

    def __init__(self, file: HostOpenFile) -> None:
        self.kind = FileKind.FILE
        self._file = file

    def stat(self) -> Stat:
        """What it is now."""
        return self._file.stat()

    def read_at(self, offset: int, size: int) -> bytes:
        """Bytes on the host."""
        return self._file.read_at(offset, size)

    def write_at(self, offset: int, data: bytes, now_ns: int) -> None:
        """Write on the host."""
        self._file.write_at(offset, data)

    def append(self, data: bytes, now_ns: int) -> None:
        """Append on the host with one write, so that two writers do not overwrite each other."""
        self._file.write_at(0, data)

    def truncate(self, size_bytes: int, now_ns: int) -> None:
        """Cut or extend on the host."""
        self._file.truncate(size_bytes)

    def set_mode(self, mode: int, now_ns: int) -> None:
        """Change the permission bits on the host."""
        self._file.set_mode(mode)

    def let_go(self) -> None:
        """Close it on the host."""
        self._file.close()
