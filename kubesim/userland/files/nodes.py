"""Nodes: what a path can lead to, behind one set of operations.

Rule 1: a node knows its own content and children, and nothing of mounts, permissions or links on the way.
Rule 2: only a node got from `writable()` is changed. That is where a file of an image is copied up.
Rule 3: the time of a change is an argument.
"""

# ruff: noqa: ARG002 - a refusal does not look at its arguments

from __future__ import annotations

from typing import TYPE_CHECKING

from kubesim.errors import InputError
from kubesim.images.tree import DEVICE_KINDS, NodeKind, StoredContent, TreeNode
from kubesim.userland.files.file_stat import FileKind, Stat, device_number
from kubesim.userland.files.fs_error import FsError

if TYPE_CHECKING:
    from kubesim.userland.files.device_files import Opener
    from kubesim.userland.files.open_file import OpenFile

KIND_OF_TREE = {
    NodeKind.FILE: FileKind.FILE,
    NodeKind.DIRECTORY: FileKind.DIRECTORY,
    NodeKind.SYMLINK: FileKind.SYMLINK,
    NodeKind.FIFO: FileKind.FIFO,
    NodeKind.CHARACTER_DEVICE: FileKind.DEVICE,
    NodeKind.BLOCK_DEVICE: FileKind.BLOCK_DEVICE,
}

DIRECTORY_SIZE_BYTES = 4096


class Node:
    """A file, directory, link or device. What a kind cannot do fails as the kernel words it."""

    __slots__ = ()
    kind: FileKind

    def stat(self) -> Stat:
        """What stat(2) says: a new value each time, which the file system completes."""
        raise NotImplementedError

    def rights(self) -> tuple[int, int, int]:
        """Owner, group and mode: all of stat(2) that a walk through a directory asks for."""
        stat = self.stat()
        return stat.uid, stat.gid, stat.mode

    # -- directories --------------------------------------------------------------------------------------

    def child(self, name: str) -> Node | None:
        """The node under `name`, None when there is none."""
        raise FsError("ENOTDIR")

    def names(self) -> list[str]:
        """Names below, sorted."""
        raise FsError("ENOTDIR")

    def make(self, name: str, kind: FileKind, *, mode: int, uid: int, gid: int, now_ns: int, target: str = "") -> Node:
        """Create a file, directory or link below; the name is free."""
        raise FsError("EROFS")

    def drop(self, name: str, now_ns: int) -> None:
        """Remove a file, link or empty directory below."""
        raise FsError("EROFS")

    def move(self, name: str, to: Node, to_name: str, now_ns: int) -> None:
        """Move a child to the directory `to` of the same mount, replacing what is there."""
        raise FsError("EROFS")

    def link(self, name: str, node: Node, now_ns: int) -> None:
        """Give a file of the same mount one more name, which is free."""
        raise FsError("EROFS")

    # -- links and files ----------------------------------------------------------------------------------

    def target(self) -> str:
        """Where a symbolic link points."""
        raise FsError("EINVAL")

    def read_at(self, offset: int, size: int) -> bytes:
        """At most `size` bytes from `offset` on; b"" at the end."""
        raise FsError("EISDIR" if self.kind is FileKind.DIRECTORY else "EINVAL")

    def read_all(self) -> bytes:
        """The whole content."""
        return self.read_at(0, self.stat().size_bytes)

    def write_at(self, offset: int, data: bytes, now_ns: int) -> None:
        """Write; what lies between the end and `offset` becomes zero."""
        raise FsError("EROFS")

    def append(self, data: bytes, now_ns: int) -> None:
        """Write at the end."""
        self.write_at(self.stat().size_bytes, data, now_ns)

    def truncate(self, size_bytes: int, now_ns: int) -> None:
        """Cut or extend."""
        raise FsError("EROFS")

    def opened(self, opener: Opener | None) -> OpenFile:
        """An open device; `opener` is None when the runtime itself asks."""
        raise FsError("ENXIO")

    # -- attributes ---------------------------------------------------------------------------------------

    def set_mode(self, mode: int, now_ns: int) -> None:
        """Change the permission bits."""
        raise FsError("EROFS")

    def set_owner(self, uid: int, gid: int, now_ns: int) -> None:
        """Change the owner."""
        raise FsError("EROFS")

    def set_times(self, atime_ns: int, mtime_ns: int, now_ns: int) -> None:
        """Change the times of the last access and the last change."""
        raise FsError("EROFS")

    def writable(self) -> Node:
        """This node, or the copy in the writable layer that takes its place."""
        return self

    # -- while it is open ---------------------------------------------------------------------------------

    def held_open(self, *, is_writable: bool, is_append: bool) -> Node:
        """What an open file reads and writes: the same file whatever becomes of its name."""
        return self

    def let_go(self) -> None:
        """The open file is closed."""


