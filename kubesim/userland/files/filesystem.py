"""One container's file system: the image below, a writable layer in memory, mounts on top in the order of their depth.

Rule 1: a path is walked name by name; links are followed inside the container, whatever mount they lie in.
Rule 2: this file finds places and knows mounts. What a process does with a place is in `file_view`.
Rule 3: a change on a read-only mount is EROFS before anything else is asked, as mnt_want_write makes it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from sys import intern

from kubesim.images.tree import LINKS_MAX, FileTree, components
from kubesim.policy.oci_mount_failure import MountStep
from kubesim.userland.files.cgroup_files import CgroupMount, CgroupSettings
from kubesim.userland.files.credentials import CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, ROOT, Credentials
from kubesim.userland.files.device_files import DeviceSpec
from kubesim.userland.files.devices import DevRoot
from kubesim.userland.files.file_stat import FileKind, Stat
from kubesim.userland.files.file_system_stat import FileSystemStat, HostDisk, MountRow
from kubesim.userland.files.file_view import FileView
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.files.host_node import HostNode
from kubesim.userland.files.layer_diff import LayerDiff, apply_layer, diff_layer
from kubesim.userland.files.layer_usage import LayerUsage
from kubesim.userland.files.looking import Looking
from kubesim.userland.files.memory_inode import default_disk
from kubesim.userland.files.mount_rows import mount_rows, room_of
from kubesim.userland.files.mount_table import MountTable
from kubesim.userland.files.mounts import (
    OVERLAY_VOLUME,
    HostSource,
    Mount,
    MountError,
    MountSpec,
    TmpfsSource,
    TreeSource,
    Volume,
    check_mount_point,
    is_file_mount,
    masked,
    mount_below,
    mount_of,
)
from kubesim.userland.files.nodes import MagicLink, Node
from kubesim.userland.files.numbers import Numbers
from kubesim.userland.files.overlay import UpperDevice, UpperNode
from kubesim.userland.files.place import Place
from kubesim.userland.files.proc import SAFE_FLAGS, SYS_ROOT, Namespaces, ProcessFacts, ProcMount

__all__ = [
    "FileKind",
    "FileSystem",
    "FileView",
    "FsError",
    "HostSource",
    "MountError",
    "MountSpec",
    "Namespaces",
    "Place",
    "Stat",
    "TmpfsSource",
    "TreeSource",
]


NAME_BYTES_MAX = 255
DEV_VOLUME = Volume(type="tmpfs", source="tmpfs", options=("size=65536k", "mode=755"), size_bytes=64 * 1024**2)
_DEV_FLAGS = ("nosuid",)
_SYS_VOLUME = Volume(type="sysfs", source="sysfs")
_SYS_MOUNTS = tuple(
    Mount("/sys", SYS_ROOT, is_read_only=is_read_only, volume=_SYS_VOLUME, flags=SAFE_FLAGS)
    for is_read_only in (True, False)
)
"""Of usual containers and of privileged ones. One for all of them: what changes a mount puts another in its place."""
_MASK_VOLUME = Volume(type="tmpfs", source="tmpfs")
_SEARCHES_ALL = CAP_DAC_OVERRIDE | CAP_DAC_READ_SEARCH


def _epoch() -> int:
    return 0


class FileSystem:
    """The files that the processes of one container share.

    `/proc`, `/dev` and `/sys` are always there. Destinations of mounts that the image lacks are made in the writable
    layer, also under a read-only root. Raises FsError with the path where that is not possible, or where a bind's
    source does not exist. `layer` is what the writable layer begins with, as `changes` of an earlier file system of the
    same image gave it. `read_only_paths` cannot be changed and `masked_paths` not be read, where they lead to
    something. `namespaces` is what /proc tells of the container's. `clock` gives the times of changes in ns since the
    epoch. `disk` tells of the node's disk that the writable layer lies on, `cgroup` of
    the limits that the runtime has set. `devices` are made in /dev besides the usual ones. /sys of a privileged
    container is not read-only.
    """

    __slots__ = (
        "_numbers",
        "_upper",
        "clock",
        "dev",
        "disk",
        "root",
        "table",
    )

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
        disk: Callable[[], HostDisk] = default_disk,
        cgroup: Callable[[], CgroupSettings] = CgroupSettings,
        devices: Sequence[DeviceSpec] = (),
        is_privileged: bool = False,
    ) -> None:
        self.clock = clock
        self.disk = disk
        self._upper = UpperNode.of_tree(root.root)
        if layer is not None:
            apply_layer(self._upper, layer)
        self.root = Mount("/", self._upper, is_read_only=False, volume=OVERLAY_VOLUME)
        self.table = MountTable()
        self._numbers: Numbers | None = None
        self._mount("/proc", lambda path: ProcMount(path, namespaces=namespaces or Namespaces()))
        self.dev = DevRoot()
        """/dev, whatever is mounted over it."""
        self._mount("/dev", lambda path: Mount(path, self.dev, is_read_only=False, volume=DEV_VOLUME, flags=_DEV_FLAGS))
        self._mount("/sys", lambda _: _SYS_MOUNTS[is_privileged])
        self._mount(
            "/sys/fs/cgroup",
            lambda path: CgroupMount(path, cgroup, is_read_only=not is_privileged, flags=SAFE_FLAGS),
        )
        for device in devices:
            self._make_device(device)
        for spec in sorted(mounts, key=lambda mount: len(components(mount.destination))):
            self._mount_spec(spec)
        for path in read_only_paths:
            self._cover(path, lambda node: node)
        for path in masked_paths:
            self._cover(path, masked)
        self.root.is_read_only = is_root_read_only

    def view(self, credentials: Credentials, *, cwd: str = "/", umask: int = 0o022) -> FileView:
        """The file system as somebody with these credentials sees it."""
        return FileView(self, credentials, cwd=cwd, umask=umask)

    def as_root(self) -> FileView:
        """The file system as the runtime sees it."""
        return FileView(self, ROOT)  # not kept: it would be a circle, and this goes when nobody holds it

    def changes(self) -> LayerDiff:
        """What the writable layer holds now: mount points that were made in it, and nothing of what is mounted."""
        return diff_layer(self._upper)

    def layer_usage(self) -> LayerUsage:
        """What the writable layer takes: everything that was written outside mounts, and the mount points."""
        return self._upper.usage()

    def mount_points(self) -> list[str]:
        """Canonical paths of the mounts, sorted."""
        return sorted(self.table.by_path)

    def is_mount_point(self, path: str) -> bool:
        """Whether something is mounted at a canonical path."""
        return path == "/" or path in self.table.by_path

    def walk(self, path: str, view: Looking, *, follow_last: bool = True) -> Place:
        """Walk an absolute path. Where only the last name is missing, the place says so; else ENOENT.

        Raises FsError as path resolution does. Mirrors linux: fs/namei.c, link_path_walk.
        """
        credentials = view.credentials
        is_checked = not credentials.effective & _SEARCHES_ALL
        mounts = self.table.by_path
        mount = self.root
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
            if is_checked and not credentials.may_search(*node.rights()):
                raise FsError("EACCES", path)
            if name == ".":
                continue
            if name == "..":
                if stack:
                    here, node, mount = stack.pop()
                    parent, last = (stack[-1][1], here.rpartition("/")[2]) if stack else (node, "")
                continue
            below_path = f"{here}/{name}"
            if below_path in mounts:  # what a mount covers is not looked at
                stack.append((here, node, mount))
                parent, last, here = node, name, below_path
                mount = mounts[here]
                node = mount.root_for(view)
                continue
            below = node.child(name)
            if below is None:
                return _free(Place(below_path, None, node, name, mount), path, pending)
            if isinstance(below, MagicLink) and (follow_last or pending):
                below = below.leads_to
            elif below.kind is FileKind.SYMLINK and (follow_last or pending):
                links_count += 1
                target = below.target()
                if links_count > LINKS_MAX or not target:
                    raise FsError("ELOOP" if target else "ENOENT", path)
                if target.startswith("/"):
                    stack.clear()
                    here, mount = "", self.root
                    node = parent = mount.root
                    last = ""
                pending.extend(reversed(components(target)))
                continue
            stack.append((here, node, mount))
            parent, last, here = node, name, below_path
            if mount.is_read_only and mount is not self.root:
                mount = mount_below(mount, here, node, below)
            node = below
        return Place(here or "/", node, parent, last, mount)

    def make_directories(self, path: str) -> str:
        """Make a directory with its parents, read-only root or not, as a runtime does before it starts anything.

        Returns the canonical path. Raises FsError.
        """
        return self._prepared(path, is_file=False).path

    # -- what stat, df and mount show ---------------------------------------------------------------------

    def numbered(self, place: Place, node: Node) -> Stat:
        """The stat of a node with the number of its file system, its own number and the count of its names."""
        stat = node.stat()
        if stat.device:
            return stat  # the node's own files have them from the node
        return self._numbering().fill(stat, place, node)

    def device_of(self, mount: Mount) -> int:
        """The number of the file system behind a mount."""
        return self._numbering().device_of(mount)

    def room_of(self, mount: Mount) -> FileSystemStat:
        """What statfs(2) says of a mount."""
        return room_of(self, mount)

    def room_checker(self, mount: Mount) -> Callable[[], int]:
        """Tells how many bytes a file system of limited size still takes."""
        return lambda: room_of(self, mount).free_bytes

    def mount_rows(self) -> list[MountRow]:
        """The mount table, the root first."""
        return mount_rows(self)

    def _numbering(self) -> Numbers:
        if self._numbers is None:
            self._numbers = Numbers()
        return self._numbers

    # -- mounting -----------------------------------------------------------------------------------------

    def add_mounts(self, place: Place, mounts: Sequence[Mount]) -> str | None:
        """Mount at a place that a process chose; the first one lies there, the others below it.

        Below a BIDIRECTIONAL bind the node gets the mount as well. Returns why it cannot show it, if so.
        """
        for mount in mounts:
            self.table.put(mount)
        node = place.node
        if place.mount.propagation != "shared" or not isinstance(node, HostNode):
            return None
        root = mounts[0].root
        source = (root.files, root.path) if isinstance(root, HostNode) else None
        node.files.mounts.put(node.source_path, root)
        mounts[0].origin = node
        try:
            node.files.mount(node.path, root, source)
        except FsError as error:
            return error.strerror
        return None

    def remove_mounts(self, paths: Sequence[str]) -> None:
        """Take the topmost mounts at these paths away, on the node as well where it shows them."""
        for path in paths:
            node = self.table.take(path).origin
            if isinstance(node, HostNode):
                node.files.mounts.drop(node.source_path)
                node.files.unmount(node.path)

    def is_used(self, path: str, view: Looking) -> bool:
        """Whether a process that `view`'s process can see has its directory or an open file at or below a path."""
        process: ProcessFacts | None = view.process  # type: ignore[assignment]  # only processes are put there
        for other in process.neighbours() if process is not None else ():
            if other.files.filesystem is not self:
                continue
            used = [other.files.cwd, *(file.tell() for file in other.descriptors().values())]
            if any(name == path or name.startswith(f"{path}/") for name in used):
                return True
        return False

    def _mount(self, destination: str, make: Callable[[str], Mount], *, is_file: bool = False) -> None:
        path = intern(self._prepared(destination, is_file=is_file).path)
        self.table.put(make(path))

    def _mount_spec(self, spec: MountSpec) -> None:
        """One mount of the configuration. Raises MountError."""
        is_file = is_file_mount(spec)
        try:
            place = self._prepared(spec.destination, is_file=is_file)
        except FsError as error:
            step: MountStep = "point" if error.errno_name == "EROFS" else "way"
            path = str(error.filename or spec.destination)
            raise MountError(error.errno_name, path, spec=spec, step=step, is_file=is_file) from None
        check_mount_point(spec, place.path, place.node, is_file=is_file)
        self.table.put(mount_of(intern(place.path), spec))

    def _make_device(self, device: DeviceSpec) -> None:
        """Make a device, and the directories above it; one that is there already is replaced."""
        directory = self._prepared(device.path.rpartition("/")[0] or "/", is_file=False).path
        above = self.walk(directory, self.as_root()).node
        parent = above.writable() if above is not None else None
        if isinstance(parent, UpperNode):
            made = UpperDevice(
                device.kind,
                mode=device.mode,
                uid=device.uid,
                gid=device.gid,
                mtime_ns=self.clock(),
                device_number=device.number,
            )
            parent.put(device.path.rpartition("/")[2], made, self.clock())

    def _cover(self, path: str, cover: Callable[[Node], Node]) -> None:
        """Mount what `cover` makes of a path on it, read-only; nothing where the path leads nowhere.

        Mirrors runc: libcontainer/rootfs_linux.go, readonlyPath and maskPaths.
        """
        try:
            place = self.walk(path, self.as_root())
        except FsError:
            return
        if place.node is not None and place.path != "/":
            mount, node = place.mount, cover(place.node)
            volume = mount.volume if node is place.node else _MASK_VOLUME
            self.table.put(Mount(place.path, node, is_read_only=True, volume=volume, flags=mount.flags))

    def _prepared(self, path: str, *, is_file: bool) -> Place:
        """The place of a mount point, made where it is missing: it has no node then."""
        root = self.as_root()
        names = [name for name in path.split("/") if name]
        try:
            place = self.walk(f"/{'/'.join(names)}", root)
        except FsError:
            pass  # what is missing or wrong on the way is found name by name
        else:
            if place.node is None:
                self._make_mount_point(place, FileKind.FILE if is_file else FileKind.DIRECTORY)
            return place
        done = "/"
        for position, name in enumerate(names):
            place = self.walk(f"{done.rstrip('/')}/{name}", root)
            if place.node is None:
                is_last = position == len(names) - 1
                self._make_mount_point(place, FileKind.FILE if is_file and is_last else FileKind.DIRECTORY)
            elif place.node.kind is not FileKind.DIRECTORY and position < len(names) - 1:
                raise FsError("ENOTDIR", place.path)
            done = place.path
        return place

    def _make_mount_point(self, place: Place, kind: FileKind) -> None:
        """Make a directory or an empty file at a free place; the root's own flag counts only for what happens later."""
        if place.mount.is_read_only and place.mount is not self.root:
            raise FsError("EROFS", place.path)
        mode = 0o755 if kind is FileKind.DIRECTORY else 0o644
        above = place.parent.writable()
        if isinstance(above, UpperNode):
            above.make_mount_point(place.name, kind, mode=mode, now_ns=self.clock())
        else:
            above.make(place.name, kind, mode=mode, uid=0, gid=0, now_ns=self.clock())


def _free(place: Place, path: str, pending: list[str]) -> Place:
    """A name that is free: an error unless it is the last one of the path."""
    if len(place.name.encode(errors="surrogateescape")) > NAME_BYTES_MAX:
        raise FsError("ENAMETOOLONG", path)
    if pending and pending != ["."]:
        raise FsError("ENOENT", path)
    return place
