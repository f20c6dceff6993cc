"""tee: standard input to standard output and into files."""

from __future__ import annotations

from kubesim.userland.files.fs_error import FsError
from kubesim.userland.files.open_file import OpenFile
from kubesim.userland.options import parse_options
from kubesim.userland.processes.process_life import Process
from kubesim.userland.processes.signals import SIGINT


async def run(process: Process) -> int:
    """Copy as it comes. A file that does not open is said; the others get everything."""
    options = parse_options(process.argv, "ia")
    if "i" in options:
        process.handlers[SIGINT] = None
    is_append = "a" in options
    files: list[OpenFile] = [process.open_file_of(1).hold()]
    code = 0
    try:
        for name in options.operands:
            try:
                file = (
                    process.open_file_of(1)
                    if name == "-"
                    else process.files.open_write(name, is_append=is_append, is_truncated=not is_append)
                )
            except FsError as error:
                await process.complain(f"{name}: {error.strerror}")
                code = 1
                continue
            files.append(file.hold())
        while True:
            try:
                data = await process.read(0)
            except FsError:
                code = 1  # busybox says nothing about an input that cannot be read
                break
            if not data:
                break
            for number, file in enumerate(files):
                if number == 0:
                    await process.write(1, data)
                else:
                    await _write(file, data)
            await process.step()
    finally:
        for file in files:
            file.release()
    return code


async def _write(file: OpenFile, data: bytes) -> None:
    rest = file.write_now(data)
    while rest is not None:
        await file.wait_writable()
        rest = file.write_now(rest)
