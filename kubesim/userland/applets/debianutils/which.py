"""which: where a command is. Mirrors busybox: debianutils/which.c."""

from __future__ import annotations

from kubesim.userland.files.credentials import EXECUTE
from kubesim.userland.files.file_stat import FileKind
from kubesim.userland.options import UsageError, parse_options
from kubesim.userland.processes.process_life import Process

DEFAULT_PATH = "/sbin:/usr/sbin:/bin:/usr/bin"
"""Without a PATH. Mirrors busybox: include/libbb.h, BB_PATH_ROOT_PATH."""


async def run(process: Process) -> int:
    """Print the first place of each, or all with -a; 1 when one is nowhere."""
    options = parse_options(process.argv, "a")
    if not options.operands:
        raise UsageError
    code = 0
    for name in options.operands:
        if "/" in name:
            found = [name] if _is_executable(process, name) else []
        else:
            directories = process.env.get("PATH", DEFAULT_PATH).split(":")
            places = [f"{directory or '.'}{'' if directory.endswith('/') else '/'}{name}" for directory in directories]
            found = [place for place in places if _is_executable(process, place)]
        if not found:
            code = 1
        for place in found if "a" in options else found[:1]:
            await process.say(f"{place}\n")
    return code


def _is_executable(process: Process, path: str) -> bool:
    files = process.files
    return files.may(path, EXECUTE) and files.stat(path).kind is FileKind.FILE
