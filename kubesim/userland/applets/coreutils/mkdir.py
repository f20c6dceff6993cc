"""mkdir: make directories."""

from __future__ import annotations

from kubesim.userland.files.fs_error import FsError
from kubesim.userland.options import UsageError, parse_options
from kubesim.userland.processes.process_life import Process


async def run(process: Process) -> int:
    """Make each operand; with -p its parents too."""
    options = parse_options(process.argv, "m:p")
    if not options.operands:
        raise UsageError
    mode = None
    if "m" in options:
        text = options.values["m"]
        if not text or text.strip("01234567") or len(text) > 5:
            await process.complain(f"invalid mode '{text}'")
            return 1
        mode = int(text, 8)
    code = 0
    for name in options.operands:
        try:
            make_directory(process, name, mode=mode, has_parents="p" in options)
        except FsError as error:
            await process.complain(f"can't create directory '{error.filename or name}': {error.strerror}")
            code = 1
    return code


def make_directory(process: Process, path: str, *, mode: int | None, has_parents: bool) -> None:
    """Make one directory; with parents, one that exists is fine. Raises FsError with the path that failed."""
    files = process.files
    if has_parents and path:
        done = "/" if path.startswith("/") else ""
        names = [name for name in path.split("/") if name]
        for name in names[:-1]:
            done += f"{name}/"
            if not files.exists(done):
                files.make_directory(done.rstrip("/"))
        if files.exists(path) and files.stat(path).is_directory:
            return
    files.make_directory(path)
    if mode is not None:
        files.set_mode(path, mode)
