"""The disk of an emulated Windows node: the same tree, whose paths may have drives and backslashes."""

from __future__ import annotations

from kubesim.policy.windows_paths import plain_path
from kubesim.userland.files.host_memory import MemoryHostFiles
from kubesim.userland.files.memory_inode import Inode


class WindowsHostFiles(MemoryHostFiles):
    """Files in memory that are found under both spellings. There is one drive, whatever its letter."""

    __slots__ = ()

    def make_dirs(self, path: str, mode: int = 0o755) -> None:
        """Create a directory and its parents; fine when it exists."""
        super().make_dirs(plain_path(path), mode)

    def _walk(self, path: str, *, follow_last: bool = True) -> Inode | None:
        return super()._walk(plain_path(path), follow_last=follow_last)

    def _stack(self, path: str, *, follow_last: bool = True) -> list[tuple[str, Inode]] | None:
        return super()._stack(plain_path(path), follow_last=follow_last)

    def _parent(self, path: str) -> tuple[Inode, str]:
        return super()._parent(plain_path(path))
