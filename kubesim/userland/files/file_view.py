"""The file system as one process sees it: its credentials, working directory and umask.

Paths may be relative. Every operation raises FsError; its text is what the user reads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubesim.userland.files.credentials import EXECUTE, READ, WRITE, Credentials
from kubesim.userland.files.devices import DeviceNode, Opener
from kubesim.userland.files.file_stat import FileKind, Stat
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.files.nodes import Node
from kubesim.userland.files.open_file import OpenFile, RegularFile
from kubesim.userland.files.place import Place

if TYPE_CHECKING:
    from kubesim.userland.files.filesystem import FileSystem

STICKY = 0o1000
SETGID = 0o2000
NAME_BYTES_MAX = 255


class FileView:
    """What one process can do with files."""

    __slots__ = ("credentials", "cwd", "filesystem", "process", "umask")

    def __init__(self, filesystem: FileSystem, credentials: Credentials, *, cwd: str = "/", umask: int = 0o022) -> None:
        self.filesystem = filesystem
        self.credentials = credentials
        self.cwd = cwd
        self.umask = umask
        self.process: Opener | None = None
        """The process that looks; None for the runtime itself."""

    def copy(self) -> FileView:
        """The same for a child; it sets `process` itself."""
        return FileView(self.filesystem, self.credentials, cwd=self.cwd, umask=self.umask)

    def absolute(self, path: str) -> str:
        """`path` from the root on, otherwise as it is."""
        return path if path.startswith("/") else f"{self.cwd}/{path}"

    def walk(self, path: str, *, follow_last: bool = True) -> Place:
        """Where a path leads. An empty path leads nowhere."""
        if not path:
            raise FsError("ENOENT", path)
        try:
            return self.filesystem.walk(self.absolute(path), self, follow_last=follow_last)
        except FsError as error:
            raise FsError(error.errno_name, path) from None

    # -- looking ------------------------------------------------------------------------------------------

    def stat(self, path: str, *, follow_last: bool = True) -> Stat:
        """What is at `path`."""
        return self._there(path, follow_last=follow_last).stat()

    def exists(self, path: str) -> bool:
        """Whether a path leads to something this process can see."""
        try:
            return self.walk(path).node is not None
        except FsError:
            return False

    def may(self, path: str, wanted: int) -> bool:
        """Whether the process may READ, WRITE or EXECUTE what is at `path`; access(2)."""
        try:
            place = self.walk(path)
        except FsError:
            return False
        if place.node is None or (wanted & WRITE and place.mount.is_read_only):
            return False
        return self.credentials.may(place.node.stat(), wanted)

    def list_dir(self, path: str) -> list[str]:
        """Names in a directory, sorted."""
        node = self._there(path)
        if node.kind is not FileKind.DIRECTORY:
            raise FsError("ENOTDIR", path)
        self._demand(node, READ, path)
        return node.names()

    def read(self, path: str) -> bytes:
        """The whole content of a file."""
        node = self._there(path)
        self._demand(node, READ, path)
        if node.kind is not FileKind.FILE:
            raise FsError("EISDIR" if node.kind is FileKind.DIRECTORY else "EINVAL", path)
        return node.read_all()

    def read_link(self, path: str) -> str:
        """Where a symbolic link points; EINVAL for anything else."""
        node = self._there(path, follow_last=False)
        if node.kind is not FileKind.SYMLINK:
            raise FsError("EINVAL", path)
        return node.target()

    # -- opening ------------------------------------------------------------------------------------------

    def open_read(self, path: str) -> OpenFile:
        """Open for reading. A directory opens; reading it is EISDIR."""
        place = self.walk(path)
        if place.node is None:
            raise FsError("ENOENT", path)
        self._demand(place.node, READ, path)
        if isinstance(place.node, DeviceNode):
            return place.node.opened(self.process)
        return self._opened(place.node, place.path, is_readable=True)

    def open_write(
        self,
        path: str,
        *,
        is_append: bool = False,
        is_truncated: bool = False,
        is_readable: bool = False,
        is_exclusive: bool = False,
        mode: int = 0o666,
    ) -> OpenFile:
        """Open for writing, making the file when it is not there; `mode` is cut by the umask."""
        place = self.walk(path)
        node = place.node
        if node is None:
            if path.endswith("/"):
                raise FsError("EISDIR", path)
            node = self._make(place, FileKind.FILE, mode & ~self.umask, path)
        elif is_exclusive:
            raise FsError("EEXIST", path)
        else:
            if node.kind is FileKind.DIRECTORY:
                raise FsError("EISDIR", path)
            if isinstance(node, DeviceNode):
                self._demand(node, WRITE, path)
                return node.opened(self.process)
            if place.mount.is_read_only:
                raise FsError("EROFS", path)
            self._demand(node, WRITE | (READ if is_readable else 0), path)
            node = node.writable()
            if is_truncated:
                try:
                    node.truncate(0, self.filesystem.clock())
                except FsError as error:
                    raise FsError(error.errno_name, path) from None
        return self._opened(node, place.path, is_readable=is_readable, is_writable=True, is_append=is_append)

    # -- changing -----------------------------------------------------------------------------------------

    def write(self, path: str, data: bytes, *, mode: int = 0o666) -> None:
        """Replace the content of a file, making it when it is not there."""
        self.open_write(path, is_truncated=True, mode=mode).write_now(data)

    def make_directory(self, path: str, mode: int = 0o777) -> None:
        """Make one directory; `mode` is cut by the umask."""
        place = self.walk(path.rstrip("/") or path[:1], follow_last=False)
        if place.node is not None:
            raise FsError("EEXIST", path)
        self._make(place, FileKind.DIRECTORY, mode & ~self.umask, path)

    def make_link(self, path: str, target: str) -> None:
        """Make a symbolic link at `path`."""
        place = self.walk(path, follow_last=False)
        if place.node is not None:
            raise FsError("EEXIST", path)
        self._make(place, FileKind.SYMLINK, 0o777, path, target=target)

    def remove_file(self, path: str) -> None:
        """Remove a file or link; unlink(2)."""
        place, node = self._removable(path)
        if node.kind is FileKind.DIRECTORY:
            raise FsError("EISDIR", path)
        place.parent.writable().drop(place.name, self.filesystem.clock())

    def remove_directory(self, path: str) -> None:
        """Remove an empty directory; rmdir(2)."""
        place, node = self._removable(path.rstrip("/") or path[:1])
        if node.kind is not FileKind.DIRECTORY:
            raise FsError("ENOTDIR", path)
        if node.names():
            raise FsError("ENOTEMPTY", path)
        place.parent.writable().drop(place.name, self.filesystem.clock())

    def rename(self, path: str, to_path: str) -> None:
        """Move within one mount, replacing a file or an empty directory; rename(2)."""
        # The directories of both are walked before either is looked up in them.
        self.walk(path, follow_last=False)
        self.walk(to_path, follow_last=False)
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
            is_directory = target.node.kind is FileKind.DIRECTORY
            if is_directory != (node.kind is FileKind.DIRECTORY):
                raise FsError("EISDIR" if is_directory else "ENOTDIR", to_path)
            if is_directory and target.node.names():
                raise FsError("ENOTEMPTY", to_path)
            self._demand_sticky(target.parent, target.node, to_path)
        above = place.parent.writable()
        # Copying one directory up may give the other a new node, so the target is looked up again.
        to_above = self.walk(to_path, follow_last=False).parent.writable()
        above.move(place.name, to_above, target.name, self.filesystem.clock())

    def set_mode(self, path: str, mode: int) -> None:
        """Change the permission bits; only the owner and root may."""
        self._owned(path).set_mode(mode)

    def set_owner(self, path: str, uid: int, gid: int) -> None:
        """Change owner and group; only root may."""
        node = self._owned(path)
        if not self.credentials.is_root:
            raise FsError("EPERM", path)
        node.set_owner(uid, gid)

    def touch(self, path: str, mtime_ns: int | None = None) -> None:
        """Set the time of the last change, now by default; the file must be there."""
        place = self.walk(path)
        if place.node is None:
            raise FsError("ENOENT", path)
        if isinstance(place.node, DeviceNode):
            return
        if place.mount.is_read_only:
            raise FsError("EROFS", path)
        if self.credentials.uid != place.node.stat().uid:
            self._demand(place.node, WRITE, path)
        place.node.writable().set_mtime(self.filesystem.clock() if mtime_ns is None else mtime_ns)

    def change_directory(self, path: str) -> None:
        """Go to a directory; chdir(2)."""
        place = self.walk(path)
        if place.node is None:
            raise FsError("ENOENT", path)
        if place.node.kind is not FileKind.DIRECTORY:
            raise FsError("ENOTDIR", path)
        self._demand(place.node, EXECUTE, path)
        self.cwd = place.path

    # -- checks -------------------------------------------------------------------------------------------

    def _there(self, path: str, *, follow_last: bool = True) -> Node:
        node = self.walk(path, follow_last=follow_last).node
        if node is None:
            raise FsError("ENOENT", path)
        return node

    def _demand(self, node: Node, wanted: int, path: str) -> None:
        if not self.credentials.may(node.stat(), wanted):
            raise FsError("EACCES", path)

    def _demand_sticky(self, parent: Node, node: Node, path: str) -> None:
        """In a sticky directory only the owner of the file or of the directory removes it."""
        above, uid = parent.stat(), self.credentials.uid
        if above.mode & STICKY and uid not in (0, above.uid, node.stat().uid):
            raise FsError("EPERM", path)

    def _opened(
        self, node: Node, path: str, *, is_readable: bool, is_writable: bool = False, is_append: bool = False
    ) -> OpenFile:
        return RegularFile(
            node,
            path=path,
            clock=self.filesystem.clock,
            is_readable=is_readable,
            is_writable=is_writable,
            is_append=is_append,
        )

    def _make(self, place: Place, kind: FileKind, mode: int, path: str, *, target: str = "") -> Node:
        if len(place.name.encode(errors="surrogateescape")) > NAME_BYTES_MAX:
            raise FsError("ENAMETOOLONG", path)
        if place.mount.is_read_only:
            raise FsError("EROFS", path)
        self._demand(place.parent, WRITE | EXECUTE, path)
        above = place.parent.stat()
        gid = above.gid if above.mode & SETGID else self.credentials.gid
        if kind is FileKind.DIRECTORY:
            mode |= above.mode & SETGID
        return place.parent.writable().make(
            place.name,
            kind,
            mode=mode,
            uid=self.credentials.uid,
            gid=gid,
            now_ns=self.filesystem.clock(),
            target=target,
        )

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

    def _owned(self, path: str) -> Node:
        place = self.walk(path)
        if place.node is None:
            raise FsError("ENOENT", path)
        if place.mount.is_read_only:
            raise FsError("EROFS", path)
        if self.credentials.uid not in (0, place.node.stat().uid):
            raise FsError("EPERM", path)
        return place.node.writable()