class MagicLink(Node):
    """A link of /proc whose text says what it stands for, and which leads there without a path."""

    __slots__ = ("_gid", "_text", "_uid", "kind", "leads_to")

    def __init__(self, text: str, leads_to: Node, *, uid: int, gid: int) -> None:
        self.kind = FileKind.SYMLINK
        self.leads_to = leads_to
        self._text = text
        self._uid = uid
        self._gid = gid

    def stat(self) -> Stat:
        """What stat(2) says of the link itself."""
        return Stat(kind=self.kind, mode=0o700, uid=self._uid, gid=self._gid, size_bytes=64, mtime_ns=0)

    def target(self) -> str:
        """What it stands for, as the kernel names it."""
        return self._text


class TreeView(Node):
    """A node of an image's tree, which nobody changes."""

    __slots__ = ("kind", "tree")

    def __init__(self, tree: TreeNode) -> None:
        self.tree = tree
        self.kind = KIND_OF_TREE[tree.kind]

    def stat(self) -> Stat:
        """What the image says."""
        return stat_of_tree(self.tree)

    def rights(self) -> tuple[int, int, int]:
        """As the image says."""
        tree = self.tree
        return tree.uid, tree.gid, tree.mode

    def child(self, name: str) -> Node | None:
        """A view of a child."""
        if self.kind is not FileKind.DIRECTORY:
            raise FsError("ENOTDIR")
        below = self.tree.children.get(name)
        return None if below is None else TreeView(below)

    def names(self) -> list[str]:
        """Names of the image."""
        if self.kind is not FileKind.DIRECTORY:
            raise FsError("ENOTDIR")
        return sorted(self.tree.children)

    def target(self) -> str:
        """Where the link points."""
        return self.tree.target

    def opened(self, opener: Opener | None) -> OpenFile:
        """An open device of the image."""
        if self.tree.kind not in DEVICE_KINDS:
            return super().opened(opener)
        from kubesim.userland.files.device_files import open_device  # files are nodes too: imported when one is opened

        return open_device(device_number(*self.tree.device), opener)

    def read_at(self, offset: int, size: int) -> bytes:
        """Bytes of the image."""
        if self.kind is not FileKind.FILE:
            return super().read_at(offset, size)
        return read_stored(self.tree, offset, size)


def read_stored(content: StoredContent | TreeNode, offset: int, size: int) -> bytes:
    """Bytes of an image that may lie in a file of the machine. That file may be gone by now: then it is a broken disk.

    Raises FsError.
    """
    try:
        return content.read_at(offset, size)
    except InputError as error:
        raise FsError("EIO") from error


def stat_of_tree(tree: TreeNode) -> Stat:
    """stat(2) of a node of an image."""
    return Stat(
        kind=KIND_OF_TREE[tree.kind],
        mode=tree.mode,
        uid=tree.uid,
        gid=tree.gid,
        size_bytes=DIRECTORY_SIZE_BYTES if tree.is_directory else tree.size_bytes,
        mtime_ns=tree.mtime_ns,
        atime_ns=tree.mtime_ns,
        ctime_ns=tree.mtime_ns,
        program=tree.program,
        device_number=device_number(*tree.device) if tree.kind in DEVICE_KINDS else 0,
    )
