"""truncate: cut files, or extend them with zeros."""

from __future__ import annotations

from kubesim.userland.applets.size_operand import read_size
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.files.open_file import RegularFile
from kubesim.userland.options import UsageError, parse_options
from kubesim.userland.processes.process_life import Process


async def run(process: Process) -> int:
    """Set the size of each operand. Mirrors busybox: coreutils/truncate.c."""
    options = parse_options(process.argv, "cs:")
    if "s" not in options or not options.operands:
        raise UsageError
    text = options.values["s"]
    size_bytes = read_size(text)
    if size_bytes is None:
        await process.complain(f"invalid number '{text}'")
        return 1
    code = 0
    for path in options.operands:
        try:
            if "c" in options and process.files.walk(path).node is None:
                continue
            file = process.files.open_write(path)
        except FsError as error:
            if error.errno_name != "ENOENT" or "c" not in options:
                await process.complain(f"{path}: open: {error.strerror}")
                code = 1
            continue
        try:
            if not isinstance(file, RegularFile):
                raise FsError("EINVAL", path)
            file.truncate(size_bytes)
        except FsError as error:
            await process.complain(f"{path}: truncate: {error.strerror}")
            code = 1
    return code
