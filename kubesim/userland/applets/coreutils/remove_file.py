"""Removing a file, or a directory with all that is in it: what rm does, and mv with what it has copied."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from kubesim.userland.applets.confirmation import Confirmation
from kubesim.userland.applets.tree_walk import joined
from kubesim.userland.files.credentials import WRITE
from kubesim.userland.files.file_stat import FileKind, Stat
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.processes.process_life import Process


@dataclass(slots=True)
class _Emptied:
    """A directory that is being emptied."""

    path: str
    names: Iterator[str]
    is_empty: bool = True
    """Whether everything below went."""


class Remover:
    """Removes one path after the other. Mirrors busybox: libbb/remove_file.c, remove_file."""

    def __init__(
        self,
        process: Process,
        *,
        is_forced: bool = False,
        is_interactive: bool = False,
        is_recursive: bool = False,
        is_verbose: bool = False,
    ) -> None:
        self._process = process
        self._files = process.files
        self._is_forced = is_forced
        self._is_interactive = is_interactive
        self._is_recursive = is_recursive
        self._is_verbose = is_verbose
        self._confirmation = Confirmation(process)

    async def remove(self, path: str) -> bool:
        """Remove one path; False once it was said why not. What the user wants to keep is no failure."""
        opened: list[_Emptied] = []
        here: str | None = path
        while True:
            if here is not None:
                begun = await self._begin(here)
                is_done = begun is True
                if isinstance(begun, _Emptied):
                    opened.append(begun)
                    is_done = True
                elif not opened:
                    return is_done
                if opened and not is_done:
                    opened[-1].is_empty = False
                await self._process.step()
            here = next(opened[-1].names, None)
            if here is not None:
                here = joined(opened[-1].path, here)
                continue
            is_done = await self._finish(opened.pop())
            if not opened:
                return is_done
            if not is_done:
                opened[-1].is_empty = False

    async def _begin(self, path: str) -> bool | _Emptied:
        try:
            stat = self._files.stat(path, follow_last=False)
        except FsError as error:
            if error.errno_name != "ENOENT":
                await self._process.complain(f"can't stat '{path}': {error.strerror}")
            elif self._is_forced:
                return True
            else:
                await self._process.complain(f"can't remove '{path}': {error.strerror}")
            return False
        if not stat.is_directory:
            return await self._unlink(path, stat)
        if not self._is_recursive:
            await self._process.complain(f"'{path}' is a directory")
            return False
        if self._asks_about(path, stat) and not await self._ask(f"descend into directory '{path}'? "):
            return True
        try:
            return _Emptied(path, iter(self._files.list_dir(path)))
        except FsError:
            return False  # busybox says nothing either

    async def _finish(self, directory: _Emptied) -> bool:
        path = directory.path
        if self._is_interactive and not await self._ask(f"remove directory '{path}'? "):
            return directory.is_empty
        if directory.is_empty and not await self._removed(path, is_directory=True):
            return False
        if self._is_verbose:
            await self._process.say(f"removed directory: '{path}'\n")
        return directory.is_empty

    async def _unlink(self, path: str, stat: Stat) -> bool:
        if self._asks_about(path, stat) and not await self._ask(f"remove '{path}'? "):
            return True
        if not await self._removed(path, is_directory=False):
            return False
        if self._is_verbose:
            await self._process.say(f"removed '{path}'\n")
        return True

    async def _removed(self, path: str, *, is_directory: bool) -> bool:
        try:
            (self._files.remove_directory if is_directory else self._files.remove_file)(path)
        except FsError as error:
            await self._process.complain(f"can't remove '{path}': {error.strerror}")
            return False
        return True

    def _asks_about(self, path: str, stat: Stat) -> bool:
        if self._is_interactive:
            return True
        if self._is_forced or stat.kind is FileKind.SYMLINK or not self._confirmation.is_terminal:
            return False
        return not self._files.may(path, WRITE)

    async def _ask(self, question: str) -> bool:
        return await self._confirmation.ask(f"{self._process.name}: {question}")
