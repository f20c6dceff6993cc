"""How a process makes, moves and removes names."""

from __future__ import annotations

from kubesim.userland.files.credentials import CAP_MKNOD, EXECUTE, READ, WRITE
from kubesim.userland.files.file_stat import FileKind
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.files.looking import SETGID, SETUID
from kubesim.userland.files.nodes import Node
from kubesim.userland.files.opening import Opening
from kubesim.userland.files.overlay import UpperDevice, UpperNode
from kubesim.userland.files.place import Place


class Naming(Opening):
    """mkdir(2), symlink(2), link(2), mknod(2), unlink(2), rmdir(2), rename(2)."""

    __slots__ = ()

    def make_directory(self, path: str, mode: int = 0o777) -> None:
        """Make one directory; `mode` is cut by the umask."""
        if not self.enters("mkdir", path, {1: mode}):
            return
        place = self.walk(path.rstrip("/") or path[:1], follow_last=False)
        if place.node is not None:
            raise FsError("EEXIST", path)
        self._make(place, FileKind.DIRECTORY, mode & ~self.umask, path)

    def make_link(self, path: str, target: str) -> None:
        """Make a symbolic link at `path`."""
        if not self.enters("symlink", path):
            return
        if not target:
            raise FsError("ENOENT", path)
        place = self._free(path)
        self._make(place, FileKind.SYMLINK, 0o777, path, target=target)

    def make_fifo(self, path: str, mode: int = 0o666) -> None:
        """Make a pipe with a name; mkfifo(3). `mode` is cut by the umask."""
        if not self.enters("mknod", path):
            return
        self._make(self._free(path), FileKind.FIFO, mode & ~self.umask, path)

    def make_device(self, path: str, kind: FileKind, number: int, mode: int = 0o666) -> None:
        """Make a device in the container's own layer; needs CAP_MKNOD. EPERM in a bind of the node: nobody opens it."""
        if not self.enters("mknod", path):
            return
        place = self._free(path)
        gid, mode = self._begin(place, kind, mode & ~self.umask, path)
        above = place.parent.writable()
        if not (self.credentials.has(CAP_MKNOD) and isinstance(above, UpperNode)):
            raise FsError("EPERM", path)
        now_ns = self.filesystem.clock()
        uid = self.credentials.uid
        device = UpperDevice(kind, mode=mode, uid=uid, gid=gid, mtime_ns=now_ns, device_number=number)
        above.put(place.name, device, now_ns)

    def link(self, path: str, to_path: str, *, follow_last: bool = False) -> None:
        """Give a file one more name, `to_path`; link(2), which does not follow a link at the end of `path`.

        What is not one's own must be a plain file that one may read and write. Mirrors linux: fs/namei.c, do_linkat
        and may_linkat (with fs.protected_hardlinks, which every distribution sets).
        """
        if not self.enters("link", path):
            return
        place = self.walk(path, follow_last=follow_last)
        node = place.node
        if node is None:
            raise FsError("ENOENT", path)
        target = self._free(to_path)
        if target.mount is not place.mount:
            raise FsError("EXDEV", to_path)
        stat = node.stat()
        if not self.credentials.owns(stat):
            is_privileged = stat.mode & SETUID or stat.mode & (SETGID | 0o010) == SETGID | 0o010
            may_use = self.credentials.may(stat, READ | WRITE)
            if stat.kind is not FileKind.FILE or is_privileged or not may_use:
                raise FsError("EPERM", path)
        self._begin(target, stat.kind, 0, to_path)
        if node.kind is FileKind.DIRECTORY:
            raise FsError("EPERM", path)
        node = node.writable()
        # Copying the file up may have given its directory a new node, so the free name is looked up again.
        above = self.walk(to_path, follow_last=False).parent.writable()
        above.link(target.name, node, self.filesystem.clock())

    def remove_file(self, path: str) -> None:
        """Remove a file or link; unlink(2)."""
        if not self.enters("unlink", path):
            return
        place, node = self._removable(path)
        if node.kind is FileKind.DIRECTORY:
            raise FsError("EISDIR", path)
        place.parent.writable().drop(place.name, self.filesystem.clock())

    def remove_directory(self, path: str) -> None:
        """Remove an empty directory; rmdir(2)."""
        if not self.enters("rmdir", path):
            return
        last = path.rstrip("/").rpartition("/")[2]
        if last in (".", ".."):
            raise FsError("EINVAL" if last == "." else "ENOTEMPTY", path)
        place, node = self._removable(path.rstrip("/") or path[:1])
        if node.kind is not FileKind.DIRECTORY:
            raise FsError("ENOTDIR", path)
        if node.names():
            raise FsError("ENOTEMPTY", path)
        place.parent.writable().drop(place.name, self.filesystem.clock())

    def rename(self, path: str, to_path: str) -> None:
        """Move within one mount, replacing a file or an empty directory; rename(2)."""
        if not self.enters("rename", path):
            return
        # The directories of both are walked before either is looked up in them.
        self.walk(path, follow_last=False)
        self.walk(to_path, follow_last=False)
        for named in (path, to_path):
            if named.rstrip("/").rpartition("/")[2] in (".", ".."):
                raise FsError("EBUSY", named)
        place, node = self._removable(path)
        target = self.walk(to_path, follow_last=False)
        if target.path == place.path:
            return
        if self.filesystem.is_mount_point(target.path):
            raise FsError("EBUSY", to_path)
        if target.mount is not place.mount:
            raise FsError("EXDEV", to_path)
        if target.path.startswith(f"{place.path}/"):
            raise FsError("EINVAL", to_path)
        if place.path.startswith(f"{target.path}/"):
            raise FsError("ENOTEMPTY", to_path)
        self._demand(target.parent, WRITE | EXECUTE, to_path)
        if target.node is not None:
            self._check_replaced(target, target.node, node, to_path)
        elif to_path.endswith("/") and node.kind is not FileKind.DIRECTORY:
            raise FsError("ENOTDIR", to_path)
        if node.kind is FileKind.DIRECTORY and target.path.rpartition("/")[0] != place.path.rpartition("/")[0]:
            self._demand(node, WRITE, path)  # its `..` becomes another one
        above = place.parent.writable()
        # Copying one directory up may give the other a new node, so the target is looked up again.
        to_above = self.walk(to_path.rstrip("/"), follow_last=False).parent.writable()
        above.move(place.name, to_above, target.name, self.filesystem.clock())
        if node.kind is FileKind.DIRECTORY:
            self.filesystem.table.move(place.path, target.path)

    def _check_replaced(self, target: Place, there: Node, node: Node, to_path: str) -> None:
        """What a rename would replace. Mirrors linux: fs/namei.c, may_delete."""
        self._demand_sticky(target.parent, there, to_path)
        is_directory = there.kind is FileKind.DIRECTORY
        if is_directory != (node.kind is FileKind.DIRECTORY):
            raise FsError("EISDIR" if is_directory else "ENOTDIR", to_path)
        if is_directory and there.names():
            raise FsError("ENOTEMPTY", to_path)

    def _free(self, path: str) -> Place:
        place = self.walk(path, follow_last=False)
        if place.node is not None:
            raise FsError("EEXIST", path)
        if path.endswith("/"):
            raise FsError("ENOENT", path)
        return place

    def _removable(self, path: str) -> tuple[Place, Node]:
        place = self.walk(path, follow_last=False)
        if self.filesystem.is_mount_point(place.path):
            raise FsError("EBUSY", path)
        if place.mount.is_read_only:
            raise FsError("EROFS", path)
        if place.node is None:
            raise FsError("ENOENT", path)
        self._demand(place.parent, WRITE | EXECUTE, path)
        self._demand_sticky(place.parent, place.node, path)
        return place, place.node
