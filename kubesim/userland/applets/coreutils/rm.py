"""rm: remove files and directories."""

from __future__ import annotations

from kubesim.userland.applets.coreutils.basename import last_part
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.options import UsageError, parse_options
from kubesim.userland.processes.process_life import Process


async def run(process: Process) -> int:
    """Remove each operand. Nobody is asked: standard input is no terminal, as in `rm` called by a script."""
    options = parse_options(process.argv, "fRr")
    if not options.operands and "f" not in options:
        raise UsageError
    is_forced = "f" in options
    code = 0
    for name in options.operands:
        if last_part(name) in (".", ".."):
            await process.complain("can't remove '.' or '..'")
            code = 1
        elif not await _remove(process, name, is_forced=is_forced, is_deep=bool(options.flags & {"R", "r"})):
            code = 1
    return code


async def _remove(process: Process, path: str, *, is_forced: bool, is_deep: bool) -> bool:
    files = process.files
    try:
        stat = files.stat(path, follow_last=False)
    except FsError as error:
        if error.errno_name == "ENOENT":
            if not is_forced:
                await process.complain(f"can't remove '{path}': {error.strerror}")
            return is_forced
        await process.complain(f"can't stat '{path}': {error.strerror}")
        return False
    if stat.is_directory and not is_deep:
        await process.complain(f"'{path}' is a directory")
        return False
    try:
        if not stat.is_directory:
            files.remove_file(path)
            return True
        is_done = True
        for name in files.list_dir(path):
            is_done &= await _remove(process, f"{path.rstrip('/')}/{name}", is_forced=is_forced, is_deep=True)
        await process.step()
        files.remove_directory(path)
    except FsError as error:
        await process.complain(f"can't remove '{path}': {error.strerror}")
        return False
    return is_done
