"""What all parts of one disk in memory share."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from itertools import count
from weakref import WeakValueDictionary

from kubesim.userland.files.fifo import Fifo
from kubesim.userland.files.file_stat import FileKind
from kubesim.userland.files.memory_inode import Inode
from kubesim.userland.files.node_mounts import NodeMounts

KNOWN_MAX = 128
"""Directories whose paths are remembered."""


class MemoryNode:
    """The clock, the numbers and the mounts of a disk, and the directories that were walked to last.

    `known` has directories by paths that lead there from the root without a link. It holds until a directory leaves its
    place: a name that is new, or a file that goes, changes no way to a directory.
    """

    __slots__ = ("fifos", "known", "mounts", "now_ns", "numbers")

    def __init__(self, now_ns: Callable[[], int]) -> None:
        self.now_ns = now_ns
        self.numbers = count(2)
        self.mounts = NodeMounts()
        self.fifos: MutableMapping[tuple[int, int], Fifo] = WeakValueDictionary()
        self.known: dict[str, Inode] = {}

    def remember(self, path: str, directory: Inode) -> None:
        """A path leads to a directory without a link."""
        if len(self.known) >= KNOWN_MAX:
            self.known.clear()
        self.known[path] = directory

    def leaves(self, node: Inode) -> None:
        """Something is about to leave its place, or to be covered there."""
        if node.kind is FileKind.DIRECTORY:
            self.known.clear()
