"""Redirections: what a command's descriptors stand for while it runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from kubesim.userland.files.fs_error import FsError
from kubesim.userland.files.open_file import BytesFile, OpenFile
from kubesim.userland.shell.control import RedirectionFailed, ShellError
from kubesim.userland.shell.syntax import HereDocument, Redirection, Word

if TYPE_CHECKING:
    from kubesim.userland.shell.shell import Shell

DESCRIPTORS_MAX = 1024


class SavedFiles:
    """What descriptors stood for before."""

    __slots__ = ("_saved", "_shell")

    def __init__(self, shell: Shell) -> None:
        self._shell = shell
        self._saved: dict[int, OpenFile | None] = {}

    def save(self, fd: int) -> None:
        """Remember a descriptor, the first time."""
        if fd not in self._saved:
            file = self._shell.process.descriptors().get(fd)
            self._saved[fd] = file.hold() if file is not None else None

    def put_back(self) -> None:
        """As if nothing had happened."""
        process = self._shell.process
        for fd, file in self._saved.items():
            if file is None:
                process.close(fd)
            else:
                process.set_file(fd, file)
        self.keep()

    def keep(self) -> None:
        """The redirections are for good: `exec`."""
        for file in self._saved.values():
            if file is not None:
                file.release()
        self._saved = {}


async def redirect(shell: Shell, redirections: Sequence[Redirection]) -> SavedFiles:
    """Carry out redirections, left to right. Raises RedirectionFailed with everything put back and said."""
    saved = SavedFiles(shell)
    for redirection in redirections:
        try:
            await _one(shell, redirection, saved)
        except FsError as error:
            saved.put_back()
            await shell.complain(_refusal(redirection, error))
            raise RedirectionFailed from None
        except BaseException:
            saved.put_back()
            raise
    return saved


async def _one(shell: Shell, redirection: Redirection, saved: SavedFiles) -> None:
    process = shell.process
    fd = redirection.fd
    operator = redirection.operator
    target = redirection.target
    if isinstance(target, HereDocument):
        try:
            text = await shell.expand.text(target.body) if target.body is not None else ""
        except ShellError as error:
            await shell.report(error)  # ash expands it when it redirects, where no error ends the shell
            raise RedirectionFailed from None
        saved.save(fd)
        process.set_file(fd, BytesFile(text.encode(errors="surrogateescape")))
        return
    text = await shell.expand.text(target)
    is_number = text.isascii() and text.isdecimal()
    if operator in ("<&", ">&") and not is_number and (text != "-" or target.plain is None):
        if fd != 1:
            raise ShellError("redir error")
        operator = "&>"
    if operator in ("<&", ">&"):
        saved.save(fd)
        if text == "-":
            process.close(fd)
        else:
            process.set_file(fd, process.open_file_of(_descriptor(text)))
        return
    if fd >= DESCRIPTORS_MAX:
        raise FsError("EBADF", str(fd))
    file = _opened(shell, operator, text)
    await file.wait_opened()
    saved.save(fd)
    process.set_file(fd, file)
    if operator == "&>":
        saved.save(2)
        process.set_file(2, file)


def _opened(shell: Shell, operator: str, path: str) -> OpenFile:
    files = shell.process.files
    if operator == "<":
        return files.open_read(path)
    if operator == ">>":
        return files.open_write(path, is_append=True)
    if operator == "<>":
        return files.open_write(path, is_readable=True)
    is_guarded = operator == ">" and "C" in shell.options and files.exists(path) and not _is_device(shell, path)
    return files.open_write(path, is_truncated=True, is_exclusive=is_guarded)


def _is_device(shell: Shell, path: str) -> bool:
    return shell.process.files.stat(path).kind == "device"


def _descriptor(text: str) -> int:
    if not (text.isascii() and text.isdecimal()) or len(text) > 6:
        raise FsError("EBADF", text)
    return int(text)


def _refusal(redirection: Redirection, error: FsError) -> str:
    """What ash says. Mirrors busybox: shell/ash.c, openredirect and errmsg: two errors have words of their own."""
    path = error.filename or ""
    is_missing = error.errno_name in ("ENOENT", "ENOTDIR")
    if redirection.operator in ("<&", ">&"):
        name = _shown(redirection.target)
        return f"{name}: {error.strerror}"
    if redirection.operator == "<":
        return f"can't open {path}: {'no such file' if is_missing else error.strerror}"
    return f"can't create {path}: {'nonexistent directory' if is_missing else error.strerror}"


def _shown(target: Word | HereDocument) -> str:
    return (target.plain or "") if isinstance(target, Word) else ""
