"""How a process changes modes, owners and times. Mirrors linux: fs/attr.c and fs/open.c."""

from __future__ import annotations

from kubesim.userland.files.credentials import CAP_CHOWN, CAP_FSETID, WRITE
from kubesim.userland.files.file_stat import FileKind, Stat
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.files.looking import SETGID, Looking
from kubesim.userland.files.nodes import Node
from kubesim.userland.files.open_file import without_privileges


class Attributes(Looking):
    """chmod(2), chown(2), utimensat(2)."""

    __slots__ = ()

    def set_mode(self, path: str, mode: int, *, follow_last: bool = True) -> None:
        """Change the permission bits, as the owner or with CAP_FOWNER.

        The setgid bit needs a group of one's own or CAP_FSETID, and goes otherwise. A link has no mode: ENOTSUP.
        """
        if not self.enters("chmod", path, {1: mode}):
            return
        node, stat = self._changeable(path, follow_last=follow_last)
        who = self.credentials
        if not who.owns(stat):
            raise FsError("EPERM", path)
        if stat.kind is FileKind.SYMLINK:
            raise FsError("ENOTSUP", path)
        if mode & SETGID and not who.is_in_group(stat.gid) and not who.has(CAP_FSETID):
            mode &= ~SETGID
        node.writable().set_mode(mode & 0o7777, self.filesystem.clock())

    def set_owner(self, path: str, uid: int, gid: int, *, follow_last: bool = True) -> None:
        """Change owner and group; -1 leaves one as it is.

        Without CAP_CHOWN the owner may give the file to another of the own groups, and that is all. setuid goes, and
        setgid with it where the group may execute.
        """
        if not self.enters("chown" if follow_last else "lchown", path, {1: uid, 2: gid}):
            return
        node, stat = self._changeable(path, follow_last=follow_last)
        who = self.credentials
        new_uid = stat.uid if uid == -1 else uid
        new_gid = stat.gid if gid == -1 else gid
        if not who.has(CAP_CHOWN):
            is_owner = who.uid == stat.uid
            if uid != -1 and not (is_owner and new_uid == stat.uid):
                raise FsError("EPERM", path)
            if gid != -1 and not (is_owner and (who.is_in_group(new_gid) or new_gid == stat.gid)):
                raise FsError("EPERM", path)
        node = node.writable()
        now_ns = self.filesystem.clock()
        node.set_owner(new_uid, new_gid, now_ns)
        if stat.kind is FileKind.DIRECTORY or stat.kind is FileKind.SYMLINK:
            return
        mode = without_privileges(stat.mode)
        if mode & SETGID and not who.is_in_group(stat.gid) and not who.has(CAP_FSETID):
            mode &= ~SETGID
        if mode != node.stat().mode:
            node.set_mode(mode, now_ns)

    def set_times(
        self, path: str, *, atime_ns: int | None = None, mtime_ns: int | None = None, follow_last: bool = True
    ) -> None:
        """Set the times of the last access and the last change, None for the one that stays.

        Both None is now for both, which everybody who may write can do; a time of one's own needs the owner.
        """
        if not self.enters("utimensat", path):
            return
        node, stat = self._changeable(path, follow_last=follow_last)
        now_ns = self.filesystem.clock()
        if not self.credentials.owns(stat):
            if atime_ns is not None or mtime_ns is not None:
                raise FsError("EPERM", path)
            self._demand(node, WRITE, path)
        if atime_ns is None and mtime_ns is None:
            atime_ns = mtime_ns = now_ns
        node.writable().set_times(
            stat.atime_ns if atime_ns is None else atime_ns, stat.mtime_ns if mtime_ns is None else mtime_ns, now_ns
        )

    def touch(self, path: str, mtime_ns: int | None = None) -> None:
        """Set both times, to now by default; the file must be there. Nobody records when a device was used."""
        if self._there(path).kind is FileKind.DEVICE:
            return
        self.set_times(path, atime_ns=mtime_ns, mtime_ns=mtime_ns)

    def _changeable(self, path: str, *, follow_last: bool) -> tuple[Node, Stat]:
        place = self.walk(path, follow_last=follow_last)
        if place.node is None:
            raise FsError("ENOENT", path)
        if place.mount.is_read_only:
            raise FsError("EROFS", path)
        return place.node, place.node.stat()
