"""How a process changes its mount table; mount(2) and umount2(2). Mirrors linux: fs/namespace.c."""

from __future__ import annotations

from collections.abc import Sequence

from kubesim.userland.files.credentials import CAP_SYS_ADMIN
from kubesim.userland.files.file_stat import FileKind
from kubesim.userland.files.file_system_stat import MountRow
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.files.looking import Looking
from kubesim.userland.files.mounts import TmpfsSource, tmpfs_mount
from kubesim.userland.files.overlay import UpperNode
from kubesim.userland.files.place import Place

DEFAULT_FLAGS = ("relatime",)


class Mounting(Looking):
    """Everything here but `mounts` needs CAP_SYS_ADMIN, else EPERM."""

    __slots__ = ()

    def mounts(self) -> list[MountRow]:
        """The mount table, in the order of mounting."""
        return self.filesystem.mount_rows()

    def mount_bind(self, source: str, target: str, *, is_recursive: bool = False) -> str | None:
        """Show the file or directory `source` at `target` as well, with its mounts when `is_recursive`.

        Returns why the node itself does not show it, where it should: below a bind that shares its mounts.
        """
        if not self.enters("mount", target):
            return None
        self._demand_mounting(target)
        origin = self.walk(source)
        if origin.node is None:
            raise FsError("ENOENT", source)
        place = self._mount_point(target, is_directory=origin.node.kind is FileKind.DIRECTORY)
        path = place.path
        mount = origin.mount.copy(path)
        if origin.node is not origin.mount.root:
            # A directory of the image is copied up, so that what changes at one place shows at the other.
            mount.root = origin.node.writable() if isinstance(origin.mount.root, UpperNode) else origin.node
        added = [mount]
        for below in self.filesystem.table.below(origin.path) if is_recursive else ():
            rest = below.path.removeprefix(origin.path.rstrip("/"))
            if not below.path.startswith(f"{path}/") and below.path != path:
                added.append(below.copy(f"{path}{rest}"))
        return self.filesystem.add_mounts(place, added)

    def mount_tmpfs(
        self, target: str, source: TmpfsSource, *, is_read_only: bool = False, flags: Sequence[str] = DEFAULT_FLAGS
    ) -> str | None:
        """Mount an empty file system in memory. Returns what `mount_bind` does."""
        if not self.enters("mount", target):
            return None
        self._demand_mounting(target)
        place = self._mount_point(target, is_directory=True)
        mount = tmpfs_mount(place.path, source, is_read_only=is_read_only, flags=tuple(flags))
        if isinstance(mount.root, UpperNode):
            now_ns = self.filesystem.clock()
            mount.root.set_times(now_ns, now_ns, now_ns)
        return self.filesystem.add_mounts(place, [mount])

    def remount(self, target: str, *, is_read_only: bool, flags: Sequence[str] | None = None) -> None:
        """Give a mount other options; None leaves the flags. EINVAL where nothing is mounted."""
        if not self.enters("mount", target):
            return
        self._demand_mounting(target)
        place = self._mounted(target)
        mount = self.filesystem.root if place.path == "/" else place.mount
        # Other containers may share the mount object, so another one takes its place.
        changed = mount if place.path == "/" else mount.copy(mount.path)
        changed.is_read_only = is_read_only
        if flags is not None:
            changed.flags = tuple(flags)
        if changed is not mount:
            self.filesystem.table.replace(mount, changed)

    def unmount(self, target: str, *, is_lazy: bool = False, follow_last: bool = True) -> None:
        """Take the topmost mount away. EINVAL where nothing is mounted; EBUSY while something in it is used.

        Used are a mount below, a working directory and an open file. A lazy unmount takes all of it, used or not.
        """
        if not self.enters("umount2", target):
            return
        self._demand_mounting(target)
        place = self._mounted(target, follow_last=follow_last)
        if place.path == "/":
            raise FsError("EBUSY" if not is_lazy else "EINVAL", target)
        below = self.filesystem.table.below(place.path)
        if not is_lazy and (below or self.filesystem.is_used(place.path, self)):
            raise FsError("EBUSY", target)
        self.filesystem.remove_mounts([place.path, *(mount.path for mount in below)])

    def _demand_mounting(self, path: str) -> None:
        if not self.credentials.has(CAP_SYS_ADMIN):
            raise FsError("EPERM", path)

    def _mount_point(self, target: str, *, is_directory: bool) -> Place:
        place = self.walk(target)
        if place.node is None:
            raise FsError("ENOENT", target)
        if (place.node.kind is FileKind.DIRECTORY) != is_directory:
            raise FsError("ENOTDIR", target)
        if place.path == "/":
            raise FsError("EBUSY", target)
        return place

    def _mounted(self, target: str, *, follow_last: bool = True) -> Place:
        place = self.walk(target, follow_last=follow_last)
        if place.node is None:
            raise FsError("ENOENT", target)
        if not self.filesystem.is_mount_point(place.path):
            raise FsError("EINVAL", target)
        return place
