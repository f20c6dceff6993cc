"""The files of a virtual node: nothing touches the disk."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from typing import TYPE_CHECKING

from kubesim.userland.files.fifo import Fifo
from kubesim.userland.files.file_stat import FileKind, Stat
from kubesim.userland.files.file_system_stat import HostDisk
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.files.memory_inode import (
    MEMORY_BYTES,
    BindPoint,
    Inode,
    MemoryAppendFile,
    MemoryOpenFile,
    default_disk,
    memory_disk,
)
from kubesim.userland.files.memory_node import MemoryNode
from kubesim.userland.files.node_mounts import NodeMounts, SeenMounts
from kubesim.userland.files.nodes import Node

if TYPE_CHECKING:
    from kubesim.userland.files.host_files import HostFiles

LINKS_MAX = 40
_NO_NAMES = ("", ".", "..")

_NOT_A_FILE = {FileKind.DIRECTORY: "EISDIR", FileKind.SYMLINK: "ELOOP"}


def _epoch() -> int:
    return 0


class MemoryHostFiles:
    """A disk in memory, for virtual runs. `now_ns` gives the times of changes; without it they are all 0."""

    __slots__ = ("_follows_links", "_node", "_root", "_tmpfs", "base")

    def __init__(self, *, now_ns: Callable[[], int] = _epoch) -> None:
        self._node = MemoryNode(now_ns)
        self._root = self._inode(FileKind.DIRECTORY, 0o755)
        self._follows_links = True
        self._tmpfs: Inode | None = None
        self.base = ""

    @property
    def fifos(self) -> MutableMapping[tuple[int, int], Fifo]:
        """The pipes with a name that processes here have opened, by device and inode."""
        return self._node.fifos

    @property
    def mounts(self) -> NodeMounts:
        """What containers have mounted on the node."""
        return self._node.mounts

    def read(self, path: str) -> bytes | None:
        """Content of a file, None when there is none."""
        try:
            return bytes(self._file(path).content)
        except FsError as error:
            if error.errno_name == "ENOENT":
                return None
            raise

    def read_at(self, path: str, offset: int, size: int) -> bytes:
        """At most `size` bytes from `offset` on."""
        return bytes(self._file(path).content[offset : offset + size])

    def write(self, path: str, data: bytes, mode: int = 0o644) -> None:
        """Replace the content of a file, in place; `mode` counts when it is created."""
        file = self._file(path, create_mode=mode)
        file.content[:] = data
        file.changed(self._node.now_ns())

    def write_at(self, path: str, offset: int, data: bytes) -> None:
        """Write into a file that exists."""
        file = self._file(path)
        file.content.extend(bytes(max(0, offset - len(file.content))))
        file.content[offset : offset + len(data)] = data
        file.changed(self._node.now_ns())

    def truncate(self, path: str, size_bytes: int) -> None:
        """Cut or extend a file that exists."""
        file = self._file(path)
        del file.content[size_bytes:]
        file.content.extend(bytes(size_bytes - len(file.content)))
        file.changed(self._node.now_ns())

    def append(self, path: str, data: bytes, mode: int = 0o644) -> None:
        """Add to the end of the file; makes it when it is not there."""
        file = self._file(path, create_mode=mode)
        file.content += data
        file.changed(self._node.now_ns())

    def open_append(self, path: str, mode: int = 0o644) -> MemoryAppendFile:
        """The same for many writes, whatever becomes of the path."""
        return MemoryAppendFile(self._file(path, create_mode=mode), self._node.now_ns)

    def make_dirs(self, path: str, mode: int = 0o755) -> None:
        """Create a directory and its parents; fine when it exists."""
        there = self._walk(path)
        if there is not None and there.kind is FileKind.DIRECTORY:
            return
        names = [part for part in path.split("/") if part]
        found = len(names)
        while there is None and found > 1:
            # Mostly all but the last names are there.
            found -= 1
            there = self._walk("/".join(names[:found]))
        done = "".join(f"/{name}" for name in names[: found - 1])
        for name in names[found - 1 :]:
            done = f"{done}/{name}"
            there = self._walk(done)
            if there is None:
                self._add(done, self._inode(FileKind.DIRECTORY, mode))
            elif there.kind is not FileKind.DIRECTORY:
                raise FsError("EEXIST" if done == path.rstrip("/") else "ENOTDIR", path)

    def make_directory(self, path: str, mode: int = 0o755) -> None:
        """Create one directory."""
        self._add(path, self._inode(FileKind.DIRECTORY, mode))

    def make_link(self, path: str, target: str) -> None:
        """Create a symbolic link."""
        link = self._inode(FileKind.SYMLINK, 0o777)
        link.target = target
        self._add(path, link)

    def link(self, path: str, to_path: str) -> None:
        """Give a file one more name."""
        node = self._must(path, follow_last=False)
        if node.kind is FileKind.DIRECTORY:
            raise FsError("EPERM", path)
        self._add(to_path, node)
        node.links_count += 1
        node.ctime_ns = self._node.now_ns()

    def make_fifo(self, path: str, mode: int = 0o644) -> None:
        """Create a pipe with a name."""
        self._add(path, self._inode(FileKind.FIFO, mode))

    def open(self, path: str, *, is_writable: bool = False, is_append: bool = False) -> MemoryOpenFile:  # noqa: ARG002 - memory is always writable
        """Hold a regular file open."""
        return MemoryOpenFile(self._file(path), self._node.now_ns, is_append=is_append)

    def mount_tmpfs(self, path: str, size_bytes: int | None) -> None:
        """A bind of this directory, or of one below, lies on a tmpfs from now on."""
        self._node.has_tmpfs = True
        self._must(path).tmpfs_bytes = MEMORY_BYTES // 2 if size_bytes is None else size_bytes

    @property
    def can_bind(self) -> bool:
        """Whether `bind` works here."""
        return True

    def bind(self, source: str, path: str) -> None:
        """A bind of `path` is one of `source` from now on. Whoever looks at `path` itself sees what it was before."""
        self._must(source)
        there = self._must(path)
        above, name = self._parent(path)
        self._node.leaves(there)
        above.children[name] = BindPoint(there.kind, there.mode, self._node.now_ns(), there.number, source)

    def private_mounts(self) -> SeenMounts | None:
        """The mounts there are now."""
        return self.mounts.snapshot()

    def mount(self, path: str, root: Node, source: tuple[HostFiles, str] | None = None) -> None:
        """Nobody looks at this node from outside."""

    def unmount(self, path: str) -> None:
        """Nothing was done."""

    def unmount_all(self) -> None:
        """Nothing was done."""

    def statfs(self) -> HostDisk:
        """An ext4 of which nothing is taken, or the tmpfs that the bind lies on."""
        return default_disk() if self._tmpfs is None else memory_disk(self._tmpfs)

    def read_link(self, path: str) -> str:
        """Where a symbolic link points."""
        node = self._must(path, follow_last=False)
        if node.kind is not FileKind.SYMLINK:
            raise FsError("EINVAL", path)
        return node.target

    def remove(self, path: str) -> None:
        """Remove a file or a whole directory; fine when it is not there. A link goes, not what it points to."""
        node = self._walk(path, follow_last=False)
        if node is not None:
            above, name = self._holder(path, node, "EINVAL")
            self._node.leaves(node)
            above.lose(name, self._node.now_ns())

    def remove_one(self, path: str) -> None:
        """Remove a file, a link or an empty directory."""
        node = self._must(path, follow_last=False)
        if node.children:
            raise FsError("ENOTEMPTY", path)
        above, name = self._holder(path, node, "EINVAL")
        self._node.leaves(node)
        above.lose(name, self._node.now_ns())

    def rename(self, path: str, to_path: str) -> None:
        """Move, replacing what is at `to_path`."""
        node = self._must(path, follow_last=False)
        above, name = self._holder(path, node, "EBUSY")
        to_above, to_name = self._parent(to_path)
        there = to_above.children.get(to_name)
        if there is node:
            return
        if there is not None:
            is_directory = there.kind is FileKind.DIRECTORY
            if is_directory != (node.kind is FileKind.DIRECTORY):
                raise FsError("EISDIR" if is_directory else "ENOTDIR", to_path)
            if there.children:
                raise FsError("ENOTEMPTY", to_path)
        if node.holds(to_above):
            raise FsError("EINVAL", to_path)
        now_ns = self._node.now_ns()
        self._node.leaves(node)
        if there is not None:
            to_above.lose(to_name, now_ns)
        to_above.gain(to_name, above.hand_over(name, now_ns), now_ns)
        node.ctime_ns = now_ns

    def set_mode(self, path: str, mode: int) -> None:
        """Change the permission bits."""
        node = self._must(path)
        node.mode, node.ctime_ns = mode, self._node.now_ns()

    def set_owner(self, path: str, uid: int, gid: int) -> None:
        """Change the owner, of a link itself too."""
        node = self._must(path, follow_last=False)
        node.uid, node.gid, node.ctime_ns = uid, gid, self._node.now_ns()

    def set_times(self, path: str, atime_ns: int, mtime_ns: int) -> None:
        """Change the times of the last access and the last change, of a link itself too."""
        node = self._must(path, follow_last=False)
        node.atime_ns, node.mtime_ns, node.ctime_ns = atime_ns, mtime_ns, self._node.now_ns()

    def leads_straight(self, path: str) -> bool:
        """Whether a path is there, without a link in it and as `realpath` would write it. False where nobody knows."""
        return (self._follows_links and self._node.at(path) is not None) or self._root.leads_straight(path)

    def kind(self, path: str) -> str | None:
        """What is at `path`, None for nothing. Does not follow a link at the end."""
        node = self._seen(path)
        return None if node is None else node.kind

    def stat(self, path: str) -> Stat | None:
        """What is at `path`, None for nothing. Does not follow a link at the end."""
        node = self._seen(path)
        return None if node is None else node.stat()

    def list_dir(self, path: str) -> list[str]:
        """Names in a directory, sorted."""
        node = self._must(path)
        if node.kind is not FileKind.DIRECTORY:
            raise FsError("ENOTDIR", path)
        return sorted(node.children)

    def confined(self, path: str) -> MemoryHostFiles:
        """The files at and below `path`, whose own links are followed now, once."""
        at_once = self._node.at(path) if self._follows_links and not self._node.has_tmpfs else None
        if at_once is not None:
            return self._inside(at_once, None, path)
        stack = self._stack(path)
        if stack is not None and isinstance(stack[-1][1], BindPoint):
            stack = self._stack(stack[-1][1].source)
        if stack is None:
            raise FsError("ENOENT", path)
        tmpfs = next((node for _, node in reversed(stack) if node.tmpfs_bytes), self._tmpfs)
        base = self.base + "".join([f"/{name}" for name, _ in stack[1:]])
        # Mostly the same text, which somebody keeps in any case.
        return self._inside(stack[-1][1], tmpfs, path if path == base else base)

    def _inside(self, root: Inode, tmpfs: Inode | None, base: str) -> MemoryHostFiles:
        """A part of this disk. Each mount of each container makes some: there is no disk of its own to begin with."""
        inside: MemoryHostFiles = MemoryHostFiles.__new__(MemoryHostFiles)
        inside._node = self._node
        inside._root, inside._tmpfs, inside.base = root, tmpfs, base
        inside._follows_links = False
        return inside

    def _seen(self, path: str) -> Inode | None:
        try:
            return self._walk(path, follow_last=False)
        except FsError:
            return None  # behind links that are not followed there is nothing

    # -- walking ------------------------------------------------------------------------------------------

    def _walk(self, path: str, *, follow_last: bool = True) -> Inode | None:
        """The node at `path`, or None. A link on the way is followed, or an error when this is confined."""
        if self._follows_links:
            above_path, _, last = path.rpartition("/")
            known = self._node.known.get(above_path)
            if known is not None and last not in _NO_NAMES:
                below = known.children.get(last)
                if below is None or below.kind is not FileKind.SYMLINK:
                    return below
        above = node = self._root
        name = ""
        for name in path.split("/"):
            if not name or name == ".":
                continue
            if node.kind is not FileKind.DIRECTORY:
                return None
            below = node.children.get(name)
            if name == ".." or (below is not None and below.kind is FileKind.SYMLINK):
                # Up, or somewhere else: where this leads depends on the way here.
                stack = self._stack(path, follow_last=follow_last)
                return None if stack is None else stack[-1][1]
            if below is None:
                return None
            above, node = node, below
        if self._follows_links and name not in _NO_NAMES:
            self._node.remember(path.rpartition("/")[0], above)
        return node

    def _stack(self, path: str, *, follow_last: bool = True) -> list[tuple[str, Inode]] | None:
        """The nodes from the root down to `path` with their names."""
        stack = [("", self._root)]
        pending = [name for name in path.split("/") if name and name != "."][::-1]
        links_count = 0
        while pending:
            name = pending.pop()
            if name == "..":
                if not self._follows_links:
                    raise FsError("EXDEV", path)
                if len(stack) > 1:
                    stack.pop()
                continue
            above = stack[-1][1]
            if above.kind is not FileKind.DIRECTORY:
                return None
            node = above.children.get(name)
            if node is None:
                return None
            if node.kind is FileKind.SYMLINK and (pending or (follow_last and self._follows_links)):
                links_count += 1
                if links_count > LINKS_MAX or not self._follows_links:
                    raise FsError("ELOOP", path)
                if node.target.startswith("/"):
                    del stack[1:]
                pending.extend([part for part in node.target.split("/") if part and part != "."][::-1])
                continue
            stack.append((name, node))
        return stack

    def _inode(self, kind: FileKind, mode: int) -> Inode:
        return Inode(kind, mode, self._node.now_ns(), next(self._node.numbers))

    def _must(self, path: str, *, follow_last: bool = True) -> Inode:
        node = self._walk(path, follow_last=follow_last)
        if node is None:
            raise FsError("ENOENT", path)
        return node

    def _parent(self, path: str) -> tuple[Inode, str]:
        above, _, name = path.rstrip("/").rpartition("/")
        if not name:
            raise FsError("EBUSY", path)
        node = self._must(above)
        if node.kind is not FileKind.DIRECTORY:
            raise FsError("ENOTDIR", path)
        return node, name

    def _holder(self, path: str, node: Inode, errno_name: str) -> tuple[Inode, str]:
        """The directory that a node lies in, and its name there; `.` and `..` are no names. Raises FsError."""
        above, name = self._parent(path)
        if above.children.get(name) is not node:
            raise FsError(errno_name, path)
        return above, name

    def _add(self, path: str, node: Inode) -> None:
        is_odd = not path or path.endswith(("/", "."))  # the last part may be none, or no name
        if is_odd and self._walk(path, follow_last=False) is not None:
            raise FsError("EEXIST", path)
        above, name = self._parent(path)
        if name in above.children:
            raise FsError("EEXIST", path)
        above.gain(name, node, self._node.now_ns())

    def _file(self, path: str, *, create_mode: int | None = None) -> Inode:
        node = self._walk(path)
        if node is None:
            if create_mode is None:
                raise FsError("ENOENT", path)
            node = self._inode(FileKind.FILE, create_mode)
            self._add(path, node)
        if node.kind is not FileKind.FILE:
            raise FsError(_NOT_A_FILE.get(node.kind, "ENXIO"), path)
        return node
