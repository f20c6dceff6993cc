"""tar -c: from files to an archive."""

from __future__ import annotations

from collections.abc import Sequence

from kubesim.userland.applets.archival.byte_stream import ByteWriter
from kubesim.userland.applets.archival.tar_header import (
    BLOCK_BYTES,
    Member,
    header_blocks,
    padding,
    strip_unsafe_prefix,
)
from kubesim.userland.applets.tree_walk import Outcome, WalkOptions, walk_tree
from kubesim.userland.files.file_stat import FileKind, Stat
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.files.open_file import OpenFile, RegularFile
from kubesim.userland.files.passwd import entry_of_uid, name_of_gid, parse_group, parse_passwd
from kubesim.userland.processes.descriptors import READ_BYTES
from kubesim.userland.processes.exit_status import ProcessExit
from kubesim.userland.processes.process_life import Process
from kubesim.userland.shell.patterns import matches

_NS = 1_000_000_000


class Creator:
    """Writes one archive. Mirrors busybox: archival/tar.c, writeTarFile and writeFileToTarball."""

    def __init__(
        self,
        process: Process,
        writer: ByteWriter,
        *,
        archive: OpenFile,
        is_verbose: bool,
        follows_links: bool,
        is_recursive: bool,
        excluded: Sequence[str],
    ) -> None:
        self._process = process
        self._files = process.files
        self._writer = writer
        self._told_fd = 0
        if is_verbose:
            self._told_fd = 2 if archive is process.descriptors().get(1) else 1
        self._walk = WalkOptions(is_recursive=is_recursive, follows_all=follows_links)
        self._excluded = excluded
        self._archive = self._identity(archive)
        self._linked: dict[tuple[int, int], str] = {}
        self._has_warned = False
        self._users = parse_passwd(process.files)
        self._groups = parse_group(process.files)

    async def run(self, paths: Sequence[str]) -> int:
        """Archive what lies at and below the paths; the exit code. Raises FsError of the output."""
        # All of them are walked, whatever fails.
        are_whole = [await walk_tree(self._process, path, self._visit, self._walk) for path in paths]
        await self._writer.write(bytes(2 * BLOCK_BYTES))
        await self._writer.finish()
        if all(are_whole):
            return 0
        await self._process.complain("error exit delayed from previous errors")
        return 1

    def _identity(self, file: OpenFile) -> tuple[int, int] | None:
        if not isinstance(file, RegularFile):
            return None
        stat = self._files.stat(file.path)
        return stat.device, stat.inode

    async def _visit(self, path: str, stat: Stat, _depth: int) -> Outcome:
        name = strip_unsafe_prefix(path)
        if name != path and not self._has_warned:
            self._has_warned = True
            removed = path[: len(path) - len(name)]
            await self._process.complain(f"removing leading '{removed}' from member names")
        if not name:
            return "done"
        if any(_is_excluded(pattern, name) for pattern in self._excluded):
            return "skip"
        if stat.kind is FileKind.SOCKET:
            await self._process.complain(f"{path}: socket ignored")
            return "done"
        key = (stat.device, stat.inode)
        first = ""
        if not stat.is_directory and stat.links_count > 1:
            first = self._linked.setdefault(key, name)
            first = "" if first is name else first
        if key == self._archive:
            await self._process.complain(f"{path}: file is the archive; skipping")
            return "done"
        return await self._add(path, name, stat, first)

    async def _add(self, path: str, name: str, stat: Stat, first: str) -> Outcome:
        """Add one member; `first` is the name in the archive of which it is a hard link."""
        has_content = not first and stat.kind is FileKind.FILE
        content: OpenFile | None = None
        try:
            if has_content:
                content = self._files.open_read(path).hold()
            target = first
            if not first and stat.kind is FileKind.SYMLINK:
                target = self._files.read_link(path)
        except FsError as error:
            await self._process.complain(f"can't open '{path}': {error.strerror}" if has_content else str(error))
            return error
        user = entry_of_uid(self._users, stat.uid)
        group = name_of_gid(self._groups, stat.gid)
        member = Member(
            name=name,
            kind=stat.kind,
            mode=stat.mode,
            uid=stat.uid,
            gid=stat.gid,
            size_bytes=stat.size_bytes if has_content else 0,
            mtime_seconds=stat.mtime_ns // _NS,
            target=target,
            is_hard_link=bool(first),
            user=str(stat.uid) if user is None else user.name,
            group=str(stat.gid) if group is None else group,
            device_number=stat.device_number,
        )
        try:
            await self._writer.write(header_blocks(member))
            if self._told_fd:
                text = f"{name}{'/' if stat.is_directory else ''}\n"
                await self._process.write(self._told_fd, text.encode(errors="surrogateescape"))
            if content is not None:
                await self._copy(content, stat.size_bytes)
        finally:
            if content is not None:
                content.release()
        return "done"

    async def _copy(self, content: OpenFile, size_bytes: int) -> None:
        """As many bytes as the header says. A file that shrinks meanwhile ends tar, as busybox does."""
        left = size_bytes
        while left:
            data = await self._process.read_from(content, min(left, READ_BYTES))
            if not data:
                await self._process.complain("short read")
                raise ProcessExit(1)
            left -= len(data)
            await self._writer.write(data)
        await self._writer.write(padding(size_bytes))


def _is_excluded(pattern: str, name: str) -> bool:
    """Whether a pattern fits a name, or the part of one that begins at a slash; what lies below does not count.

    Mirrors busybox: archival/tar.c, exclude_file.
    """
    steps = pattern.split("/")
    parts = name.split("/")
    begins = [0] if pattern.startswith("/") else range(len(parts))
    return any(
        len(parts) - begin >= len(steps)
        and all(matches(step, part) for step, part in zip(steps, parts[begin:], strict=False))
        for begin in begins
    )
