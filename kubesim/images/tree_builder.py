"""Trees are made of entries: a path and a node each, laid over each other in their order.

`build_tree` is for entries that somebody wrote down; `kubesim.images.layers.stacking` uses the same builder for layers.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from types import MappingProxyType

from kubesim.errors import InputError
from kubesim.images.tree import (
    LINKS_MAX,
    NAME_BYTES_MAX,
    PATH_BYTES_MAX,
    FileTree,
    NodeKind,
    TreeNode,
    components,
    directory_node,
)


def build_tree(entries: Iterable[tuple[str, TreeNode]], *, base: FileTree | None = None) -> FileTree:
    """Lay (path, node) entries over `base`, or over an empty tree; `base` stays as it is and lends its untouched nodes.

    - Each entry is one node: what `children` it has is not looked at. What `FileTree.walk` yields can be built again.
    - A later entry wins. A directory over a directory changes its mode and owner and keeps what is in it.
    - Parents that are not there are made with mode 0755, owned by root.
    - Links among the parents are followed inside the tree, so `/bin/sh` lands in `/usr/bin` where `/bin` is a link.

    Raises InputError, with the entry's path as its place, for a path with `..` or NUL, one that is too long, one with
    a file among its parents, or links that never end. Mirrors containerd: pkg/archive/tar.go, applyNaive.
    """
    builder = TreeBuilder(base.root if base is not None else _PARENT)
    for path, node in entries:
        builder.add(path, node)
    return FileTree(builder.frozen())


def merge_trees(lower: FileTree, *uppers: FileTree) -> FileTree:
    """Lay whole trees over each other, the last one on top, by the rules of `build_tree`."""
    merged = lower
    for upper in uppers:
        merged = build_tree(upper.walk(), base=merged)
    return merged


_PARENT = directory_node()


class _OpenDirectory:
    """A directory while the tree is built."""

    __slots__ = ("above", "below", "meta", "name")

    def __init__(self, meta: TreeNode, above: _OpenDirectory | None, name: str) -> None:
        self.meta = meta
        self.above = above
        self.name = name
        self.below: dict[str, TreeNode | _OpenDirectory] = {**meta.children}


class TreeBuilder:
    """Opens only the directories that an entry touches; all others stay shared with the base."""

    def __init__(self, root: TreeNode) -> None:
        if not root.is_directory:
            raise InputError("a bare file has no room for entries", where="/", hint="the base must be a directory")
        self._root = _OpenDirectory(root, None, "")
        self._opened = [self._root]

    def add(self, path: str, node: TreeNode) -> None:
        names = [name for name in components(path) if name != "."]
        _check_names(path, names)
        if not names:
            if not node.is_directory:
                raise InputError(f"the root of a tree cannot be a {node.kind}", where="/", hint="it is a directory")
            self._root.meta = node
            return
        last = names.pop()
        above = self._parent(path, names)
        assert above is not None, "what is not there is made"
        there = above.below.get(last)
        if not node.is_directory:
            above.below[last] = node
        elif isinstance(there, _OpenDirectory):
            there.meta = node
        else:
            self._open(above, last, there if there is not None and there.is_directory else _PARENT).meta = node

    def link(self, path: str, target: str) -> None:
        """Give the node at `target` one more name. Raises InputError when there is none, or it is a directory.

        Links among the parents of `target` are followed, the node itself may be one. Mirrors containerd:
        pkg/archive/tar.go, hardlinkRootPath.
        """
        node = self._there(target)
        if node is None:
            raise InputError(f"a hard link to {target!r}, which is not there", where=path)
        if isinstance(node, _OpenDirectory) or node.is_directory:
            raise InputError(f"a hard link to {target!r}, which is a directory", where=path)
        self.add(path, node)

    def remove(self, path: str) -> None:
        """Remove what is at `path`, and all below it; nothing there is nothing to remove."""
        above, last = self._above(path)
        if above is not None and last:
            above.below.pop(last, None)

    def clear(self, path: str) -> None:
        """Remove what is in the directory at `path`; anything else there stays."""
        above, last = self._above(path)
        if above is None:
            return
        node = above.below.get(last) if last else above
        if isinstance(node, _OpenDirectory):
            node.below.clear()
        elif node is not None and node.is_directory:
            above.below[last] = replace(node, children=_PARENT.children)

    def _there(self, path: str) -> TreeNode | _OpenDirectory | None:
        above, last = self._above(path)
        if above is None:
            return None
        return above.below.get(last) if last else above

    def _above(self, path: str) -> tuple[_OpenDirectory | None, str]:
        """The directory that has a path, and the last name; None when it is not there. The root has no name."""
        names = components(path)
        last = names.pop() if names else ""
        return self._parent(path, names, makes=False), last

    def frozen(self) -> TreeNode:
        """The finished root. Directories close in the opposite order of opening, so children close first."""
        for directory in reversed(self._opened):
            below = {name: node for name, node in sorted(directory.below.items()) if isinstance(node, TreeNode)}
            node = replace(directory.meta, children=MappingProxyType(below))
            if directory.above is None:
                return node
            if directory.above.below.get(directory.name) is directory:  # else something later took its place
                directory.above.below[directory.name] = node
        raise AssertionError("unreachable: the root was opened first, so it closes last")

    def _parent(self, path: str, names: list[str], *, makes: bool = True) -> _OpenDirectory | None:
        """The directory at `names`; when it is not there, it is made or there is none."""
        here = self._root
        pending = names[::-1]
        links_count = 0
        while pending:
            name = pending.pop()
            if name == ".":
                continue
            if name == "..":  # from the target of a link; the root is its own parent
                here = here.above or here
                continue
            below = here.below.get(name)
            if isinstance(below, _OpenDirectory):
                here = below
            elif below is None and not makes:
                return None
            elif below is None or below.is_directory:
                here = self._open(here, name, below or _PARENT)
            elif below.kind is NodeKind.SYMLINK:
                links_count += 1
                if links_count > LINKS_MAX:
                    raise InputError(f"more than {LINKS_MAX} symbolic links on the way", where=path)
                if below.target.startswith("/"):
                    here = self._root
                pending.extend(reversed(components(below.target)))
            elif not makes:
                return None
            else:
                raise InputError(f"{name!r} on the way is a file", where=path, hint="only a directory can hold it")
        return here

    def _open(self, above: _OpenDirectory, name: str, node: TreeNode) -> _OpenDirectory:
        directory = _OpenDirectory(node, above, name)
        above.below[name] = directory
        self._opened.append(directory)
        return directory


def _check_names(path: str, names: list[str]) -> None:
    if ".." in names:
        raise InputError("`..` in the path of an entry", where=path, hint="write the path without it")
    if "\0" in path:
        raise InputError("a NUL in the path of an entry", where=path.replace("\0", "\\0"))
    if any(len(name.encode(errors="surrogateescape")) > NAME_BYTES_MAX for name in names):
        raise InputError(f"a name of more than {NAME_BYTES_MAX} bytes", where=path)
    if len(path.encode(errors="surrogateescape")) > PATH_BYTES_MAX:
        raise InputError(f"a path of more than {PATH_BYTES_MAX} bytes", where=path)
