"""How a process opens files; open(2) with its flags."""

from __future__ import annotations

from kubesim.userland.files.credentials import CAP_FSETID, EXECUTE, READ, WRITE
from kubesim.userland.files.file_stat import FileKind
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.files.host_node import HostNode
from kubesim.userland.files.looking import SETGID, Looking
from kubesim.userland.files.nodes import Node
from kubesim.userland.files.open_file import OpenFile, RegularFile
from kubesim.userland.files.overlay import UpperFifo
from kubesim.userland.files.place import Place

_DEVICES = (FileKind.DEVICE, FileKind.BLOCK_DEVICE)


class Opening(Looking):
    """Files to read and to write."""

    __slots__ = ()

    def open_read(self, path: str, *, follow_last: bool = True) -> OpenFile:
        """Open for reading. A directory opens; reading it is EISDIR. Without `follow_last` a link is ELOOP."""
        place = self.walk(path, follow_last=follow_last)
        node = place.node
        if node is None:
            raise FsError("ENOENT", path)
        if node.kind is FileKind.SYMLINK:
            raise FsError("ELOOP", path)
        self._demand(node, READ, path)
        special = self._special(place, node, path, is_readable=True, is_writable=False)
        return special or self._opened(place, node, path, is_readable=True)

    def open_write(
        self,
        path: str,
        *,
        is_append: bool = False,
        is_truncated: bool = False,
        is_readable: bool = False,
        is_exclusive: bool = False,
        is_created: bool = True,
        follow_last: bool = True,
        mode: int = 0o666,
    ) -> OpenFile:
        """Open for writing, making the file when it is not there; `mode` is cut by the umask.

        `is_exclusive` is O_EXCL: EEXIST for whatever is there, also a link that leads nowhere. Without `is_created` the
        file must be there. Without `follow_last` (O_NOFOLLOW) a link is ELOOP.
        """
        place = self.walk(path, follow_last=follow_last and not is_exclusive)
        node = place.node
        if node is None:
            if path.endswith("/"):
                raise FsError("EISDIR", path)
            if not is_created:
                raise FsError("ENOENT", path)
            node = self._make(place, FileKind.FILE, mode & ~self.umask, path)
            return self._opened(place, node, path, is_readable=is_readable, is_writable=True, is_append=is_append)
        if is_exclusive:
            raise FsError("EEXIST", path)
        if node.kind is FileKind.SYMLINK:
            raise FsError("ELOOP", path)
        if node.kind is FileKind.DIRECTORY:
            raise FsError("EISDIR", path)
        is_special = node.kind is not FileKind.FILE
        if place.mount.is_read_only and not is_special:
            raise FsError("EROFS", path)
        self._demand(node, WRITE | (READ if is_readable else 0), path)
        special = self._special(place, node, path, is_readable=is_readable, is_writable=True)
        if special is not None:
            return special
        node = node.writable()
        file = self._opened(place, node, path, is_readable=is_readable, is_writable=True, is_append=is_append)
        if is_truncated:
            try:
                file.truncate(0)
            except FsError as error:
                raise FsError(error.errno_name, path) from None
        return file

    def write(self, path: str, data: bytes, *, mode: int = 0o666) -> None:
        """Replace the content of a file, making it when it is not there."""
        file = self.open_write(path, is_truncated=True, mode=mode).hold()
        try:
            file.write_now(data)
        finally:
            file.release()

    def truncate(self, path: str, size_bytes: int) -> None:
        """Cut or extend a file that is there; truncate(2)."""
        file = self.open_write(path, is_created=False)
        if not isinstance(file, RegularFile):
            raise FsError("EINVAL", path)
        try:
            file.truncate(size_bytes)
        except FsError as error:
            raise FsError(error.errno_name, path) from None

    def _special(self, place: Place, node: Node, path: str, *, is_readable: bool, is_writable: bool) -> OpenFile | None:
        """What opening a device or a pipe gives; None for a file or directory."""
        if node.kind in (FileKind.FILE, FileKind.DIRECTORY):
            return None
        if node.kind in _DEVICES:
            if "nodev" in place.mount.flags and not place.path.startswith("/proc/"):
                raise FsError("EACCES", path)
            try:
                return node.opened(self.process)
            except FsError as error:
                raise FsError(error.errno_name, path) from None
        if isinstance(node, UpperFifo | HostNode) and node.kind is FileKind.FIFO:
            return node.fifo().open(is_readable=is_readable, is_writable=is_writable, path=place.path)
        raise FsError("ENXIO", path)

    def _opened(
        self,
        place: Place,
        node: Node,
        path: str,
        *,
        is_readable: bool,
        is_writable: bool = False,
        is_append: bool = False,
    ) -> RegularFile:
        volume = place.mount.volume
        try:
            held = node.held_open(is_writable=is_writable, is_append=is_append)
        except FsError as error:
            raise FsError(error.errno_name, path) from None
        return RegularFile(
            held,
            path=place.path,
            clock=self.filesystem.clock,
            is_readable=is_readable,
            is_writable=is_writable,
            is_append=is_append,
            keeps_privileges=self.credentials.has(CAP_FSETID),
            room=self.filesystem.room_checker(place.mount) if is_writable and volume.size_bytes is not None else None,
        )

    def _make(self, place: Place, kind: FileKind, mode: int, path: str, *, target: str = "") -> Node:
        """A new node of the process's own. Mirrors linux: fs/inode.c, inode_init_owner."""
        gid, mode = self._begin(place, kind, mode, path)
        return place.parent.writable().make(
            place.name,
            kind,
            mode=mode,
            uid=self.credentials.uid,
            gid=gid,
            now_ns=self.filesystem.clock(),
            target=target,
        )

    def _begin(self, place: Place, kind: FileKind, mode: int, path: str) -> tuple[int, int]:
        """Whether something can be made at a free name; the group and the mode it gets."""
        if place.mount.is_read_only:
            raise FsError("EROFS", path)
        self._demand(place.parent, WRITE | EXECUTE, path)
        above = place.parent.stat()
        who = self.credentials
        if not above.mode & SETGID:
            return who.gid, mode
        if kind is FileKind.DIRECTORY:
            return above.gid, mode | SETGID
        if mode & SETGID and mode & 0o010 and not who.is_in_group(above.gid) and not who.has(CAP_FSETID):
            mode &= ~SETGID
        return above.gid, mode
