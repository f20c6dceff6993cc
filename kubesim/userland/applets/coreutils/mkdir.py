"""mkdir: make directories."""

from __future__ import annotations

import re

from kubesim.userland.file_modes import parse_mode
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.options import UsageError, parse_options
from kubesim.userland.processes.process_life import Process

LONG_NAMES = {"mode": "m", "parents": "p", "verbose": "v"}
_UP_TO_NAME = re.compile(r"[^/]*/+|[^/]+$")
_OWNER_MAY_ENTER = 0o300


async def run(process: Process) -> int:
    """Make each operand; with -p its parents too. Mirrors busybox: coreutils/mkdir.c."""
    options = parse_options(process.argv, "m:pv", long_names=LONG_NAMES)
    mode = None
    if "m" in options:
        text = options.values["m"]
        mode = parse_mode(text, 0o777, umask=process.files.umask, is_directory=True)
        if mode is None:
            await process.complain(f"invalid mode '{text}'")
            return 1
    if not options.operands:
        raise UsageError
    code = 0
    for path in options.operands:
        made: list[str] = []
        try:
            make_directory(process, path, mode=mode, has_parents="p" in options, made=made)
        except FsError as error:
            await process.complain(f"can't create directory '{error.filename or path}': {error.strerror}")
            code = 1
        if "v" in options:
            await process.say("".join(f"created directory: '{name}'\n" for name in made))
    return code


def make_directory(
    process: Process, path: str, *, mode: int | None, has_parents: bool, made: list[str] | None = None
) -> None:
    """Make one directory; with parents, one that exists is fine. Raises FsError with the path that failed.

    `made` gets the paths that were made. Mirrors busybox: libbb/make_directory.c, bb_make_directory.
    """
    files = process.files
    if path in (".", "/"):
        return
    ends = [match.end() for match in _UP_TO_NAME.finditer(path)] if has_parents else [len(path)]
    umask = files.umask
    for end in ends or [0]:
        here = path[:end]
        is_last = end == len(path)
        # The owner may write and enter what is only on the way.
        files.umask = umask if is_last else umask & ~_OWNER_MAY_ENTER
        try:
            files.make_directory(here)
        except FsError as error:
            if error.errno_name not in ("EEXIST", "EISDIR") or not has_parents:
                raise FsError(error.errno_name, here) from None
            if not files.stat(here).is_directory:
                raise FsError("EEXIST", here) from None
            continue
        finally:
            files.umask = umask
        if made is not None:
            made.append(here)
        if is_last and mode is not None:
            files.set_mode(here, mode)
