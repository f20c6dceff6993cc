"""A file of the virtual node: its inode, and what holds it open."""

from __future__ import annotations

from collections.abc import Callable

from kubesim.userland.files.file_stat import FileKind, Stat, device_number
from kubesim.userland.files.file_system_stat import FileSystemStat, HostDisk

DEVICE = device_number(8, 1)
"""The number of the disk, as of /dev/sda1."""

PAGE_BYTES = 4096
MEMORY_BYTES = 4 * 1024**3
"""Of the node; a tmpfs without a size takes half of it. See processes.cgroup, NODE_BYTES."""

DISK_BYTES = 64 * 1024**3
DISK_INODES_COUNT = 4 * 1024**2
"""What the disk holds. What lies on it is not counted: nobody fills it."""


def default_disk() -> HostDisk:
    """The disk of a node of which nothing else is known: an ext4 of which nothing is taken."""
    room = FileSystemStat(
        type="ext4",
        size_bytes=DISK_BYTES,
        free_bytes=DISK_BYTES,
        available_bytes=DISK_BYTES,
        inodes_count=DISK_INODES_COUNT,
        free_inodes_count=DISK_INODES_COUNT,
    )
    return HostDisk(stat=room, source="/dev/sda1", device=DEVICE)


def memory_disk(root: Inode) -> HostDisk:
    """The tmpfs that is mounted on a directory, as full as it is."""
    files_count, used_bytes = _usage(root)
    inodes_count = MEMORY_BYTES // 2 // PAGE_BYTES
    free_bytes = max(0, root.tmpfs_bytes - used_bytes)
    room = FileSystemStat(
        type="tmpfs",
        size_bytes=root.tmpfs_bytes,
        free_bytes=free_bytes,
        available_bytes=free_bytes,
        inodes_count=inodes_count,
        free_inodes_count=inodes_count - files_count,
    )
    return HostDisk(stat=room, source="tmpfs", device=DEVICE)


def _usage(node: Inode) -> tuple[int, int]:
    """How many files a directory holds with itself, and their bytes in whole pages."""
    files_count, used_bytes = 1, -(-len(node.content) // PAGE_BYTES) * PAGE_BYTES
    for child in node.children.values():
        more, bytes_ = _usage(child)
        files_count, used_bytes = files_count + more, used_bytes + bytes_
    return files_count, used_bytes


class Inode:
    """One file, directory or link."""

    __slots__ = (
        "atime_ns",
        "children",
        "content",
        "ctime_ns",
        "gid",
        "kind",
        "links_count",
        "mode",
        "mtime_ns",
        "number",
        "target",
        "tmpfs_bytes",
        "uid",
    )

    def __init__(self, kind: FileKind, mode: int, now_ns: int, number: int) -> None:
        self.kind = kind
        self.mode = mode
        self.uid = 0
        self.gid = 0
        self.atime_ns = self.mtime_ns = self.ctime_ns = now_ns
        self.number = number
        # A directory has its own ".", its name above, and ".." of each directory in it: counted as they come and go.
        self.links_count = 2 if kind is FileKind.DIRECTORY else 1
        self.content = bytearray() if kind is FileKind.FILE else _NO_CONTENT
        self.target = ""
        # The size of the tmpfs that is mounted on this directory, 0 for none.
        self.tmpfs_bytes = 0
        self.children: dict[str, Inode] = {} if kind is FileKind.DIRECTORY else _NO_CHILDREN

    def stat(self) -> Stat:
        """What stat(2) says."""
        size_bytes = len(self.target) if self.kind is FileKind.SYMLINK else len(self.content)
        return Stat(
            kind=self.kind,
            mode=self.mode,
            uid=self.uid,
            gid=self.gid,
            size_bytes=size_bytes,
            mtime_ns=self.mtime_ns,
            atime_ns=self.atime_ns,
            ctime_ns=self.ctime_ns,
            device=DEVICE,
            inode=self.number,
            links_count=self.links_count,
        )

    def changed(self, now_ns: int) -> None:
        """The content is another one."""
        self.mtime_ns = self.ctime_ns = now_ns

    def gain(self, name: str, child: Inode, now_ns: int) -> None:
        """Give a node a name in this directory."""
        self.children[name] = child
        if child.kind is FileKind.DIRECTORY:
            self.links_count += 1
        self.changed(now_ns)

    def hand_over(self, name: str, now_ns: int) -> Inode:
        """Take a name out of this directory; its node, which gets another one."""
        child = self.children.pop(name)
        if child.kind is FileKind.DIRECTORY:
            self.links_count -= 1
        self.changed(now_ns)
        return child

    def lose(self, name: str, now_ns: int) -> None:
        """Remove a name of this directory."""
        child = self.hand_over(name, now_ns)
        if child.kind is not FileKind.DIRECTORY:
            child.links_count -= 1
        child.ctime_ns = now_ns

    def holds(self, wanted: Inode) -> bool:
        """Whether a node is this one or lies below it."""
        return self is wanted or any(child.holds(wanted) for child in self.children.values())

    def leads_straight(self, path: str) -> bool:
        """Whether a path from this root is there, without a link or a bind, and as `realpath` would write it."""
        first, *names = path.split("/")
        node = self
        for name in names:
            below = node.children.get(name)
            if below is None or below.kind is FileKind.SYMLINK:
                return False
            node = below
        return not first and node is not self and not isinstance(node, BindPoint)


_NO_CONTENT = bytearray()
_NO_CHILDREN: dict[str, Inode] = {}
"""What a kind has that cannot have any, one for all inodes of it: nobody writes into either."""


class BindPoint(Inode):
    """A file or directory to which something else of the node is bound."""

    __slots__ = ("source",)

    def __init__(self, kind: FileKind, mode: int, now_ns: int, number: int, source: str) -> None:
        """`source` is the path of what is bound."""
        super().__init__(kind, mode, now_ns, number)
        self.source = source


class MemoryOpenFile:
    """A file, whatever becomes of its name."""

    __slots__ = ("_file", "_is_append", "_now_ns")

    def __init__(self, file: Inode, now_ns: Callable[[], int], *, is_append: bool) -> None:
        self._file = file
        self._now_ns = now_ns
        self._is_append = is_append

    def read_at(self, offset: int, size: int) -> bytes:
        """At most `size` bytes from `offset` on."""
        return bytes(self._file.content[offset : offset + size])

    def write_at(self, offset: int, data: bytes) -> None:
        """Write, at the end when it was opened so."""
        content = self._file.content
        if self._is_append:
            offset = len(content)
        if data:
            content.extend(bytes(max(0, offset - len(content))))
        content[offset : offset + len(data)] = data
        self._file.changed(self._now_ns())

    def truncate(self, size_bytes: int) -> None:
        """Cut or extend."""
        del self._file.content[size_bytes:]
        self._file.content.extend(bytes(size_bytes - len(self._file.content)))
        self._file.changed(self._now_ns())

    def set_mode(self, mode: int) -> None:
        """Change the permission bits."""
        self._file.mode, self._file.ctime_ns = mode, self._now_ns()

    def stat(self) -> Stat:
        """What it is now."""
        return self._file.stat()

    def close(self) -> None:
        """Nothing to let go of: the file lives as long as something names it."""


class MemoryAppendFile:
    """A file, however its name changes."""

    def __init__(self, file: Inode, now_ns: Callable[[], int]) -> None:
        self._file = file
        self._now_ns = now_ns

    def write(self, data: bytes) -> None:
        """Add to the end."""
        self._file.content += data
        self._file.changed(self._now_ns())

    def close(self) -> None:
        """Nothing to let go of: the file lives as long as something names it."""
