"""The writable layer: an image's tree below, changes in memory above. Without an image it is a tmpfs.

A file of the image is copied up when it is first opened for writing, so a reader that opened it before keeps seeing the
image's bytes. Mirrors linux: fs/overlayfs/copy_up.c and Documentation/filesystems/overlayfs.rst.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from sys import intern
from types import MappingProxyType

from kubesim.images.tree import DEVICE_KINDS, StoredContent, TreeNode
from kubesim.model.frozen_records import replace
from kubesim.userland.files.device_files import Opener, open_device
from kubesim.userland.files.fifo import Fifo
from kubesim.userland.files.file_stat import FileKind, Stat, device_number, major_minor
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.files.layer_usage import BLOCK_BYTES, FILE_BYTES_MAX, LayerUsage
from kubesim.userland.files.nodes import DIRECTORY_SIZE_BYTES, KIND_OF_TREE, Node, TreeView, read_stored
from kubesim.userland.files.open_file import OpenFile

_TREE_KINDS = {kind: tree_kind for tree_kind, kind in KIND_OF_TREE.items()}
_NOTHING_CHANGED: Mapping[str, Node | None] = MappingProxyType({})


class LowerNode(TreeView):
    """A node of the image that has not been changed. It knows its place, so that a change can copy it up."""

    __slots__ = ("above", "name")

    def __init__(self, tree: TreeNode, above: Node, name: str) -> None:
        super().__init__(tree)
        self.above = above
        self.name = name

    def child(self, name: str) -> Node | None:
        """An unchanged child: had it been changed, this directory would have been copied up."""
        if self.kind is not FileKind.DIRECTORY:
            raise FsError("ENOTDIR")
        below = self.tree.children.get(name)
        return None if below is None else LowerNode(below, self, name)

    def writable(self) -> Node:
        """The copy in the upper layer; made now unless somebody else made it."""
        above = self.above.writable()
        assert isinstance(above, UpperNode), "above a lower node is another lower one, or an upper one"
        return above.copied_up(self.name, self.tree)


class MountPoint(Node):
    """A directory or an empty file that a runtime made to mount something on, as long as nobody looks below the mount.

    Every container has several, all alike: they are one value until one of them is seen.
    """

    __slots__ = ("kind", "made_ns", "mode")

    def __init__(self, kind: FileKind, *, mode: int, made_ns: int) -> None:
        self.kind = kind
        self.mode = mode
        self.made_ns = made_ns

    def seen(self) -> UpperNode:
        """The node that it stands for."""
        node = UpperNode(self.kind, mode=self.mode, mtime_ns=self.made_ns)
        node.links_count = 1
        return node


@lru_cache(maxsize=16)
def mount_point(kind: FileKind, mode: int, made_ns: int) -> MountPoint:
    """What stands for a mount point that was made at some time."""
    return MountPoint(kind, mode=mode, made_ns=made_ns)


class UpperNode(Node):
    """A node of the upper layer. A directory shows the names of the image below it as well."""

    __slots__ = (
        "_children",
        "_content",
        "_target",
        "atime_ns",
        "ctime_ns",
        "gid",
        "inode",
        "kind",
        "links_count",
        "lower",
        "mode",
        "mtime_ns",
        "program",
        "uid",
    )

    def __init__(self, kind: FileKind, *, mode: int, uid: int = 0, gid: int = 0, mtime_ns: int = 0) -> None:
        self.kind = kind
        self.mode = mode
        self.uid = uid
        self.gid = gid
        self.atime_ns = self.mtime_ns = self.ctime_ns = mtime_ns
        self.inode = 0
        """Its number, once somebody has asked for it."""
        self.links_count = 0
        """Names that it has; an open file without one lives on."""
        self.program = ""
        self.lower: TreeNode | None = None
        self._target = ""
        self._content: bytes | bytearray | StoredContent = b""
        # None marks a name of the image that was removed. Most directories never get a child of their own.
        self._children: dict[str, Node | None] | None = None

    @classmethod
    def of_tree(cls, tree: TreeNode) -> UpperNode:
        """A copy of a node of an image; a directory goes on showing what is in it."""
        kind = KIND_OF_TREE[tree.kind]
        if tree.kind in DEVICE_KINDS:
            number = device_number(*tree.device)
            return UpperDevice(
                kind, mode=tree.mode, uid=tree.uid, gid=tree.gid, mtime_ns=tree.mtime_ns, device_number=number
            )
        made = UpperFifo if kind is FileKind.FIFO else cls
        node = made(kind, mode=tree.mode, uid=tree.uid, gid=tree.gid, mtime_ns=tree.mtime_ns)
        node.program = tree.program
        node._target = tree.target  # noqa: SLF001 - the same class
        node._content = tree.data  # noqa: SLF001 - the same class
        node.lower = tree if tree.is_directory else None
        return node

    def alone(self) -> TreeNode:
        """This node as a value, without what lies in it."""
        return TreeNode(
            kind=_TREE_KINDS[self.kind],
            mode=self.mode,
            uid=self.uid,
            gid=self.gid,
            data=bytes(self._content) if isinstance(self._content, bytearray) else self._content,
            target=self._target,
            program=self.program,
            mtime_ns=self.mtime_ns,
        )

    def changed(self) -> Mapping[str, Node | None]:
        """What this layer has under this directory by name: a node, or None for a name of the image that is gone."""
        children = self._children
        if children is None:
            return _NOTHING_CHANGED
        for name, node in children.items():
            if isinstance(node, MountPoint):
                children[name] = node.seen()
        return children

    def stat(self) -> Stat:
        """What stat(2) says."""
        if self.kind is FileKind.DIRECTORY:
            size_bytes = DIRECTORY_SIZE_BYTES
        else:
            size_bytes = len(self._target) if self.kind is FileKind.SYMLINK else self._content_bytes()
        return Stat(
            kind=self.kind,
            mode=self.mode,
            uid=self.uid,
            gid=self.gid,
            size_bytes=size_bytes,
            mtime_ns=self.mtime_ns,
            atime_ns=self.atime_ns,
            ctime_ns=self.ctime_ns,
            inode=self.inode,
            links_count=self.links_count,
            program=self.program,
        )

    def rights(self) -> tuple[int, int, int]:
        """As they are now."""
        return self.uid, self.gid, self.mode

    def child(self, name: str) -> Node | None:
        """A changed child, or the image's."""
        if self._children is not None and name in self._children:
            own = self._children[name]
            if isinstance(own, MountPoint):
                own = self._children[name] = own.seen()
            return own
        if self.lower is not None and (below := self.lower.children.get(name)) is not None:
            return LowerNode(below, self, name)
        if self.kind is not FileKind.DIRECTORY:
            raise FsError("ENOTDIR")
        return None

    def names(self) -> list[str]:
        """Names of both layers."""
        if self.kind is not FileKind.DIRECTORY:
            raise FsError("ENOTDIR")
        own = self._children or {}
        below = self.lower.children if self.lower is not None else {}
        return sorted({name for name, node in own.items() if node is not None} | (below.keys() - own.keys()))

    def make_mount_point(self, name: str, kind: FileKind, *, mode: int, now_ns: int) -> None:
        """Create a directory or an empty file of root's that a mount will cover."""
        self.put(name, mount_point(kind, mode, now_ns), now_ns)

    def make(self, name: str, kind: FileKind, *, mode: int, uid: int, gid: int, now_ns: int, target: str = "") -> Node:
        """Create a node below."""
        made = UpperFifo if kind is FileKind.FIFO else UpperNode
        node = made(kind, mode=mode, uid=uid, gid=gid, mtime_ns=now_ns)
        node._target = target  # noqa: SLF001 - the same class
        self.put(name, node, now_ns)
        return node

    def move(self, name: str, to: Node, to_name: str, now_ns: int) -> None:
        """Move a child, copied up if need be. Two names of one file stay as they are."""
        node = self.child(name)
        if node is None or not isinstance(to, UpperNode):
            raise FsError("ENOENT" if node is None else "EXDEV")
        there = to.child(to_name)
        if node is there or (isinstance(node, TreeView) and isinstance(there, TreeView) and node.tree is there.tree):
            return
        node = node.writable()
        to.put(to_name, node, now_ns)
        self.drop(name, now_ns)
        if isinstance(node, UpperNode):
            node.ctime_ns = now_ns

    def link(self, name: str, node: Node, now_ns: int) -> None:
        """One more name for a file, which was copied up."""
        if not isinstance(node, UpperNode):
            raise FsError("EXDEV")
        self.put(name, node, now_ns)
        node.ctime_ns = now_ns

    def put(self, name: str, node: Node, now_ns: int) -> None:
        """Put a node under `name`, whatever was there."""
        if self.kind is not FileKind.DIRECTORY:
            raise FsError("ENOTDIR")
        if self._children is None:
            self._children = {}
        there = self._children.get(name)
        if isinstance(there, UpperNode):
            there.links_count -= 1
            there.ctime_ns = now_ns
        self._children[intern(name)] = node
        if isinstance(node, UpperNode):
            node.links_count += 1
        self.mtime_ns = self.ctime_ns = now_ns

    def drop(self, name: str, now_ns: int) -> None:
        """Remove a name; one of the image is marked as gone."""
        children = self._children = self._children or {}
        there = children.get(name)
        if isinstance(there, UpperNode):
            there.links_count -= 1
            there.ctime_ns = now_ns
        if self.lower is not None and name in self.lower.children:
            children[name] = None
        else:
            del children[name]
        self.mtime_ns = self.ctime_ns = now_ns

    def copied_up(self, name: str, tree: TreeNode) -> Node:
        """The upper copy of the image's node under `name`."""
        there = self.child(name)
        if isinstance(there, LowerNode) and there.tree is tree:
            mtime_ns = self.mtime_ns
            there = UpperNode.of_tree(tree)
            self.put(name, there, mtime_ns)
        if there is None:
            raise FsError("ENOENT")
        return there

    def target(self) -> str:
        """Where the link points."""
        if self.kind is not FileKind.SYMLINK:
            raise FsError("EINVAL")
        return self._target

    def read_at(self, offset: int, size: int) -> bytes:
        """Bytes of the content."""
        if self.kind is not FileKind.FILE:
            return super().read_at(offset, size)
        content = self._content
        if isinstance(content, (bytes, bytearray)):
            return bytes(content[offset : offset + size])
        return read_stored(content, offset, size)

    def write_at(self, offset: int, data: bytes, now_ns: int) -> None:
        """Write; the bytes of the image are copied the first time."""
        if offset + len(data) > FILE_BYTES_MAX:
            raise FsError("ENOSPC")
        content = self._own_content()
        if offset > len(content) and data:
            content.extend(bytes(offset - len(content)))
        content[offset : offset + len(data)] = data
        self.mtime_ns = self.ctime_ns = now_ns

    def truncate(self, size_bytes: int, now_ns: int) -> None:
        """Cut or extend."""
        if size_bytes > FILE_BYTES_MAX:
            raise FsError("EFBIG")
        if size_bytes == 0:
            self._content = b""
        else:
            content = self._own_content()
            del content[size_bytes:]
            content.extend(bytes(size_bytes - len(content)))
        self.program = ""
        self.mtime_ns = self.ctime_ns = now_ns

    def set_mode(self, mode: int, now_ns: int) -> None:
        """Change the permission bits."""
        self.mode, self.ctime_ns = mode, now_ns

    def set_owner(self, uid: int, gid: int, now_ns: int) -> None:
        """Change the owner."""
        self.uid, self.gid, self.ctime_ns = uid, gid, now_ns

    def set_times(self, atime_ns: int, mtime_ns: int, now_ns: int) -> None:
        """Change the times of the last access and the last change."""
        self.atime_ns, self.mtime_ns, self.ctime_ns = atime_ns, mtime_ns, now_ns

    def usage(self) -> LayerUsage:
        """What the upper layer takes from here down; what is only in the image is not counted, a removed name is.

        The walk sees changed nodes only. Mirrors containerd: continuity/fs/du_unix.go, diskUsage.
        """
        used_bytes, inodes_count = 0, 0
        pending: list[Node | None] = [self]
        linked: set[int] = set()
        while pending:
            node = pending.pop()
            if isinstance(node, UpperNode) and node.links_count > 1:
                if id(node) in linked:
                    continue
                linked.add(id(node))
            inodes_count += 1
            if isinstance(node, MountPoint) and node.kind is FileKind.DIRECTORY:
                used_bytes += BLOCK_BYTES
            if not isinstance(node, UpperNode):
                continue  # nothing in it, or a name of the image that was removed: a device without blocks
            if node.kind is FileKind.DIRECTORY:
                used_bytes += BLOCK_BYTES
                pending.extend((node._children or {}).values())  # noqa: SLF001 - the same class
            elif node.kind is FileKind.FILE:
                used_bytes += -(-node._content_bytes() // BLOCK_BYTES) * BLOCK_BYTES  # noqa: SLF001 - the same class
        return LayerUsage(used_bytes, inodes_count)

    def _content_bytes(self) -> int:
        content = self._content
        return len(content) if isinstance(content, (bytes, bytearray)) else content.size_bytes

    def _own_content(self) -> bytearray:
        if not isinstance(self._content, bytearray):
            if self._content_bytes() > FILE_BYTES_MAX:
                raise FsError("ENOSPC")
            self._content = bytearray(self.read_at(0, self._content_bytes()))
            self.program = ""  # other bytes are no longer that program
        return self._content


class UpperFifo(UpperNode):
    """A pipe with a name in the upper layer."""

    __slots__ = ("_fifo",)

    def __init__(self, kind: FileKind, *, mode: int, uid: int = 0, gid: int = 0, mtime_ns: int = 0) -> None:
        super().__init__(kind, mode=mode, uid=uid, gid=gid, mtime_ns=mtime_ns)
        self._fifo = Fifo()

    def fifo(self) -> Fifo:
        """What its openers share."""
        return self._fifo


class UpperDevice(UpperNode):
    """A device that somebody made in the upper layer."""

    __slots__ = ("device_number",)

    def __init__(self, kind: FileKind, *, mode: int, uid: int, gid: int, mtime_ns: int, device_number: int) -> None:
        super().__init__(kind, mode=mode, uid=uid, gid=gid, mtime_ns=mtime_ns)
        self.device_number = device_number

    def stat(self) -> Stat:
        """With the number of the device."""
        return replace(super().stat(), device_number=self.device_number)

    def opened(self, opener: Opener | None) -> OpenFile:
        """The device, open."""
        return open_device(self.device_number, opener)

    def alone(self) -> TreeNode:
        """This device as a value."""
        return replace(super().alone(), device=major_minor(self.device_number))


def tmpfs_root(*, mode: int = 0o1777) -> UpperNode:
    """The root of an empty file system in memory."""
    return UpperNode(FileKind.DIRECTORY, mode=mode)
