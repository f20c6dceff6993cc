"""What all parts of one disk in memory share."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from itertools import count
from weakref import WeakValueDictionary

from kubesim.userland.files.fifo import Fifo
from kubesim.userland.files.file_stat import FileKind
from kubesim.userland.files.memory_inode import BindPoint, Inode
from kubesim.userland.files.node_mounts import NodeMounts

KNOWN_MAX = 128
"""Directories whose paths are remembered."""


class MemoryNode:
    """The clock, the numbers and the mounts of a disk, and the directories that were walked to last.

    `known` has directories by paths that lead there from the root without a link. It holds until a directory leaves its
    place: a name that is new, or a file that goes, changes no way to a directory.
    """

    __slots__ = ("fifos", "has_tmpfs", "known", "mounts", "now_ns", "numbers")

    def __init__(self, now_ns: Callable[[], int]) -> None:
        self.now_ns = now_ns
        self.numbers = count(2)
        self.mounts = NodeMounts()
        self.fifos: MutableMapping[tuple[int, int], Fifo] = WeakValueDictionary()
        self.known: dict[str, Inode] = {}
        self.has_tmpfs = False
        """Whether a tmpfs was ever mounted on any directory."""

    def remember(self, path: str, directory: Inode) -> None:
        """A path leads to a directory without a link."""
        if len(self.known) >= KNOWN_MAX:
            self.known.clear()
        self.known[path] = directory

    def at(self, path: str) -> Inode | None:
        """What is at a path that `realpath` would write so, in a directory that is known; None where that is not clear.

        A link, and what something else is bound to, is not clear.
        """
        if not path.startswith("/") or "//" in path or "/." in path:
            return None
        above_path, _, last = path.rpartition("/")
        known = self.known.get(above_path)
        node = None if known is None else known.children.get(last)
        is_clear = node is not None and node.kind is not FileKind.SYMLINK and not isinstance(node, BindPoint)
        return node if is_clear else None

    def leaves(self, node: Inode) -> None:
        """Something is about to leave its place, or to be covered there."""
        if node.kind is FileKind.DIRECTORY:
            self.known.clear()
