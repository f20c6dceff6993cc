"""ln: make links."""

from __future__ import annotations

from contextlib import suppress

from kubesim.userland.applets.coreutils.basename import last_part
from kubesim.userland.applets.tree_walk import joined
from kubesim.userland.files.file_stat import FileKind
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.options import Options, UsageError, parse_options
from kubesim.userland.processes.process_life import Process


async def run(process: Process) -> int:
    """Make a link per target. Mirrors busybox: coreutils/ln.c."""
    options = parse_options(process.argv, "sfnbS:vT")
    targets = list(options.operands)
    if not targets:
        raise UsageError
    if "T" in options and len(targets) > 2:
        await process.complain("-T accepts 2 args max")
        return 1
    last = targets.pop() if len(targets) > 1 else last_part(targets[0])
    code = 0
    for target in targets:
        link = last
        if _is_directory(process, last, follow_last=not options.flags & {"n", "T"}):
            if "T" in options:
                await process.complain(f"'{last}' is a directory")
                return 1
            link = joined(last, last_part(target))
        if not await _linked(process, target, link, options):
            code = 1
    return code


async def _linked(process: Process, target: str, link: str, options: Options) -> bool:
    files = process.files
    path = target
    try:
        if "s" not in options:
            _demand_target(process, target)
        path = link
        _make_way(process, link, options)
        if "v" in options:
            await process.say(f"'{link}' -> '{target}'\n")
        if "s" in options:
            files.make_link(link, target)
        else:
            files.link(target, link)
    except FsError as error:
        await process.complain(f"{path}: {error.strerror}")
        return False
    return True


def _demand_target(process: Process, target: str) -> None:
    """A hard link needs something to link to; a symbolic link that leads nowhere is something."""
    try:
        process.files.stat(target)
    except FsError as error:
        try:
            is_link = process.files.stat(target, follow_last=False).kind is FileKind.SYMLINK
        except FsError:
            is_link = False
        if not is_link:
            raise error from None


def _make_way(process: Process, link: str, options: Options) -> None:
    """With -b keep what is there under another name, with -f remove it."""
    if "b" in options:
        try:
            process.files.rename(link, link + options.values.get("S", "~"))
        except FsError as error:
            if error.errno_name != "ENOENT":
                raise
    if options.flags & {"b", "f"}:
        with suppress(FsError):  # whatever is still in the way is said by the link that follows
            process.files.remove_file(link)


def _is_directory(process: Process, path: str, *, follow_last: bool) -> bool:
    try:
        return process.files.stat(path, follow_last=follow_last).is_directory
    except FsError:
        return False
