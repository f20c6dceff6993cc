"""mountpoint: whether something is mounted at a directory."""

from __future__ import annotations

from kubesim.userland.files.file_stat import FileKind, major_minor
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.options import UsageError, parse_options
from kubesim.userland.processes.process_life import Process


async def run(process: Process) -> int:
    """Tell, and 0 when it is one. Mirrors busybox: util-linux/mountpoint.c."""
    options = parse_options(process.argv, "qdxn")
    if len(options.operands) != 1:
        raise UsageError
    path = options.operands[0]
    files = process.files
    failure = ""
    try:
        stat = files.stat(path, follow_last="x" in options)
        if "x" in options:
            if stat.kind is FileKind.BLOCK_DEVICE:
                await process.say("{}:{}\n".format(*major_minor(stat.device_number)))
                return 0
            failure = f"{path}: not a block device"
        elif not stat.is_directory:
            failure = f"{path}: {FsError('ENOTDIR').strerror}"
    except FsError as error:
        failure = f"{path}: {error.strerror}"
    if failure:
        if "q" not in options:
            await process.complain(failure)
        return 1
    above = files.stat(f"{path}/..")
    is_mounted = stat.device != above.device or stat.inode == above.inode
    if "d" in options:
        await process.say("{}:{}\n".format(*major_minor(stat.device)))
    if "n" in options:
        # Nothing that is mounted in a container has a block device in /dev.
        await process.say(f"UNKNOWN {path}\n")
    if not options.flags & {"q", "d", "n"}:
        await process.say(f"{path} is {'' if is_mounted else 'not '}a mountpoint\n")
    return 0 if is_mounted else 1
