"""What a writable layer changes of its image, as a value: taken from one file system, put under another.

Rule 1: a diff is taken at one instant, and shares nothing that can change with the layer it was taken from.
Rule 2: put on the same image, it gives the same files, and their diff is the same again (as a tar: nodes are compared
by identity).
Rule 3: its form is that of an overlay's upper directory: nodes, names that are gone, and directories that hide what the
image has in them. Mirrors linux: Documentation/filesystems/overlayfs.rst, "Whiteouts and opaque directories".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from kubesim.errors import KubesimError
from kubesim.images.tree import NAME_BYTES_MAX, TreeNode
from kubesim.model.frozen_records import replace
from kubesim.userland.files.nodes import Node, TreeView
from kubesim.userland.files.overlay import UpperNode

_NO_CHILDREN: Mapping[str, TreeNode] = MappingProxyType({})


class LayerError(KubesimError):
    """A diff does not fit the image it is put on. `str(error)` names the path."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerDiff:
    """The changes of a writable layer. Paths are absolute and canonical, `/` is the root."""

    entries: tuple[tuple[str, TreeNode], ...] = ()
    """New and changed nodes, each without children, a directory before what is in it."""
    removed: frozenset[str] = frozenset()
    """Names of the image that are gone."""
    opaque: frozenset[str] = frozenset()
    """Directories among the entries that show nothing of the image's directory of the same path."""


def diff_layer(upper: UpperNode) -> LayerDiff:
    """The changes that a layer holds."""
    entries: list[tuple[str, TreeNode]] = []
    removed: set[str] = set()
    opaque: set[str] = set()
    seen: dict[UpperNode, TreeNode] = {}
    pending: list[tuple[str, Node, TreeNode | None]] = [("", upper, upper.lower)]
    while pending:
        path, node, image_node = pending.pop()
        if isinstance(node, UpperNode):
            entry, lower = seen.get(node) or node.alone(), node.lower
            if node.links_count > 1:
                seen[node] = entry  # names of one file share one node
        else:
            # Of the image, but under a name that the image does not have there: its directory was moved.
            assert isinstance(node, TreeView), "the writable layer holds no other nodes"
            entry, lower = replace(node.tree, children=_NO_CHILDREN), None
        entries.append((path or "/", entry))
        if not entry.is_directory:
            continue
        if isinstance(node, UpperNode) and lower is not None and lower is image_node:
            changed = node.changed()
            removed.update(f"{path}/{name}" for name, child in changed.items() if child is None)
            below = [(name, child, lower.children.get(name)) for name, child in changed.items() if child is not None]
        else:
            if image_node is not None and image_node.is_directory:
                opaque.add(path)
            below = [(name, child, None) for name in node.names() if (child := node.child(name)) is not None]
        below.sort(key=lambda row: row[0], reverse=True)
        pending.extend((f"{path}/{name}", child, below_image) for name, child, below_image in below)
    return LayerDiff(entries=tuple(entries), removed=frozenset(removed), opaque=frozenset(opaque))


def apply_layer(upper: UpperNode, diff: LayerDiff) -> None:
    """Put the changes into a layer that has none yet. Raises LayerError where the diff cannot be one of this image."""
    for path in sorted(diff.removed):
        parent, name = _parent(upper, path)
        # A name that the image lacks is gone already, as for whoever unpacks the layers of an image.
        if parent.child(name) is not None:
            parent.drop(name, parent.mtime_ns)
    made: dict[TreeNode, UpperNode] = {}
    for path, entry in diff.entries:
        if path == "/":
            _dress(upper, entry, path)
            continue
        parent, name = _parent(upper, path)
        there = parent.child(name)
        if entry.is_directory and there is not None and there.stat().is_directory and path not in diff.opaque:
            _dress(there.writable(), entry, path)
            continue
        node = made.get(entry)
        if node is None:
            node = UpperNode.of_tree(entry)
            node.lower = None
            if not entry.is_directory:
                made[entry] = node
        parent.put(name, node, parent.mtime_ns)


def _dress(node: Node, entry: TreeNode, path: str) -> None:
    """Give a directory that is there the attributes of an entry."""
    if not entry.is_directory:
        raise LayerError(f"{path}: a {entry.kind} cannot take the place of the root directory")
    node.set_mode(entry.mode, entry.mtime_ns)
    node.set_owner(entry.uid, entry.gid, entry.mtime_ns)
    node.set_times(entry.mtime_ns, entry.mtime_ns, entry.mtime_ns)


def _parent(upper: UpperNode, path: str) -> tuple[UpperNode, str]:
    """The directory that holds a path, in the upper layer. No link is followed: the paths of a diff are canonical."""
    *above, last = path.removeprefix("/").split("/")
    node: Node = upper
    for name in above:
        below = node.child(name) if node.stat().is_directory else None
        if below is None:
            raise LayerError(f"{path}: the directory {name!r} above it is not there")
        node = below.writable()
    if not (isinstance(node, UpperNode) and node.stat().is_directory):
        raise LayerError(f"{path}: what lies above it is not a directory")
    if not last or len(last.encode(errors="surrogateescape")) > NAME_BYTES_MAX:
        raise LayerError(f"{path}: not a name that a file can have")
    return node, last
