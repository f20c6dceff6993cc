"""tar -x and tar -t: from an archive to files, or to their names."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import suppress
from datetime import UTC, datetime

from kubesim.userland.applets.archival.byte_stream import ByteReader, PackedError
from kubesim.userland.applets.archival.tar_header import (
    BLOCK_BYTES,
    LONG_LINK,
    LONG_NAME,
    LONG_NAME_BYTES_MAX,
    HeaderError,
    Member,
    is_end,
    is_member,
    padding,
    read_header,
    strip_unsafe_prefix,
)
from kubesim.userland.applets.coreutils.mkdir import make_directory
from kubesim.userland.applets.coreutils.mknod import make_special
from kubesim.userland.applets.mode_string import mode_text
from kubesim.userland.files.file_stat import FileKind
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.files.passwd import parse_group, parse_passwd
from kubesim.userland.processes.descriptors import READ_BYTES
from kubesim.userland.processes.process_life import Process
from kubesim.userland.shell.patterns import has_wildcards, matches

_NS = 1_000_000_000
_ALL_ROWS = 2
_SECONDS_MAX = 253_402_300_799
"""The last second of the year 9999."""


class TarError(Exception):
    """tar gives up; the message is its complaint."""


class Extractor:
    """Reads one archive. Mirrors busybox: archival/libarchive/get_header_tar.c and data_extract_all.c."""

    def __init__(
        self,
        process: Process,
        reader: ByteReader,
        flags: Collection[str],
        *,
        verbosity: int,
        strip_count: int,
        accepted: Sequence[str],
        rejected: Sequence[str],
    ) -> None:
        self._process = process
        self._files = process.files
        self._reader = reader
        self._flags = flags
        self._verbosity = verbosity
        self._strip_count = strip_count
        self._accepted = accepted
        self._rejected = rejected
        self._passed: set[str] = set()
        # Hard links, and symbolic links that may lead out, are made when everything else is there.
        self._links: list[tuple[str, str, bool]] = []
        self._has_warned = False
        is_named = not set(flags) & {"numeric-owner", "o"}
        self._uids = {user.name: user.uid for user in parse_passwd(process.files)} if is_named else {}
        self._gids = {group.name: group.gid for group in parse_group(process.files)} if is_named else {}
        self._keeps_modes = process.credentials.is_root and "no-same-permissions" not in flags

    async def run(self, *, detects_packing: bool) -> int:
        """Read to the end; the exit code. Raises TarError, PackedError and FsError of the archive."""
        if detects_packing:
            await self._reader.detect()
        has_header = is_last_empty = False
        while True:
            try:
                block = await self._reader.read(BLOCK_BYTES)
            except PackedError as error:
                await self._process.complain(str(error))
                raise TarError("short read") from error
            if not block and has_header:
                break
            if len(block) < BLOCK_BYTES:
                raise TarError("short read")
            has_header = True
            if is_end(block):
                if is_last_empty:
                    await self._drain()
                    break
                is_last_empty = True
                continue
            is_last_empty = False
            await self._take(block)
            await self._process.step()
        self._make_links()
        for name in self._accepted:
            if not _is_listed(self._rejected, name) and not self._has_passed(name):
                raise TarError(f"{name}: not found in archive")
        return 0

    async def _drain(self) -> None:
        while await self._reader.read(READ_BYTES):
            pass

    # -- members ------------------------------------------------------------------------------------------

    async def _take(self, block: bytes) -> None:
        """One member, with the headers that are about it."""
        long_name = long_target = None
        while True:
            try:
                header = read_header(block)
            except HeaderError as error:
                raise TarError(str(error)) from None
            member = header.member
            if is_member(header.flag):
                break
            if header.flag in (LONG_NAME, LONG_LINK):
                if member.size_bytes > LONG_NAME_BYTES_MAX:
                    raise TarError("bad archive")
                content = await self._exactly(member.size_bytes)
                await self._exactly(len(padding(member.size_bytes)))
                text = content.partition(b"\0")[0].decode(errors="surrogateescape")
                if header.flag == LONG_NAME:
                    long_name = text
                else:
                    long_target = text
            elif header.flag in (b"x", b"g", b"V"):
                await self._process.complain(f"warning: skipping header '{header.flag.decode()}'")
                await self._skip(member.size_bytes)
            else:
                raise TarError(f"unknown typeflag: 0x{header.flag[0]:x}")
            block = await self._exactly(BLOCK_BYTES)
        if long_name is not None:
            member.name = long_name
        if long_target is not None:
            member.target = long_target
        await self._pass_on(member)

    async def _pass_on(self, member: Member) -> None:
        name = strip_unsafe_prefix(member.name)
        if name != member.name and not self._has_warned:
            self._has_warned = True
            removed = member.name[: len(member.name) - len(name)]
            await self._process.complain(f"removing leading '{removed}' from member names")
        member.name = name
        if _is_listed_deep(self._rejected, name) or (self._accepted and not _is_listed_deep(self._accepted, name)):
            await self._skip(member.size_bytes)
            return
        if self._verbosity:
            await self._process.say(_verbose_row(member) if self._verbosity >= _ALL_ROWS else f"{name}\n")
        member.name = name.removesuffix("/")
        if self._accepted or self._rejected:
            self._passed.add(member.name)
        if "O" in self._flags:
            await self._to_stdout(member.size_bytes)
        elif "x" in self._flags:
            await self._extract(member)
        else:
            await self._skip(member.size_bytes)

    async def _to_stdout(self, size_bytes: int) -> None:
        left = size_bytes
        while left:
            data = await self._exactly(min(left, READ_BYTES))
            left -= len(data)
            await self._process.write(1, data)
        await self._exactly(len(padding(size_bytes)))

    async def _exactly(self, size: int) -> bytes:
        data = await self._reader.read(size)
        if len(data) < size:
            raise TarError("short read")
        return data

    async def _skip(self, size_bytes: int) -> None:
        left = size_bytes + len(padding(size_bytes))
        while left:
            left -= len(await self._exactly(min(left, READ_BYTES)))

    # -- extraction ---------------------------------------------------------------------------------------

    async def _extract(self, member: Member) -> None:
        """Mirrors busybox: archival/libarchive/data_extract_all.c."""
        name = _stripped(member.name, self._strip_count)
        target = _stripped(member.target, self._strip_count) if member.is_hard_link else member.target
        if name is None or target is None:
            await self._skip(member.size_bytes)
            return
        await self._make_room(member, name, target)
        if member.is_hard_link:
            if target != name or set(self._flags) & {"k", "overwrite"}:
                self._links.append((target, name, True))
            return
        if member.kind is FileKind.SYMLINK:
            if target.startswith("/") or ".." in target:
                self._links.append((target, name, False))
            else:
                self._make_link(target, name, is_hard=False)
            return
        if member.kind is FileKind.FILE:
            await self._extract_content(member, name)
        else:
            await self._make_other(member, name)
        self._set_attributes(member, name)

    async def _make_room(self, member: Member, name: str, target: str) -> None:
        """Make the directories above, and remove what is there unless it shall stay."""
        above = name.rpartition("/")[0]
        if above:
            try:
                make_directory(self._process, above, mode=None, has_parents=True)
            except FsError as error:
                await self._process.complain(f"can't create directory '{error.filename or above}': {error.strerror}")
        if member.kind is FileKind.DIRECTORY or set(self._flags) & {"k", "overwrite"}:
            return
        if member.is_hard_link and target == name:
            return
        try:
            self._files.remove_file(name)
        except FsError as error:
            if error.errno_name != "ENOENT":
                raise TarError(f"can't remove old file {name}: {error.strerror}") from None

    async def _extract_content(self, member: Member, name: str) -> None:
        overwrites = "overwrite" in self._flags
        try:
            file = self._files.open_write(
                name, is_exclusive=not overwrites, is_truncated=overwrites, mode=member.mode
            ).hold()
        except FsError as error:
            raise TarError(f"can't open '{name}': {error.strerror}") from None
        left = member.size_bytes
        try:
            while left:
                data = await self._exactly(min(left, READ_BYTES))
                left -= len(data)
                rest = file.write_now(data)
                while rest is not None:
                    await file.wait_writable()
                    rest = file.write_now(rest)
        except FsError as error:
            raise TarError(f"write error: {error.strerror}") from None
        finally:
            file.release()
        await self._exactly(len(padding(member.size_bytes)))

    async def _make_other(self, member: Member, name: str) -> None:
        try:
            if member.kind is FileKind.DIRECTORY:
                self._files.make_directory(name, member.mode)
            else:
                make_special(self._files, name, member.kind, mode=member.mode, device_number=member.device_number)
        except FsError as error:
            if member.kind is not FileKind.DIRECTORY:
                await self._process.complain(f"can't create node {name}: {error.strerror}")
            elif error.errno_name != "EEXIST":
                await self._process.complain(f"can't make dir {name}: {error.strerror}")

    def _set_attributes(self, member: Member, name: str) -> None:
        """Owner, mode and time; what is not allowed is left, as tar of a user does."""
        files = self._files
        if "o" not in self._flags:
            uid = self._uids.get(member.user, member.uid)
            gid = self._gids.get(member.group, member.gid)
            with suppress(FsError):
                files.set_owner(name, uid, gid)
        if self._keeps_modes:
            with suppress(FsError):
                files.set_mode(name, member.mode)
        if "m" not in self._flags:
            with suppress(FsError):
                time_ns = member.mtime_seconds * _NS
                files.set_times(name, atime_ns=time_ns, mtime_ns=time_ns)

    def _make_links(self) -> None:
        for target, name, is_hard in self._links:
            self._make_link(target, name, is_hard=is_hard)

    def _make_link(self, target: str, name: str, *, is_hard: bool) -> None:
        try:
            if is_hard:
                self._files.link(target, name)
            else:
                self._files.make_link(name, target)
        except FsError as error:
            kind = "hard" if is_hard else "sym"
            raise TarError(f"can't create {kind}link '{name}' to '{target}': {error.strerror}") from None

    def _has_passed(self, name: str) -> bool:
        # The names that were taken are the patterns here; nearly none has a wildcard.
        return name in self._passed or any(has_wildcards(passed) and matches(passed, name) for passed in self._passed)


def _stripped(name: str, count: int) -> str | None:
    """A name without its first directories; None when nothing is left."""
    for _ in range(count):
        name = name.partition("/")[2]
        if not name:
            return None
    return name


def _is_listed(patterns: Sequence[str], name: str) -> bool:
    return any(matches(pattern, name) for pattern in patterns)


def _is_listed_deep(patterns: Sequence[str], name: str) -> bool:
    """Whether a pattern fits a name as far as it has slashes: what lies below a directory counts.

    Mirrors busybox: archival/libarchive/find_list_entry.c, find_list_entry2.
    """
    for pattern in patterns:
        parts = name.split("/", pattern.count("/") + 1)
        if matches(pattern, "/".join(parts[: pattern.count("/") + 1])):
            return True
    return False


def _verbose_row(member: Member) -> str:
    """Mirrors busybox: archival/libarchive/header_verbose_list.c."""
    moment = datetime.fromtimestamp(max(0, min(member.mtime_seconds, _SECONDS_MAX)), UTC)
    target = f" -> {member.target}" if member.target else ""
    return (
        f"{mode_text(member.stat())} {member.user or member.uid}/{member.group or member.gid} "
        f"{member.size_bytes:9d} {moment:%Y-%m-%d %H:%M:%S} {member.name}{target}\n"
    )
