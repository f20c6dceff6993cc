"""One container's file system: the image below, a writable layer in memory, mounts on top in the order of their depth.

Rule 1: a path is walked name by name; links are followed inside the container, whatever mount they lie in.
Rule 2: this file finds places and knows mounts. What a process does with a place is in `file_view`.
Rule 3: a change on a read-only mount is EROFS before anything else is asked, as mnt_want_write makes it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from sys import intern

from kubesim.images.tree import LINKS_MAX, FileTree, components
from kubesim.userland.files.credentials import EXECUTE, ROOT, Credentials
from kubesim.userland.files.devices import DevRoot
from kubesim.userland.files.file_stat import FileKind, Stat
from kubesim.userland.files.file_view import FileView
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.files.layer_diff import LayerDiff, apply_layer, diff_layer
from kubesim.userland.files.mounts import (
    HostSource,
    Mount,
    MountSpec,
    TmpfsSource,
    TreeSource,
    masked,
    mount_below,
    mount_of,
)
from kubesim.userland.files.nodes import Node
from kubesim.userland.files.overlay import LayerUsage, UpperNode
from kubesim.userland.files.place import Place
from kubesim.userland.files.proc import SYS_ROOT, Namespaces, ProcMount

__all__ = [
    "FileKind",
    "FileSystem",
    "FileView",
    "FsError",
    "HostSource",
    "MountSpec",
    "Namespaces",
    "Place",
    "Stat",
    "TmpfsSource",
    "TreeSource",
]


def _epoch() -> int:
    return 0


class FileSystem:
    """The files that the processes of one container share.

    `/proc`, `/dev` and `/sys` are always there. Destinations of mounts that the image lacks are made in the writable
    layer, also under a read-only root. Raises FsError with the path where that is not possible, or where a bind's
    source does not exist. `layer` is what the writable layer begins with, as `changes` of an earlier file system of the
    same image gave it. `read_only_paths` cannot be changed and `masked_paths` not be read, where they lead to
    something. `namespaces` is what /proc tells of the container's. `clock` gives the times of changes in ns since the
    epoch.
    """

    def __init__(
        self,
        root: FileTree,
        *,
        is_root_read_only: bool = False,
        mounts: Sequence[MountSpec] = (),
        layer: LayerDiff | None = None,
        masked_paths: Sequence[str] = (),
        read_only_paths: Sequence[str] = (),
        namespaces: Namespaces | None = None,
        clock: Callable[[], int] = _epoch,
    ) -> None:
        self.clock = clock
        self._upper = UpperNode.of_tree(root.root)
        if layer is not None:
            apply_layer(self._upper, layer)
        self._root = Mount("/", self._upper, is_read_only=False)
        self._mounts: dict[str, Mount] = {}
        self._runtime = FileView(self, ROOT)
        self._mount("/proc", lambda path: ProcMount(path, namespaces=namespaces or Namespaces()))
        self._mount("/dev", lambda path: Mount(path, DevRoot(), is_read_only=False))
        self._mount("/sys", lambda path: Mount(path, SYS_ROOT, is_read_only=True))
        for spec in sorted(mounts, key=lambda mount: len(components(mount.destination))):
            is_file = _is_file(spec)
            self._mount(spec.destination, lambda path, spec=spec: mount_of(path, spec), is_file=is_file)  # type: ignore[misc]  # mypy cannot infer a lambda's default
        for path in read_only_paths:
            self._cover(path, lambda node: node)
        for path in masked_paths:
            self._cover(path, masked)
        self._root.is_read_only = is_root_read_only

    def view(self, credentials: Credentials, *, cwd: str = "/", umask: int = 0o022) -> FileView:
        """The file system as somebody with these credentials sees it."""
        return FileView(self, credentials, cwd=cwd, umask=umask)

    def as_root(self) -> FileView:
        """The file system as the runtime sees it."""
        return self._runtime

    def changes(self) -> LayerDiff:
        """What the writable layer holds now: mount points that were made in it, and nothing of what is mounted."""
        return diff_layer(self._upper)

    def layer_usage(self) -> LayerUsage:
        """What the writable layer takes: everything that was written outside mounts, and the mount points."""
        return self._upper.usage()

    def mount_points(self) -> list[str]:
        """Canonical paths of the mounts, sorted."""
        return sorted(self._mounts)

    def is_mount_point(self, path: str) -> bool:
        """Whether something is mounted at a canonical path."""
        return path == "/" or path in self._mounts

    def walk(self, path: str, view: FileView, *, follow_last: bool = True) -> Place:
        """Walk an absolute path. Where only the last name is missing, the place says so; else ENOENT.

        Raises FsError as path resolution does. Mirrors linux: fs/namei.c, link_path_walk.
        """
        credentials = view.credentials
        mounts = self._mounts
        mount = self._root
        node: Node = mount.root
        here = ""  # canonical path of `node`, without the slash of the root
        stack: list[tuple[str, Node, Mount]] = []  # what lies above it
        parent, last = node, ""
        pending = components(path)
        pending.reverse()
        links_count = 0
        while pending:
            name = pending.pop()
            if node.kind is not FileKind.DIRECTORY:
                raise FsError("ENOTDIR", path)
            if credentials.uid and not credentials.may(node.stat(), EXECUTE):
                raise FsError("EACCES", path)
            if name == ".":
                continue
            if name == "..":
                if stack:
                    here, node, mount = stack.pop()
                    parent, last = (stack[-1][1], here.rpartition("/")[2]) if stack else (node, "")
                continue
            below = node.child(name)
            if below is None:
                if pending and pending != ["."]:
                    raise FsError("ENOENT", path)
                return Place(f"{here}/{name}", None, node, name, mount)
            if below.kind is FileKind.SYMLINK and (follow_last or pending):
                links_count += 1
                target = below.target()
                if links_count > LINKS_MAX or not target:
                    raise FsError("ELOOP" if target else "ENOENT", path)
                if target.startswith("/"):
                    stack.clear()
                    here, mount = "", self._root
                    node = parent = mount.root
                    last = ""
                pending.extend(reversed(components(target)))
                continue
            stack.append((here, node, mount))
            parent, last, here = node, name, f"{here}/{name}"
            if here in mounts:
                mount = mounts[here]
                node = mount.root_for(view)
            else:
                if mount.is_read_only and mount is not self._root:
                    mount = mount_below(mount, here, node, below)
                node = below
        return Place(here or "/", node, parent, last, mount)

    def make_directories(self, path: str) -> str:
        """Make a directory with its parents, read-only root or not, as a runtime does before it starts anything.

        Returns the canonical path. Raises FsError.
        """
        return self._prepared(path, is_file=False)

    # -- mounting -----------------------------------------------------------------------------------------

    def _mount(self, destination: str, make: Callable[[str], Mount], *, is_file: bool = False) -> None:
        path = self._prepared(destination, is_file=is_file)
        if path == "/":
            raise FsError("EINVAL", destination)
        path = intern(path)
        self._mounts[path] = make(path)

    def _cover(self, path: str, cover: Callable[[Node], Node]) -> None:
        """Mount what `cover` makes of a path on it, read-only; nothing where the path leads nowhere.

        Mirrors runc: libcontainer/rootfs_linux.go, readonlyPath and maskPaths.
        """
        try:
            place = self.walk(path, self._runtime)
        except FsError:
            return
        if place.node is not None and place.path != "/":
            self._mounts[place.path] = Mount(place.path, cover(place.node), is_read_only=True)

    def _prepared(self, path: str, *, is_file: bool) -> str:
        """The canonical path of a mount point, made where it is missing."""
        names = [intern(name) for name in path.split("/") if name]  # every container has the same ones
        try:
            place = self.walk(f"/{'/'.join(names)}", self._runtime)
        except FsError:
            place = None  # what is wrong on the way is found name by name
        if place is not None and place.node is not None:
            return place.path
        done = "/"
        for position, name in enumerate(names):
            place = self.walk(f"{done.rstrip('/')}/{name}", self._runtime)
            if place.node is None:
                is_last = position == len(names) - 1
                kind = FileKind.FILE if is_file and is_last else FileKind.DIRECTORY
                # The root's own flag counts only for what happens later.
                if place.mount.is_read_only and place.mount is not self._root:
                    raise FsError("EROFS", place.path)
                mode = 0o755 if kind is FileKind.DIRECTORY else 0o644
                place.parent.writable().make(place.name, kind, mode=mode, uid=0, gid=0, now_ns=self.clock())
            elif place.node.kind is not FileKind.DIRECTORY and position < len(names) - 1:
                raise FsError("ENOTDIR", place.path)
            done = place.path
        return done


def _is_file(spec: MountSpec) -> bool:
    source = spec.source
    if isinstance(source, TreeSource):
        return not source.tree.root.is_directory
    return isinstance(source, HostSource) and source.files.confined(source.path).kind("/") != FileKind.DIRECTORY
