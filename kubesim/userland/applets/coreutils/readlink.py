"""readlink and realpath: where a path leads."""

from __future__ import annotations

from kubesim.userland.files.fs_error import FsError
from kubesim.userland.options import UsageError, parse_options
from kubesim.userland.processes.process_life import Process


async def run(process: Process) -> int:
    """Print where a link points; with -f the canonical path. Mirrors busybox: coreutils/readlink.c."""
    options = parse_options(process.argv, "nfvsq")
    if len(options.operands) != 1:
        raise UsageError
    path = options.operands[0]
    try:
        found = canonical(process, path) if "f" in options else process.files.read_link(path)
    except FsError as error:
        if "v" in options and "f" not in options:
            reason = "not a symlink" if error.errno_name == "EINVAL" else error.strerror
            await process.complain(f"{path}: cannot read link: {reason}")
        return 1
    await process.say(found + ("" if "n" in options else "\n"))
    return 0


async def run_realpath(process: Process) -> int:
    """Print canonical paths. Every argument is a path. Mirrors busybox: coreutils/realpath.c."""
    paths = process.argv[1:]
    if not paths:
        raise UsageError
    code = 0
    for path in paths:
        try:
            await process.say(f"{canonical(process, path)}\n")
        except FsError as error:
            await process.complain(f"{path}: {error.strerror}")
            code = 1
    return code


def canonical(process: Process, path: str) -> str:
    """The path without links and dots. A link may lead nowhere, anything else has to be there. Raises FsError.

    Mirrors busybox: libbb/xreadlink.c, xmalloc_realpath_coreutils of 1.35.
    """
    place = process.files.walk(path)
    if place.node is not None:
        if path.endswith("/") and not place.node.stat().is_directory:
            raise FsError("ENOTDIR", path)
        return place.path
    if path.endswith("/"):
        raise FsError("ENOENT", path)
    process.files.read_link(path)
    return place.path
