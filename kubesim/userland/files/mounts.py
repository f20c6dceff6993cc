"""Mounts: what is laid over a container's root, and where.

Mirrors runc: libcontainer/rootfs_linux.go, mountToRootfs: destinations are resolved inside the root, links included,
and what is missing on the way is made there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeAlias

from msgspec import Struct

from kubesim.images.tree import FileTree
from kubesim.policy.oci_mount_failure import MountStep
from kubesim.userland.files.devices import NULL_DEVICE
from kubesim.userland.files.file_stat import FileKind
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.files.host_files import HostFiles
from kubesim.userland.files.host_node import HostNode
from kubesim.userland.files.node_mounts import Propagation
from kubesim.userland.files.nodes import Node, TreeView
from kubesim.userland.files.overlay import tmpfs_root


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeSource:
    """An image volume: a read-only tree, which may be one bare file."""

    tree: FileTree


class HostSource(Struct, frozen=True, kw_only=True):
    """A bind of a file or directory of the node, live. `node` is for a source that many containers bind."""

    files: HostFiles
    path: str
    node: HostNode | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TmpfsSource:
    """An empty file system in memory."""

    mode: int = 0o1777
    uid: int = 0
    gid: int = 0
    size_bytes: int | None = None
    """What fits; None for half of the node's memory, as tmpfs has it."""
    source: str = "tmpfs"
    """What the mount table calls it."""


Source: TypeAlias = TreeSource | HostSource | TmpfsSource


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """The file system behind a mount: what the mount table and statfs(2) say of it."""

    type: str
    source: str
    options: tuple[str, ...] = ()
    """But ro and rw."""
    size_bytes: int | None = None
    """What fits; None without a limit of its own."""


class MountSpec(Struct, frozen=True, kw_only=True):
    """One mount of a container. A tree is read-only whatever `is_read_only` says."""

    destination: str
    source: Source
    is_read_only: bool = False
    is_recursive: bool = False
    """Whether what the node has mounted below a read-only bind is read-only as well."""
    propagation: Propagation = "private"
    """Of a bind: whether mounts come in from the node (slave), and also go out to it (shared)."""
    volume: Volume | None = None
    """What the mount table says of the source; None for what the source says itself."""
    flags: tuple[str, ...] = ("relatime",)
    """Options of the mount but ro and rw, as the mount table shows them."""
    source_name: str = ""
    """What messages call the source; empty for the path of a bind."""
    is_layer: bool = False
    """Of a tree: whether it is a layer of an overlay, which a file cannot be."""


class MountError(FsError):
    """A mount of a container cannot be made."""

    def __init__(self, errno_name: str, path: str, *, spec: MountSpec, step: MountStep, is_file: bool) -> None:
        super().__init__(errno_name, path)
        self.spec = spec
        self.step: MountStep = step
        self.path = path
        """Where in the container it failed."""
        self.is_file = is_file
        """Whether what is mounted is a file."""


def is_file_mount(spec: MountSpec) -> bool:
    """Whether what is mounted is a file, and not a directory. Raises MountError when it is not there any more."""
    source = spec.source
    if isinstance(source, TreeSource):
        return not source.tree.root.is_directory
    if not isinstance(source, HostSource):
        return False
    if source.node is not None:
        return source.node.kind != FileKind.DIRECTORY
    try:
        return source.files.confined(source.path).kind("/") != FileKind.DIRECTORY
    except FsError as error:
        raise MountError(error.errno_name, spec.destination, spec=spec, step="source", is_file=False) from None


def check_mount_point(spec: MountSpec, path: str, node: Node | None, *, is_file: bool) -> None:
    """Refuse a mount point: the root, what is no directory for a directory, and the reverse. Raises MountError.

    `node` is what lies there; None where the mount point was just made. Mirrors linux: fs/namespace.c, graft_tree.
    """
    if path == "/":
        raise MountError("EINVAL", path, spec=spec, step="root", is_file=is_file)
    if is_file and spec.is_layer:
        raise MountError("EINVAL", path, spec=spec, step="mount", is_file=is_file)
    if node is not None and (node.kind is FileKind.DIRECTORY) == is_file:
        raise MountError("ENOTDIR", path, spec=spec, step="mount", is_file=is_file)


class Asker(Protocol):
    """Who walks a path, as far as a mount can tell them apart: /proc shows each process another `self`."""

    @property
    def process(self) -> object:
        """The process; None when the runtime itself asks."""


