"""mknod and mkfifo: make devices and pipes with a name."""

from __future__ import annotations

from kubesim.userland.file_modes import parse_mode
from kubesim.userland.files.file_stat import FileKind, device_number
from kubesim.userland.files.file_view import FileView
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.options import Options, UsageError, parse_options
from kubesim.userland.processes.exit_status import ProcessExit
from kubesim.userland.processes.process_life import Process

MAJOR_MAX = 4095
MINOR_MAX = 1_048_575
"""Mirrors busybox: coreutils/mknod.c, mknod_main: what fits into 32 bits."""
_KINDS = {"p": FileKind.FIFO, "b": FileKind.BLOCK_DEVICE, "c": FileKind.DEVICE, "u": FileKind.DEVICE}


async def run(process: Process) -> int:
    """Make one device or pipe."""
    options = parse_options(process.argv, "m:")
    operands = options.operands
    kind = _KINDS.get(operands[1][:1]) if len(operands) > 1 else None
    if kind is None or len(operands) != (2 if kind is FileKind.FIFO else 4):
        raise UsageError
    number = 0
    if kind is not FileKind.FIFO:
        # The last argument is read first, as C's compilers happen to do.
        minor = await _number(process, operands[3], MINOR_MAX)
        number = device_number(await _number(process, operands[2], MAJOR_MAX), minor)
    return await _make(process, options, operands[:1], kind, number)


async def run_mkfifo(process: Process) -> int:
    """Make each operand. Mirrors busybox: coreutils/mkfifo.c."""
    options = parse_options(process.argv, "m:")
    if not options.operands:
        raise UsageError
    return await _make(process, options, options.operands, FileKind.FIFO, 0)


def make_special(files: FileView, path: str, kind: FileKind, *, mode: int, device_number: int) -> None:
    """Make a pipe or device, the mode cut by the umask; mknod(2). Raises FsError; a socket is EPERM."""
    if kind is FileKind.FIFO:
        files.make_fifo(path, mode)
    elif kind is FileKind.SOCKET:
        raise FsError("EPERM", path)
    else:
        files.make_device(path, kind, device_number, mode)


async def _number(process: Process, text: str, maximum: int) -> int:
    if not (text.isascii() and text.isdecimal()):
        await process.complain(f"invalid number '{text}'")
    elif int(text) > maximum:
        await process.complain(f"number {text} is not in 0..{maximum} range")
    else:
        return int(text)
    raise ProcessExit(1)


async def _make(process: Process, options: Options, paths: list[str], kind: FileKind, number: int) -> int:
    """A mode that was asked for is not cut by the umask.

    Mirrors busybox: coreutils/libcoreutils/getopt_mk_fifo_nod.c.
    """
    files = process.files
    mode: int | None = 0o666
    if "m" in options:
        mode = parse_mode(options.values["m"], 0o666, umask=files.umask)
        files.umask = 0
    code = 0
    for path in paths:
        try:
            if mode is None:
                raise FsError("EINVAL", path)
            make_special(files, path, kind, mode=mode, device_number=number)
        except FsError as error:
            await process.complain(f"{path}: {error.strerror}")
            code = 1
    return code
