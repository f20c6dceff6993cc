"""The files of the node, as the runtime and the kubelet use them: a real disk, or one in memory.

Rule 1: paths are absolute, with `/` between names.
Rule 2: what goes wrong is an FsError, which is an OSError; a file that is not there is an answer, not an error, where
the docstring says so.
Rule 3: `confined(path)` is what a bind mount gets. Its paths start at the bind, and no link in them is ever followed,
so nothing a container puts into its volume leads anywhere else.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Protocol

from kubesim.userland.files.fifo import Fifo
from kubesim.userland.files.file_stat import Stat
from kubesim.userland.files.file_system_stat import HostDisk
from kubesim.userland.files.host_disk import RealHostFiles
from kubesim.userland.files.host_memory import MemoryHostFiles
from kubesim.userland.files.node_mounts import NodeMounts, SeenMounts
from kubesim.userland.files.nodes import Node

__all__ = ["AppendFile", "HostFiles", "HostOpenFile", "MemoryHostFiles", "RealHostFiles"]


class AppendFile(Protocol):
    """A file held open at its end: after a rename of the path, writes still go to the same file."""

    def write(self, data: bytes) -> None:
        """Append `data` with one write."""

    def close(self) -> None:
        """Let go of the file."""


class HostOpenFile(Protocol):
    """A regular file held open: it stays the same one whatever becomes of its name."""

    def read_at(self, offset: int, size: int) -> bytes:
        """At most `size` bytes from `offset` on."""

    def write_at(self, offset: int, data: bytes) -> None:
        """Write; what lies between the end and `offset` becomes zero. Opened for appending, it writes at the end."""

    def truncate(self, size_bytes: int) -> None:
        """Cut or extend."""

    def set_mode(self, mode: int) -> None:
        """Change the permission bits."""

    def stat(self) -> Stat:
        """What it is now."""

    def close(self) -> None:
        """Let go of the file."""


class HostFiles(Protocol):
    """Files of the node."""

    @property
    def base(self) -> str:
        """Where `/` lies on the node: "" for the node's own root, else the path that was confined."""

    @property
    def mounts(self) -> NodeMounts:
        """What containers have mounted on the node."""

    def private_mounts(self) -> SeenMounts | None:
        """What a bind that receives no mounts sees from now on."""

    def mount(self, path: str, root: Node, source: tuple[HostFiles, str] | None = None) -> None:
        """Show on the node itself what a container mounted at a path. Raises FsError where that cannot be done.

        `source` is where the mounted folder lies on the node, None for files of a container.
        """

    def unmount(self, path: str) -> None:
        """Undo `mount`."""

    def unmount_all(self) -> None:
        """Undo every `mount` that is left: the world ends."""

    @property
    def fifos(self) -> MutableMapping[tuple[int, int], Fifo]:
        """The pipes with a name that processes here have opened, by device and inode: they end in this world."""

    def open(self, path: str, *, is_writable: bool = False, is_append: bool = False) -> HostOpenFile:
        """Hold a regular file open."""

    def link(self, path: str, to_path: str) -> None:
        """Give a file one more name; EEXIST when there is something."""

    def make_fifo(self, path: str, mode: int = 0o644) -> None:
        """Create a pipe with a name; EEXIST when there is something."""

    def read(self, path: str) -> bytes | None:
        """Content of a file, None when there is none."""

    def read_at(self, path: str, offset: int, size: int) -> bytes:
        """At most `size` bytes from `offset` on."""

    def write(self, path: str, data: bytes, mode: int = 0o644) -> None:
        """Replace the content of a file, in place; `mode` counts when it is created."""

    def write_at(self, path: str, offset: int, data: bytes) -> None:
        """Write into a file that exists; what lies between its end and `offset` becomes zero."""

    def truncate(self, path: str, size_bytes: int) -> None:
        """Cut or extend a file that exists."""

    def append(self, path: str, data: bytes, mode: int = 0o644) -> None:
        """One write at the end of the file; makes it when it is not there."""

    def open_append(self, path: str, mode: int = 0o644) -> AppendFile:
        """The same for many writes; makes the file when it is not there."""

    def make_dirs(self, path: str, mode: int = 0o755) -> None:
        """Create a directory and its parents; fine when it exists."""

    def make_directory(self, path: str, mode: int = 0o755) -> None:
        """Create one directory; EEXIST when there is something."""

    def make_link(self, path: str, target: str) -> None:
        """Create a symbolic link; EEXIST when there is something."""

    def read_link(self, path: str) -> str:
        """Where a symbolic link points."""

    def remove(self, path: str) -> None:
        """Remove a file or a whole directory; fine when it is not there. A link goes, not what it points to."""

    def remove_one(self, path: str) -> None:
        """Remove a file, a link or an empty directory."""

    def rename(self, path: str, to_path: str) -> None:
        """Move, replacing what is at `to_path`."""

    def mount_tmpfs(self, path: str, size_bytes: int | None) -> None:
        """Keep what lies in a directory in memory. A host that does not permit it leaves it on its disk."""

    @property
    def can_bind(self) -> bool:
        """Whether `bind` works here."""

    def bind(self, source: str, path: str) -> None:
        """Let a bind of `path` be one of `source`, until `path` is removed."""

    def set_mode(self, path: str, mode: int) -> None:
        """Change the permission bits."""

    def set_owner(self, path: str, uid: int, gid: int) -> None:
        """Change the owner. A host that does not permit it keeps the owner in memory, and `stat` shows it."""

    def set_times(self, path: str, atime_ns: int, mtime_ns: int) -> None:
        """Change the times of the last access and the last change."""

    def statfs(self) -> HostDisk:
        """The disk that the files lie on."""

    def leads_straight(self, path: str) -> bool:
        """Whether a path is there, without a link in it and as `realpath` would write it. False where nobody knows."""

    def kind(self, path: str) -> str | None:
        """ "file", "directory", "symlink", another FileKind, or None. Does not follow a link at the end."""

    def stat(self, path: str) -> Stat | None:
        """What is at `path`, None for nothing. Does not follow a link at the end."""

    def list_dir(self, path: str) -> list[str]:
        """Names in a directory, sorted; FsError when it is none."""

    def confined(self, path: str) -> HostFiles:
        """The files at and below `path`, whose own links are followed now, once. `/` is `path` itself, maybe a file."""
