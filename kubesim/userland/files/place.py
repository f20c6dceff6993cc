"""Where a walk ended."""

from __future__ import annotations

from msgspec import Struct

from kubesim.userland.files.mounts import Mount
from kubesim.userland.files.nodes import Node


class Place(Struct, frozen=True):
    """A name in a directory, with or without something behind it."""

    path: str
    """Canonical: no link, no `.` and no `..` in it."""
    node: Node | None
    """None when the name is free."""
    parent: Node
    """The directory that holds the name; below the mount point when the place is one."""
    name: str
    """Last name of the path; "" for the root."""
    mount: Mount
    """The mount that `node` lies in; for a free name the mount of `parent`."""