class Mount:
    """A mounted file system at a canonical path of the container."""

    __slots__ = ("below", "flags", "is_read_only", "origin", "path", "propagation", "root", "volume")
    is_recursive = False

    def __init__(
        self, path: str, root: Node, *, is_read_only: bool, volume: Volume, flags: tuple[str, ...] = ("relatime",)
    ) -> None:
        self.path = path
        self.root = root
        self.is_read_only = is_read_only
        self.volume = volume
        self.flags = flags
        self.below: Mount | None = None
        """What it covers at the same path."""
        self.propagation: Propagation = "private"
        self.origin: Node | None = None
        """Where the node shows it as well: below a bind that shares its mounts."""

    def root_for(self, asker: Asker) -> Node:  # noqa: ARG002 - /proc overrides it
        """The node at the mount point."""
        return self.root

    def copy(self, path: str) -> Mount:
        """The same file system at one more place, as a bind makes it."""
        return type(self)(path, self.root, is_read_only=self.is_read_only, volume=self.volume, flags=self.flags)


class RecursiveMount(Mount):
    """A bind whose flags count for the mounts of the node below it as well (mount_setattr with AT_RECURSIVE)."""

    __slots__ = ()
    is_recursive = True


def mount_below(mount: Mount, path: str, above: Node, node: Node) -> Mount:
    """The mount that a step down in a bind leads to: another one where the node has mounted something.

    A bind takes such mounts along with their own flags, which the node itself applies: read-only does not spread.
    Mirrors runc: libcontainer/rootfs_linux.go, mountToRootfs; KEP-3857.
    """
    crosses = isinstance(node, HostNode) and isinstance(above, HostNode) and node.device != above.device
    if not crosses or mount.is_recursive:
        return mount
    return Mount(path, node, is_read_only=False, volume=HOST_VOLUME, flags=mount.flags)


def masked(node: Node) -> Node:
    """What hides a node: an empty directory for a directory, /dev/null for anything else."""
    return tmpfs_root(mode=0o755) if node.kind is FileKind.DIRECTORY else NULL_DEVICE


def host_node(files: HostFiles, path: str, propagation: Propagation = "private") -> HostNode:
    """The root of a bind: nothing above it can be reached. Raises FsError when the host has nothing there."""
    return bind_root(files.confined(path), "/", propagation)


def bind_root(confined: HostFiles, path: str, propagation: Propagation = "private") -> HostNode:
    """The same for something in a directory of its own, which all its binds may share. Raises FsError."""
    node = HostNode(confined, path)
    if node.kind is FileKind.DIRECTORY:
        seen = confined.private_mounts() if propagation == "private" else confined.mounts
        node = HostNode(confined, path, node.stat(), seen)
    node.forget()
    return node


def mount_of(path: str, spec: MountSpec) -> Mount:
    """The mount of a spec at a canonical path. Raises FsError when the host has nothing at the source."""
    source = spec.source
    if isinstance(source, TreeSource):
        return Mount(path, TreeView(source.tree.root), is_read_only=True, volume=IMAGE_VOLUME, flags=spec.flags)
    if isinstance(source, HostSource):
        root = source.node or host_node(source.files, source.path, spec.propagation)
        made = RecursiveMount if spec.is_recursive else Mount
        volume = spec.volume or HOST_VOLUME
        mount = made(path, root, is_read_only=spec.is_read_only, volume=volume, flags=spec.flags)
        mount.propagation = spec.propagation
        return mount
    return tmpfs_mount(path, source, is_read_only=spec.is_read_only, flags=spec.flags)


def tmpfs_mount(path: str, source: TmpfsSource, *, is_read_only: bool, flags: tuple[str, ...]) -> Mount:
    """An empty file system in memory."""
    options = () if source.size_bytes is None else (f"size={source.size_bytes // 1024}k",)
    if source.mode != 0o1777:
        options = (*options, f"mode={source.mode:o}")
    volume = Volume(type="tmpfs", source=source.source, options=options, size_bytes=source.size_bytes)
    root = tmpfs_root(mode=source.mode)
    root.uid, root.gid = source.uid, source.gid
    return Mount(path, root, is_read_only=is_read_only, volume=volume, flags=flags)


OVERLAY_VOLUME = Volume(type="overlay", source="overlay")
IMAGE_VOLUME = Volume(type="overlay", source="overlay")
HOST_VOLUME = Volume(type="", source="")
"""Of a bind: the disk it lies on says what it is."""
