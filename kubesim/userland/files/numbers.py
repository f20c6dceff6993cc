"""Inode and device numbers of a container's own file systems, given out when somebody asks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import lru_cache
from zlib import crc32

from kubesim.images.tree import FileTree, TreeNode
from kubesim.userland.files.file_stat import FileKind, Stat, device_number
from kubesim.userland.files.host_node import HostNode
from kubesim.userland.files.mounts import IMAGE_VOLUME, Mount
from kubesim.userland.files.nodes import Node, TreeView
from kubesim.userland.files.overlay import UpperNode
from kubesim.userland.files.place import Place

FIRST_MINOR = 48
"""File systems without a disk have major 0; the minors below are the node's."""


class Numbers:
    """What one container's file systems are called."""

    __slots__ = ("_devices", "_inodes", "_next_inode")

    def __init__(self) -> None:
        self._devices: dict[int, int] = {}
        # By identity: of a node of the image, which the image keeps alive.
        self._inodes: dict[int, int] = {}
        self._next_inode = 2

    def device_of(self, mount: Mount) -> int:
        """The number of the file system behind a mount."""
        root = mount.root
        if isinstance(root, HostNode):
            return root.device
        # Image volumes share one description, and each is a file system of its own.
        key = root.tree if mount.volume is IMAGE_VOLUME and isinstance(root, TreeView) else mount.volume
        known = self._devices.get(id(key))
        if known is None:
            known = self._devices[id(key)] = device_number(0, FIRST_MINOR + len(self._devices))
        return known

    def fill(self, stat: Stat, place: Place, node: Node) -> Stat:
        """A stat with all its numbers: the same value, which the node has just made."""
        stat.device = self.device_of(place.mount)
        stat.inode = self._inode_of(node, place.path)
        stat.links_count = _links_of(stat, place, node)
        return stat

    def _inode_of(self, node: Node, path: str) -> int:
        if isinstance(node, UpperNode):
            if not node.inode:
                node.inode = self._next()
            return node.inode
        if isinstance(node, TreeView):
            known = self._inodes.get(id(node.tree))
            if known is None:
                known = self._inodes[id(node.tree)] = self._next()
            return known
        return crc32(path.encode(errors="surrogateescape")) | 1 << 32  # made when looked at, as those of /proc

    def _next(self) -> int:
        self._next_inode += 1
        return self._next_inode


def _links_of(stat: Stat, place: Place, node: Node) -> int:
    if stat.kind is FileKind.DIRECTORY:
        return _links_of_directory(node)
    if isinstance(node, TreeView):
        root = place.mount.root
        lowest = root.tree if isinstance(root, TreeView) else root.lower if isinstance(root, UpperNode) else None
        return names_of(lowest).get(node.tree, 1) if lowest is not None else 1
    return stat.links_count


def _links_of_directory(node: Node) -> int:
    """Mirrors linux: fs/overlayfs/inode.c, ovl_getattr: a merged directory has 1, nobody counts what is in it."""
    if isinstance(node, UpperNode):
        if node.lower is not None:
            return 1
        return 2 + sum(child is not None and child.kind is FileKind.DIRECTORY for child in node.changed().values())
    if isinstance(node, TreeView):
        return 2 + sum(child.is_directory for child in node.tree.children.values())
    return 2


@lru_cache(maxsize=32)
def names_of(root: TreeNode) -> Mapping[TreeNode, int]:
    """How many names the files of an image have, those with more than one: hard links."""
    counts = Counter(node for _, node in FileTree(root).walk() if not node.is_directory)
    return {node: count for node, count in counts.items() if count > 1}
