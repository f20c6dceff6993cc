"""A read-only file tree: what the layers of an image add up to.

Rule 1: nothing here changes after it was built. A subtree shares its nodes, it copies nothing.
Rule 2: order is the order of names, so the same entries give the same listing on every machine.
Rule 3: no path leaves the tree. What happens to a link that would is named by `LinkRule`.

Paths are text with `/` between names; a leading `/` is the root of the tree, with or without it the path is the same.
Names that are not UTF-8 are kept as surrogate escapes (`os.fsdecode`).

A reader takes `TreeNode.content`, `read_at` and `size_bytes`, and asks nothing about where the bytes lie: the files of
an indexed layer are read from it on demand. Nodes compare by identity: two names of one node are two links to one file.
To compare trees, compare their `listing()`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Protocol

LINKS_MAX = 40
"""Symbolic links followed in one resolution. Mirrors linux: include/linux/namei.h, MAXSYMLINKS."""

NAME_BYTES_MAX = 255
"""Longest name of one node. Mirrors linux: include/uapi/linux/limits.h, NAME_MAX."""

PATH_BYTES_MAX = 4096
"""Longest path of one entry. Mirrors linux: include/uapi/linux/limits.h, PATH_MAX."""

_NO_CHILDREN: Mapping[str, TreeNode] = MappingProxyType({})


class NodeKind(StrEnum):
    """What a node of the tree is."""

    FILE = "file"
    DIRECTORY = "directory"
    SYMLINK = "symlink"
    FIFO = "fifo"
    """A pipe with a name."""
    CHARACTER_DEVICE = "character device"
    BLOCK_DEVICE = "block device"


DEVICE_KINDS = frozenset({NodeKind.CHARACTER_DEVICE, NodeKind.BLOCK_DEVICE})


class StoredContent(Protocol):
    """The bytes of a file that lie elsewhere, such as in an archive, and are fetched when somebody reads them."""

    @property
    def size_bytes(self) -> int:
        """The length of all."""

    def read_at(self, offset: int, size: int) -> bytes:
        """At most `size` bytes from `offset` on; fewer at the end only."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TreeNode:
    """One file, directory, symbolic link, pipe or device."""

    kind: NodeKind
    mode: int
    """Permission bits, with setuid, setgid and sticky: 0 to 0o7777."""
    uid: int = 0
    gid: int = 0
    data: bytes | StoredContent = field(default=b"", repr=False)
    """Bytes of a file, or where they lie; empty for other kinds."""
    target: str = ""
    """Where a symbolic link points, as it was written; empty for other kinds."""
    program: str = ""
    """Name of the emulated program that runs when this file is executed, such as `busybox:cat`; "" for plain data."""
    children: Mapping[str, TreeNode] = field(default_factory=lambda: _NO_CHILDREN, repr=False)
    """Nodes of a directory by name; empty for other kinds."""
    mtime_ns: int = 0
    """Time of the last change, ns since the Unix epoch."""
    device: tuple[int, int] = (0, 0)
    """Major and minor number of a device."""

    @property
    def size_bytes(self) -> int:
        """Length of a file's content, or of a link's target; 0 for a directory."""
        if self.kind is NodeKind.SYMLINK:
            return len(self.target.encode(errors="surrogateescape"))
        return len(self.data) if isinstance(self.data, bytes) else self.data.size_bytes

    @property
    def content(self) -> bytes:
        """All bytes of a file; empty for other kinds. Of a stored one they are fetched each time."""
        return self.data if isinstance(self.data, bytes) else self.data.read_at(0, self.data.size_bytes)

    def read_at(self, offset: int, size: int) -> bytes:
        """At most `size` bytes of a file from `offset` on; fewer at its end only."""
        return self.data[offset : offset + size] if isinstance(self.data, bytes) else self.data.read_at(offset, size)

    @property
    def is_directory(self) -> bool:
        """Whether this node can have children."""
        return self.kind is NodeKind.DIRECTORY


def file_node(content: bytes = b"", *, mode: int = 0o644, uid: int = 0, gid: int = 0, program: str = "") -> TreeNode:
    """A file without a time."""
    return TreeNode(kind=NodeKind.FILE, mode=mode, uid=uid, gid=gid, data=content, program=program)


def directory_node(*, mode: int = 0o755, uid: int = 0, gid: int = 0) -> TreeNode:
    """An empty directory without a time."""
    return TreeNode(kind=NodeKind.DIRECTORY, mode=mode, uid=uid, gid=gid)


def symlink_node(target: str, *, uid: int = 0, gid: int = 0) -> TreeNode:
    """A symbolic link without a time; links have mode 0777."""
    return TreeNode(kind=NodeKind.SYMLINK, mode=0o777, uid=uid, gid=gid, target=target)


class Outcome(StrEnum):
    """How a resolution ended."""

    FOUND = "found"
    MISSING = "missing"
    """A name is not there (ENOENT)."""
    ESCAPE = "escape"
    """An absolute link, or a `..` at the root, would leave the tree; only under LinkRule.BENEATH (EXDEV)."""
    LOOP = "loop"
    """More links than are followed (ELOOP)."""
    NOT_A_DIRECTORY = "not-a-directory"
    """Something with more path behind it is a file (ENOTDIR)."""
    NAME_TOO_LONG = "name-too-long"
    """A name is not there, and no file system could hold it (ENAMETOOLONG)."""


