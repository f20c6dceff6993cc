"""`agnhost mounttest`: makes files, and says what is at a path.

Mirrors kubernetes: test/images/agnhost/mounttest/mt.go and mt_utils.go.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from kubesim.policy.go_quote import go_quote
from kubesim.userland.applets.coreutils.stat import MAGICS
from kubesim.userland.files.file_stat import FileKind, Stat
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.image_programs.go_flags import FlagError, integer, parse_flags
from kubesim.userland.processes.process_life import Process

NEW_FILE = "mount-tester new file\n"
RETRY_NS = 2_000_000_000

_NEW_FILE_MODES = {"new_file_0644": 0o644, "new_file_0666": 0o666, "new_file_0660": 0o660, "new_file_0777": 0o777}
_KIND_LETTERS = {
    FileKind.FILE: "",
    FileKind.DIRECTORY: "d",
    FileKind.SYMLINK: "L",
    FileKind.DEVICE: "Dc",
    FileKind.BLOCK_DEVICE: "D",
    FileKind.FIFO: "p",
    FileKind.SOCKET: "S",
}


def go_mode(kind: FileKind, mode: int) -> str:
    """A file's mode as Go prints it: `-rw-r--r--`, `dtrwxrwxrwx`. Mirrors Go: io/fs/fs.go, FileMode.String."""
    special = "".join(letter for bit, letter in ((0o4000, "u"), (0o2000, "g"), (0o1000, "t")) if mode & bit)
    head = _KIND_LETTERS[kind]
    # Go's order of letters is d, L, D, p, S, u, g, c, t.
    if head == "Dc":
        head, special = "D", special.replace("t", "") + "c" + ("t" if "t" in special else "")
    bits = "".join(letter if mode & (0o400 >> index) else "-" for index, letter in enumerate("rwxrwxrwx"))
    return (head + special or "-") + bits


async def run_mounttest(process: Process) -> int:
    """Do what the flags ask for, in an order of its own; 1 when one of it failed."""
    checks: dict[str, Callable[[Process, str], Awaitable[bool]]] = {
        "fs_type": _fs_type,
        **dict.fromkeys(_NEW_FILE_MODES, _read),
        "file_mode": _file_mode,
        "file_perm": _file_perm,
        "file_owner": _file_owner,
        "file_content": _read,
    }
    names = [*checks, "file_content_in_loop", "retry_time"]
    try:
        flags = parse_flags(process.argv[2:], names, switches=["break_on_expected_content"])
        retry_seconds = integer("retry_time", flags.get("retry_time", "180"))
        breaks = flags.get("break_on_expected_content") != "false"
    except FlagError as error:
        await process.write(2, f"Error: {error}\n".encode(errors="surrogateescape"))
        return 1
    process.files.umask = 0
    is_good = True
    for name, check in checks.items():
        path = flags.get(name, "")
        if not path:
            continue
        if name in _NEW_FILE_MODES and not await _make(process, path, _NEW_FILE_MODES[name]):
            is_good = False
            continue
        is_good &= await check(process, path)
    if flags.get("file_content_in_loop"):
        is_good &= await _read_in_loop(process, flags["file_content_in_loop"], retry_seconds, breaks=breaks)
    return 0 if is_good else 1


async def _make(process: Process, path: str, mode: int) -> bool:
    try:
        process.files.write(path, NEW_FILE.encode(), mode=mode)
    except FsError as error:
        await process.say(f"error writing new file {go_quote(path)}: open {path}: {_reason(error)}\n")
        return False
    return True


async def _read(process: Process, path: str) -> bool:
    try:
        content = process.files.read(path).decode(errors="surrogateescape")
    except FsError as error:
        await process.say(f"error reading file content for {go_quote(path)}: {_go_error(error, path)}\n")
        return False
    await process.say(f"content of file {go_quote(path)}: {content}\n")
    return True


async def _read_in_loop(process: Process, path: str, retry_seconds: int, *, breaks: bool) -> bool:
    end_ns = process.kernel.now_ns + retry_seconds * 1_000_000_000
    is_good = True
    while process.kernel.now_ns < end_ns:
        try:
            content = process.files.read(path).decode(errors="surrogateescape")
        except FsError as error:
            is_good = False
            await process.say(f"Error reading file {path}: {_go_error(error, path)}, retrying\n")
        else:
            is_good = True
            await process.say(f"content of file {go_quote(path)}: {content}\n")
            if breaks and content == NEW_FILE:
                break
            if breaks:
                await process.say(f"Unexpected content. Expected: {NEW_FILE}. Retrying\n")
        await process.sleep(RETRY_NS)
    return is_good


async def _fs_type(process: Process, path: str) -> bool:
    try:
        kind = process.files.statfs(path).type
    except FsError as error:
        await process.say(f"error from statfs({go_quote(path)}): {_reason(error)}\n")
        return False
    shown = kind if kind == "tmpfs" else str(MAGICS.get(kind, 0))
    await process.say(f"mount type of {go_quote(path)}: {shown}\n")
    return True


async def _file_mode(process: Process, path: str) -> bool:
    return await _show_mode(process, path, "mode", lambda stat: go_mode(stat.kind, stat.mode))


async def _file_perm(process: Process, path: str) -> bool:
    return await _show_mode(process, path, "perms", lambda stat: go_mode(FileKind.FILE, stat.mode & 0o777))


async def _show_mode(process: Process, path: str, what: str, mode_of: Callable[[Stat], str]) -> bool:
    try:
        stat = process.files.stat(path)
    except FsError as error:
        await process.say(f"error from Stat({go_quote(path)}): stat {path}: {_reason(error)}\n")
        return False
    await process.say(f"{what} of file {go_quote(path)}: {mode_of(stat)}\n")
    return True


async def _file_owner(process: Process, path: str) -> bool:
    try:
        stat = process.files.stat(path)
    except FsError as error:
        await process.say(f"error from stat({go_quote(path)}): {_reason(error)}\n")
        return False
    await process.say(f"owner UID of {go_quote(path)}: {stat.uid}\nowner GID of {go_quote(path)}: {stat.gid}\n")
    return True


def _reason(error: FsError) -> str:
    text: str = error.strerror
    return text[:1].lower() + text[1:]


def _go_error(error: FsError, path: str) -> str:
    """A directory can be opened, and then not be read."""
    return f"{'read' if error.errno_name == 'EISDIR' else 'open'} {path}: {_reason(error)}"
