"""A file system that is built when somebody looks into it: many a process ends without having opened a file.

Rule: only one whose build has been rehearsed may wait. A rehearsal builds it with binds that nobody may look into; when
that comes to an end, nothing on the node can change what the build does later, and it cannot fail.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from msgspec import Struct

from kubesim.errors import KubesimError
from kubesim.images.tree import FileTree
from kubesim.model.frozen_records import replace
from kubesim.userland.files.cgroup_files import CgroupSettings
from kubesim.userland.files.file_stat import FileKind, Stat
from kubesim.userland.files.file_system_stat import HostDisk
from kubesim.userland.files.filesystem import FileSystem
from kubesim.userland.files.host_node import HostNode
from kubesim.userland.files.layer_usage import LayerUsage
from kubesim.userland.files.mounts import HostSource, MountSpec, host_node
from kubesim.userland.files.nodes import Node
from kubesim.userland.files.proc import Namespaces

_BUILT = ("_upper", "dev", "root", "table")
"""What has no value before the build."""


class LookedIntoBindError(KubesimError):
    """What a path leads to depends on what the node has in a bind."""


class _ClosedBind(HostNode):
    """The root of a bind in a rehearsal: what kind it is, is known; whoever asks for more ends the rehearsal."""

    __slots__ = ()

    def __init__(self, kind: FileKind) -> None:
        self.kind = kind

    def _refuse(self) -> NoReturn:
        raise LookedIntoBindError("a path leads into a bind")

    def stat(self) -> Stat:
        """Its rights are the node's."""
        self._refuse()

    def child(self, name: str) -> Node | None:  # noqa: ARG002 - whatever it is
        """So is what lies in it."""
        self._refuse()

    def names(self) -> list[str]:
        """And how that is called."""
        self._refuse()

    def read_at(self, offset: int, size: int) -> bytes:  # noqa: ARG002 - wherever it is
        """And what a file holds."""
        self._refuse()

    def target(self) -> str:
        """And where a link leads."""
        self._refuse()

    def writable(self) -> Node:
        """Nothing is made in it."""
        self._refuse()


class FileSystemPlan(Struct, frozen=True, kw_only=True):
    """What a file system is built from, as the arguments of `FileSystem` say it."""

    root: FileTree
    is_root_read_only: bool
    mounts: tuple[MountSpec, ...]
    """Binds, each of which has been looked at: `source.node` is there."""
    masked_paths: tuple[str, ...]
    read_only_paths: tuple[str, ...]
    namespaces: Namespaces
    clock: Callable[[], int]
    disk: Callable[[], HostDisk]
    cgroup: Callable[[], CgroupSettings]


class UnbuiltFileSystem(FileSystem):
    """Built at the first look, as it would have been when it was made. `usage` is what its writable layer takes then.

    The `mounts` of the plan have been rehearsed: see `rehearsed`.
    """

    __slots__ = ("_made_ns", "_plan", "_usage")

    def __init__(self, plan: FileSystemPlan, usage: LayerUsage) -> None:
        self._plan: FileSystemPlan | None = plan
        self._usage = usage
        self._made_ns = plan.clock()
        self._numbers = None
        self.clock = plan.clock
        self.disk = plan.disk

    def layer_usage(self) -> LayerUsage:
        """Before the build what the rehearsal found."""
        return super().layer_usage() if self._plan is None else self._usage

    def __getattr__(self, name: str) -> Any:
        """Only what has no value yet is looked for here."""
        plan = self._plan
        if plan is None or name not in _BUILT:
            raise AttributeError(f"{type(self).__name__} has no {name}")
        self._plan = None
        made_ns = self._made_ns
        super().__init__(
            plan.root,
            is_root_read_only=plan.is_root_read_only,
            mounts=plan.mounts,
            masked_paths=plan.masked_paths,
            read_only_paths=plan.read_only_paths,
            namespaces=plan.namespaces,
            clock=lambda: made_ns,
            disk=plan.disk,
            cgroup=plan.cgroup,
        )
        self.clock = plan.clock
        return getattr(self, name)


def looked_at(mounts: Sequence[MountSpec]) -> tuple[MountSpec, ...] | None:
    """The same mounts with the roots of their binds as the node has them now; None unless all of them are binds.

    Raises FsError when the node has nothing at a source.
    """
    seen = []
    for mount in mounts:
        source = mount.source
        if not isinstance(source, HostSource):
            return None
        if source.node is None:
            root = host_node(source.files, source.path, mount.propagation)
            mount = replace(mount, source=replace(source, node=root))
        seen.append(mount)
    return tuple(seen)


MountKinds = tuple[tuple[str, bool], ...]
"""Destinations, and whether a directory is mounted there: all of the mounts that a build depends on."""


def mount_kinds(mounts: Sequence[MountSpec]) -> MountKinds:
    """Of mounts that have been looked at."""
    return tuple([(mount.destination, _kind(mount) is FileKind.DIRECTORY) for mount in mounts])


def closed(mounts: Sequence[MountSpec]) -> list[MountSpec]:
    """Mounts that have been looked at, for a rehearsal: with binds that nobody may look into."""
    return [
        MountSpec(destination=mount.destination, source=HostSource(files=source.files, path=source.path, node=root))
        for mount in mounts
        if isinstance(source := mount.source, HostSource) and (root := _ClosedBind(_kind(mount)))
    ]


def _kind(mount: MountSpec) -> FileKind:
    assert isinstance(mount.source, HostSource), "only binds are looked at"
    assert mount.source.node is not None, "it has been looked at"
    return mount.source.node.kind