class LinkRule(StrEnum):
    """What happens where a link or a `..` would leave the tree; the names of openat2(2)."""

    BENEATH = "beneath"
    """It ends the resolution as an escape. Mirrors linux: fs/namei.c, RESOLVE_BENEATH, and Go's os.Root."""
    IN_ROOT = "in-root"
    """The tree is the whole world, as after chroot: absolute links start at its root and `..` at the root stays."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """The answer of `FileTree.resolve`."""

    outcome: Outcome
    path: str
    """FOUND: the path of the node with every link followed. Else the path of the name where it ended."""
    node: TreeNode | None = None
    """The node; None unless FOUND."""
    rest: tuple[str, ...] = ()
    """Components that were not looked at, so `()` with MISSING means that only the last name is not there."""


class FileTree:
    """A tree with a root, which is a directory unless the tree is one bare file."""

    __slots__ = ("root",)

    def __init__(self, root: TreeNode) -> None:
        self.root = root

    def __repr__(self) -> str:
        return f"FileTree({self.root!r}, {len(self.root.children)} names)"

    def get(self, path: str) -> TreeNode | None:
        """The node at `path`, following no link at all; None when there is none.

        `.` and `..` are steps as usual; `..` at the root stays there.
        """
        above: list[TreeNode] = []
        node = self.root
        for name in components(path):
            if not node.is_directory:
                return None
            if name == ".":
                continue
            if name == "..":
                node = above.pop() if above else node
                continue
            below = node.children.get(name)
            if below is None:
                return None
            above.append(node)
            node = below
        return node

    def resolve(
        self,
        path: str,
        follow_last: bool = True,
        *,
        link_rule: LinkRule = LinkRule.BENEATH,
        links_max: int = LINKS_MAX,
    ) -> Resolution:
        """Walk to `path`, following up to `links_max` links as the kernel does, never leaving the tree.

        With `follow_last` false a link at the very end is found itself. A trailing `/` asks for a directory, so it
        follows the last link and refuses a file. Mirrors linux: fs/namei.c, link_path_walk.
        """
        names: list[str] = []
        nodes: list[TreeNode] = [self.root]
        pending = components(path)
        pending.reverse()
        links_count = 0

        def ended(outcome: Outcome, *last: str) -> Resolution:
            return Resolution(outcome=outcome, path="/" + "/".join([*names, *last]), rest=tuple(reversed(pending)))

        while pending:
            name = pending.pop()
            if not nodes[-1].is_directory:
                pending.append(name)
                return ended(Outcome.NOT_A_DIRECTORY)
            if name == ".":
                continue
            if name == "..":
                if names:
                    names.pop()
                    nodes.pop()
                elif link_rule is LinkRule.BENEATH:
                    return ended(Outcome.ESCAPE, "..")
                continue
            node = nodes[-1].children.get(name)
            if node is None:
                is_too_long = len(name.encode(errors="surrogateescape")) > NAME_BYTES_MAX
                return ended(Outcome.NAME_TOO_LONG if is_too_long else Outcome.MISSING, name)
            if node.kind is not NodeKind.SYMLINK or not (follow_last or pending):
                names.append(name)
                nodes.append(node)
                continue
            links_count += 1
            if links_count > links_max:
                return ended(Outcome.LOOP, name)
            if not node.target:
                return ended(Outcome.MISSING, name)
            if node.target.startswith("/"):
                if link_rule is LinkRule.BENEATH:
                    return ended(Outcome.ESCAPE, name)
                names.clear()
                del nodes[1:]
            pending.extend(reversed(components(node.target)))
        return Resolution(outcome=Outcome.FOUND, path="/" + "/".join(names), node=nodes[-1])

    def subtree(self, path: str) -> FileTree:
        """The tree whose root is the node at `path`, sharing all nodes. Follows no link.

        The node may be a file: a sub path of an image volume can be one. Raises KeyError when nothing is there;
        to follow links, `resolve` first and hand its `path` over.
        """
        node = self.get(path)
        if node is None:
            raise KeyError(path)
        return FileTree(node)

    def walk(self) -> Iterator[tuple[str, TreeNode]]:
        """Every path and node, the root first as `/`, each directory before what is in it, names in order."""
        pending = [("/", self.root)]
        while pending:
            path, node = pending.pop()
            yield path, node
            if node.children:
                prefix = path.removesuffix("/")
                pending.extend(
                    (f"{prefix}/{name}", node.children[name]) for name in sorted(node.children, reverse=True)
                )

    def listing(self) -> str:
        """One line per node: path, kind, mode, uid, gid, and what it holds. Equal trees have equal listings.

        Content is shown as its length and sha256, so a listing is fit for reading and for comparing, and a digest
        of it names the tree.
        """
        return "".join(f"{_listed(path, node)}\n" for path, node in self.walk())


def components(path: str) -> list[str]:
    """The steps of a path: empty names dropped, and a trailing `/` kept as a `.`, which only a directory has.

    >>> components("/etc//ssl/")
    ['etc', 'ssl', '.']
    """
    names = [name for name in path.split("/") if name]
    if names and path.endswith("/"):
        names.append(".")
    return names


def _listed(path: str, node: TreeNode) -> str:
    parts = [_shown(path), str(node.kind), f"{node.mode:04o}", f"{node.uid}:{node.gid}"]
    if node.mtime_ns:
        parts.append(f"mtime={node.mtime_ns}")
    if node.kind is NodeKind.FILE:
        content = node.content
        parts.append(f"{len(content)} sha256:{hashlib.sha256(content).hexdigest()}")
    if node.program:
        parts.append(f"program={_shown(node.program)}")
    if node.kind in DEVICE_KINDS:
        parts.append("{}:{}".format(*node.device))
    if node.kind is NodeKind.SYMLINK:
        parts.append(f"-> {_shown(node.target)}")
    return " ".join(parts)


def _shown(text: str) -> str:
    """Text as it is, or quoted where it would not read back as one word of one line."""
    is_plain = text.isprintable() and not any(character in text for character in " '\"")
    return text if text and is_plain else repr(text)
