"""Copying a file, or a directory with all that is in it: what cp does, and mv from one file system to another."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from kubesim.userland.applets.confirmation import Confirmation
from kubesim.userland.applets.coreutils.mknod import make_special
from kubesim.userland.applets.tree_walk import joined
from kubesim.userland.files.file_stat import FileKind, Stat
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.files.open_file import OpenFile
from kubesim.userland.processes.descriptors import READ_BYTES
from kubesim.userland.processes.process_life import Process

_NS = 1_000_000_000
_OWNER_ALL = 0o700
_SETUID_SETGID = 0o6000


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyOptions:
    """How to copy."""

    is_recursive: bool = False
    is_preserving: bool = False
    """Keep mode, owner, group and time."""
    follows_all: bool = True
    follows_operand: bool = False
    is_forced: bool = False
    is_interactive: bool = False
    keeps_existing: bool = False
    link: Literal["", "hard", "symbolic"] = ""
    """Make links instead of copies."""
    is_update: bool = False
    """Copy only what is newer than what is there."""
    removes_existing: bool = False
    is_verbose: bool = False
    reflink: Literal["", "auto", "always"] = ""


@dataclass(slots=True)
class _Directory:
    """A directory whose content is being copied."""

    source: str
    dest: str
    stat: Stat
    names: Iterator[str]
    is_new: bool
    is_whole: bool = True


_Copied: TypeAlias = bool | _Directory


class Copier:
    """Copies one path after the other. Mirrors busybox: libbb/copy_file.c, copy_file, without its NON_POSIX_CP."""

    def __init__(self, process: Process, options: CopyOptions) -> None:
        self._process = process
        self._files = process.files
        self._options = options
        self._confirmation = Confirmation(process)
        # (device, inode) of the directories that were made, and of files by the path of their copy.
        self._made: dict[tuple[int, int], str] = {}

    async def copy(self, source: str, dest: str) -> bool:
        """Copy one path; False once it was said why not. A user who says no is no failure."""
        opened: list[_Directory] = []
        is_top = True
        while True:
            copied = await self._copied(source, dest, is_top=is_top)
            await self._process.step()
            is_top = False
            if isinstance(copied, _Directory):
                opened.append(copied)
            elif not opened:
                return copied
            elif not copied:
                opened[-1].is_whole = False
            while (name := next(opened[-1].names, None)) is None:
                directory = opened.pop()
                await self._finish(directory)
                if not opened:
                    return directory.is_whole
                opened[-1].is_whole &= directory.is_whole
            source, dest = joined(opened[-1].source, name), joined(opened[-1].dest, name)

    async def _complain(self, what: str, error: FsError) -> bool:
        await self._process.complain(f"{what}: {error.strerror}")
        return False

    async def _copied(self, source: str, dest: str, *, is_top: bool) -> _Copied:
        options, files = self._options, self._files
        follows = options.follows_all or (options.follows_operand and is_top)
        try:
            stat = files.stat(source, follow_last=follows)
        except FsError as error:
            if options.link:
                return await self._link(source, dest)
            return await self._complain(f"can't stat '{source}'", error)
        there: Stat | None = None
        try:
            there = files.stat(dest, follow_last=False)
        except FsError as error:
            if error.errno_name != "ENOENT":
                return await self._complain(f"can't stat '{dest}'", error)
        if there is not None:
            if (there.device, there.inode) == (stat.device, stat.inode):
                await self._process.complain(f"'{source}' and '{dest}' are the same file")
                return False
            if options.keeps_existing:
                return True
        if stat.is_directory:
            return await self._begin_directory(source, dest, stat, there)
        return await self._copied_file(source, dest, stat, there, follows=follows)

    async def _copied_file(self, source: str, dest: str, stat: Stat, there: Stat | None, *, follows: bool) -> bool:
        options = self._options
        if there is not None:
            if options.is_update and stat.mtime_ns // _NS <= there.mtime_ns // _NS:
                return True
            if options.removes_existing:
                if (goes_on := await self._make_room(dest, FsError("EEXIST"))) is not None:
                    return goes_on
                there = None
        if options.link:
            return await self._link(source, dest)
        is_link = stat.kind is FileKind.SYMLINK
        if stat.kind is FileKind.FILE or (not options.is_recursive and not is_link):
            return await self._copy_content(source, dest, stat, follows=follows)
        if there is not None and (goes_on := await self._make_room(dest, FsError("EEXIST"))) is not None:
            return goes_on
        return await (self._copy_link if is_link else self._copy_special)(source, dest, stat)

    async def _make_room(self, dest: str, error: FsError) -> bool | None:
        """Remove what is in the way; None when the copy can go on, else its outcome.

        Mirrors busybox: libbb/copy_file.c, ask_and_unlink.
        """
        options = self._options
        if not options.is_forced and not options.is_interactive:
            return await self._complain(f"can't create '{dest}'", error)
        if options.is_interactive and not await self._confirmation.ask(f"{self._process.name}: overwrite '{dest}'? "):
            return True
        try:
            self._files.remove_file(dest)
        except FsError as failure:
            if error.errno_name == failure.errno_name == "ENOENT":
                await self._process.complain(f"can't create '{dest}': Path does not exist")
                return False
            return await self._complain(f"can't create '{dest}'", failure)
        if options.removes_existing and options.is_verbose:
            await self._process.say(f"removed '{dest}'\n")
        return None

    # -- directories --------------------------------------------------------------------------------------

    async def _begin_directory(self, source: str, dest: str, stat: Stat, there: Stat | None) -> _Copied:
        files = self._files
        if not self._options.is_recursive:
            await self._process.complain(f"omitting directory '{source}'")
            return False
        if (stat.device, stat.inode) in self._made:
            await self._process.complain(f"recursion detected, omitting directory '{source}'")
            return False
        if there is not None and not there.is_directory:
            await self._process.complain(f"target '{dest}' is not a directory")
            return False
        if there is None:
            umask, files.umask = files.umask, 0
            try:
                files.make_directory(dest, self._mode(stat, umask) | _OWNER_ALL)
                there = files.stat(dest, follow_last=False)
            except FsError as error:
                return await self._complain(f"can't create directory '{dest}'", error)
            finally:
                files.umask = umask
            is_new = True
        else:
            is_new = False
        self._made[(there.device, there.inode)] = ""
        try:
            names = files.list_dir(source)
        except FsError:
            names = []
            await self._finish(_Directory(source, dest, stat, iter(()), is_new=False))
            return False  # busybox says nothing either
        return _Directory(source, dest, stat, iter(names), is_new)

    def _mode(self, stat: Stat, umask: int) -> int:
        return stat.mode if self._options.is_preserving else stat.mode & ~umask

    async def _finish(self, directory: _Directory) -> None:
        if directory.is_new:
            try:
                self._files.set_mode(directory.dest, directory.stat.mode & ~self._files.umask)
            except FsError as error:
                await self._complain(f"can't preserve permissions of '{directory.dest}'", error)
        await self._preserve(directory.source, directory.dest, directory.stat)

    async def _preserve(self, source: str, dest: str, stat: Stat) -> None:
        """The last step of a copy. What cannot be preserved is said, and is no failure."""
        files = self._files
        if self._options.is_preserving:
            mode = stat.mode
            seconds_ns = stat.mtime_ns // _NS * _NS
            try:
                files.set_times(dest, atime_ns=seconds_ns, mtime_ns=seconds_ns)
            except FsError as error:
                await self._complain(f"can't preserve times of '{dest}'", error)
            try:
                files.set_owner(dest, stat.uid, stat.gid)
            except FsError as error:
                mode &= ~_SETUID_SETGID
                await self._complain(f"can't preserve ownership of '{dest}'", error)
            try:
                files.set_mode(dest, mode)
            except FsError as error:
                await self._complain(f"can't preserve permissions of '{dest}'", error)
        await self._tell(source, dest)

    async def _tell(self, source: str, dest: str) -> None:
        if self._options.is_verbose:
            await self._process.say(f"'{source}' -> '{dest}'\n")

    # -- everything else ----------------------------------------------------------------------------------

    async def _link(self, source: str, dest: str) -> bool:
        files = self._files
        if self._options.link == "hard":
            return await self._linked(lambda: files.link(source, dest), dest)
        return await self._linked(lambda: files.make_link(dest, source), dest)

    async def _linked(self, make: Callable[[], None], dest: str) -> bool:
        try:
            make()
        except FsError as error:
            if (goes_on := await self._make_room(dest, error)) is not None:
                return goes_on
            try:
                make()
            except FsError as failure:
                return await self._complain(f"can't create link '{dest}'", failure)
        return True

    async def _copy_content(self, source: str, dest: str, stat: Stat, *, follows: bool) -> bool:
        files = self._files
        if not follows:
            key = (stat.device, stat.inode)
            if earlier := self._made.get(key):
                return await self._linked(lambda: files.link(earlier, dest), dest)
            self._made[key] = dest
        try:
            reader = files.open_read(source).hold()
        except FsError as error:
            return await self._complain(f"can't open '{source}'", error)
        try:
            mode = stat.mode if stat.kind is FileKind.FILE else 0o666
            opened = await self._opened(dest, mode)
            if isinstance(opened, bool):
                return opened
            try:
                if self._options.reflink == "always":
                    await self._process.complain(f"failed to clone '{dest}' from '{source}': Operation not supported")
                    is_whole = False
                else:
                    is_whole = await self._pour(reader, opened)
            finally:
                opened.release()
        finally:
            reader.release()
        if stat.kind is FileKind.FILE:
            await self._preserve(source, dest, stat)
        return is_whole

    async def _opened(self, dest: str, mode: int) -> OpenFile | bool:
        """The file to write to; else the outcome of the copy."""
        files = self._files
        try:
            is_exclusive = self._options.is_interactive
            return files.open_write(dest, is_truncated=True, is_exclusive=is_exclusive, mode=mode).hold()
        except FsError as error:
            if (goes_on := await self._make_room(dest, error)) is not None:
                return goes_on
        try:
            return files.open_write(dest, is_exclusive=True, mode=mode).hold()
        except FsError as error:
            return await self._complain(f"can't open '{dest}'", error)

    async def _pour(self, reader: OpenFile, writer: OpenFile) -> bool:
        process = self._process
        while True:
            try:
                data = await process.read_from(reader, READ_BYTES)
            except FsError as error:
                return await self._complain("read error", error)
            if not data:
                return True
            try:
                rest = writer.write_now(data)
                while rest is not None:
                    await writer.wait_writable()
                    rest = writer.write_now(rest)
            except FsError as error:
                return await self._complain("write error", error)
            await process.step()

    async def _copy_link(self, source: str, dest: str, stat: Stat) -> bool:
        files = self._files
        try:
            target = files.read_link(source)
        except FsError as error:
            return await self._complain(source, error)
        try:
            files.make_link(dest, target)
        except FsError as error:
            return await self._complain(f"can't create symlink '{dest}' to '{target}'", error)
        if self._options.is_preserving:
            try:
                files.set_owner(dest, stat.uid, stat.gid, follow_last=False)
            except FsError as error:
                await self._complain(f"can't preserve ownership of '{dest}'", error)
        await self._tell(source, dest)
        return True

    async def _copy_special(self, source: str, dest: str, stat: Stat) -> bool:
        try:
            make_special(self._files, dest, stat.kind, mode=stat.mode, device_number=stat.device_number)
        except FsError as error:
            return await self._complain(f"can't create '{dest}'", error)
        await self._preserve(source, dest, stat)
        return True
