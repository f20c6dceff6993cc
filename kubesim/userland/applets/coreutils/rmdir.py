"""rmdir: remove empty directories."""

from __future__ import annotations

from kubesim.userland.files.fs_error import FsError
from kubesim.userland.options import Options, UsageError, parse_options
from kubesim.userland.processes.process_life import Process

LONG_NAMES = {
    "parents": "p",
    "ignore-fail-on-non-empty": "ignore-fail-on-non-empty",
    "verbose": "v",
}


async def run(process: Process) -> int:
    """Remove each operand; with -p its parents after it. Mirrors busybox: coreutils/rmdir.c."""
    options = parse_options(process.argv, "pv", long_names=LONG_NAMES)
    if not options.operands:
        raise UsageError
    is_done = True
    for operand in options.operands:
        path: str | None = operand
        while path is not None and (removed := await _removed(process, path, options)) is not None:
            is_done &= removed
            path = _above(path) if removed and "p" in options else None
    return 0 if is_done else 1


async def _removed(process: Process, path: str, options: Options) -> bool | None:
    """Whether a directory went; None when it is not empty and that is fine."""
    if "v" in options:
        await process.say(f"rmdir: removing directory, '{path}'\n")
    try:
        process.files.remove_directory(path)
    except FsError as error:
        if error.errno_name == "ENOTEMPTY" and "ignore-fail-on-non-empty" in options:
            return None
        await process.complain(f"'{path}': {error.strerror}")
        return False
    return True


def _above(path: str) -> str | None:
    """The parent that goes next; None at the end of the path."""
    above = path.rstrip("/").rpartition("/")[0].rstrip("/")
    return above if above not in ("", ".") else None
