"""What containers have mounted on the node: the mounts below BIDIRECTIONAL binds, for all who share the place.

Rule 1: a bind that receives mounts (HOST_TO_CONTAINER, BIDIRECTIONAL) sees them come and go. One that does not sees
what was there when it was made.
Rule 2: in this world the mounted nodes themselves are shown. The real host gets a mount of its own where it permits
one: see `real_mounts`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, Protocol

from kubesim.userland.files.nodes import Node

Propagation = Literal["private", "slave", "shared"]


class SeenMounts(Protocol):
    """The mounts that one bind of the node sees besides those of the real disk itself."""

    def at(self, path: str) -> Node | None:
        """What is mounted at a path of the node, None for nothing."""


class NodeMounts:
    """Mounts by their path on the node."""

    __slots__ = ("_by_path",)

    def __init__(self, by_path: Mapping[str, Node] | None = None) -> None:
        self._by_path: dict[str, Node] = dict(by_path or {})

    def __bool__(self) -> bool:
        return bool(self._by_path)

    def at(self, path: str) -> Node | None:
        """What a container mounted at a path."""
        return self._by_path.get(path)

    def put(self, path: str, root: Node) -> None:
        """Mount."""
        self._by_path[path] = root

    def drop(self, path: str) -> None:
        """Unmount; one that is gone already stays so."""
        self._by_path.pop(path, None)

    def snapshot(self) -> NodeMounts | None:
        """What is mounted now; None for nothing, as most of the time."""
        return NodeMounts(self._by_path) if self._by_path else None


class PrivateMounts:
    """What a bind that receives no mounts sees: those of its beginning, and nothing in the place of later ones."""

    __slots__ = ("_covered", "_mounts")

    def __init__(self, mounts: NodeMounts | None, covered: Callable[[str], Node | None] | None) -> None:
        self._mounts = mounts
        self._covered = covered

    def at(self, path: str) -> Node | None:
        """What was mounted at a path, or what stands for the place that something was mounted over."""
        found = self._mounts.at(path) if self._mounts is not None else None
        if found is None and self._covered is not None:
            return self._covered(path)
        return found
