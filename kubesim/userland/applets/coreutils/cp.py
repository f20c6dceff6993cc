"""cp: copy files and directories."""

from __future__ import annotations

from typing import Literal

from kubesim.userland.applets.coreutils.basename import last_part, without_slashes
from kubesim.userland.applets.coreutils.copy_file import Copier, CopyOptions
from kubesim.userland.applets.coreutils.mkdir import make_directory
from kubesim.userland.applets.tree_walk import joined
from kubesim.userland.files.file_stat import Stat
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.options import Options, UsageError, parse_options
from kubesim.userland.processes.process_life import Process

LONG_NAMES = {
    "archive": "a",
    "force": "f",
    "interactive": "i",
    "no-clobber": "n",
    "link": "l",
    "dereference": "L",
    "no-dereference": "P",
    "recursive": "R",
    "symbolic-link": "s",
    "no-target-directory": "T",
    "target-directory": "t",
    "verbose": "v",
    "update": "u",
    "remove-destination": "remove-destination",
    "parents": "parents",
    "reflink": "reflink::",
}


async def stat_operand(process: Process, path: str, *, follow_last: bool = True) -> Stat | Literal[False] | None:
    """What is at `path`, None when nothing is; False once it was said why nobody knows.

    Mirrors busybox: coreutils/libcoreutils/cp_mv_stat.c.
    """
    try:
        return process.files.stat(path, follow_last=follow_last)
    except FsError as error:
        if error.errno_name == "ENOENT":
            return None
        is_through_file = error.errno_name == "ENOTDIR"
        reason = "Path has non-directory component" if is_through_file else error.strerror
        await process.complain(f"can't stat '{path}': {reason}")
        return False


async def run(process: Process) -> int:
    """Copy. Mirrors busybox: coreutils/cp.c."""
    options = parse_options(process.argv, "pdRfinlsLHarPvuTt:", long_names=LONG_NAMES)
    how = _how(options)
    sources = list(options.operands)
    if not sources:
        raise UsageError
    copier = Copier(process, how)
    if "t" in options:
        last = options.values["t"]
    else:
        last = sources.pop()
        if not sources or (len(sources) > 1 and "T" in options):
            raise UsageError
        if len(sources) == 1:
            is_plain = await _is_plain_copy(process, options, how, sources[0], last)
            if is_plain is None:
                return 1
            if is_plain:
                return 0 if await copier.copy(sources[0], last) else 1
    code = 0
    for source in map(without_slashes, sources):
        dest = joined(last, source if "parents" in options else last_part(source))
        if "parents" in options:
            above = dest.rstrip("/").rpartition("/")[0]
            try:
                make_directory(process, above or "/", mode=None, has_parents=True)
            except FsError as error:
                await process.complain(f"can't create directory '{error.filename or above}': {error.strerror}")
                return 1
        if not await copier.copy(source, dest):
            code = 1
    return code


def _how(options: Options) -> CopyOptions:
    is_recursive = bool(options.flags & {"a", "r", "R"})
    if options.last_of("ls") and {"l", "s"} <= options.flags:
        raise UsageError  # one kind of links or the other
    keeps_links = bool(options.flags & {"a", "r", "R", "d", "P"})
    asks_or_keeps = options.last_of("in")
    reflink = options.values.get("reflink", "always") if "reflink" in options else ""
    if reflink not in ("", "auto", "always"):
        raise UsageError
    return CopyOptions(
        is_recursive=is_recursive,
        is_preserving=bool(options.flags & {"a", "p"}),
        follows_all="L" in options or not keeps_links,
        follows_operand="H" in options,
        is_forced="f" in options or "remove-destination" in options,
        is_interactive=asks_or_keeps == "i",
        keeps_existing=asks_or_keeps == "n",
        link="symbolic" if "s" in options else "hard" if "l" in options else "",
        is_update="u" in options,
        removes_existing="remove-destination" in options,
        is_verbose="v" in options,
        reflink="always" if reflink == "always" else "auto" if reflink else "",
    )


async def _is_plain_copy(process: Process, options: Options, how: CopyOptions, source: str, last: str) -> bool | None:
    """Whether `last` is the copy itself and not the directory for it; None once an error was said."""
    there = await stat_operand(process, source, follow_last=how.follows_all)
    dest = await stat_operand(process, last) if there is not False else False
    if there is False or dest is False:
        return None
    is_from_directory = there is not None and there.is_directory
    is_to_directory = dest is not None and dest.is_directory
    if "T" in options and is_to_directory and not is_from_directory:
        await process.complain(f"'{last}' is a directory")
        return None
    if "parents" in options and not is_to_directory:
        await process.complain("with --parents, the destination must be a directory")
        return None
    if "T" in options or not (is_from_directory or is_to_directory):
        return "parents" not in options
    return how.is_recursive and is_from_directory and dest is None
