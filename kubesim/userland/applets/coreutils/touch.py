"""touch: make files, or change their times."""

from __future__ import annotations

from kubesim.userland.applets.date_string import parse_date
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.options import Options, UsageError, parse_options
from kubesim.userland.processes.exit_status import ProcessExit
from kubesim.userland.processes.process_life import Process

LONG_NAMES = {"no-create": "c", "no-dereference": "h", "reference": "r", "date": "d"}
_NS = 1_000_000_000


async def run(process: Process) -> int:
    """Touch each operand. Mirrors busybox: coreutils/touch.c."""
    options = parse_options(process.argv, "chr:d:t:amf", long_names=LONG_NAMES)
    if not options.operands or {"r", "t"} <= options.flags:
        raise UsageError
    atime_ns, mtime_ns = await _times(process, options)
    wanted = options.flags & {"a", "m"} or {"a", "m"}
    code = 0
    for path in options.operands:
        try:
            _touch(
                process,
                path,
                options,
                atime_ns=atime_ns if "a" in wanted else None,
                mtime_ns=mtime_ns if "m" in wanted else None,
            )
        except FsError as error:
            await process.complain(f"{path}: {error.strerror}")
            code = 1
    return code


async def _times(process: Process, options: Options) -> tuple[int, int]:
    """The times of access and of change that are asked for."""
    now_ns = process.kernel.now_ns
    atime_ns = mtime_ns = now_ns
    if "r" in options:
        reference = options.values["r"]
        try:
            stat = process.files.stat(reference)
        except FsError as error:
            await process.complain(f"can't stat '{reference}': {error.strerror}")
            raise ProcessExit(1) from None
        atime_ns, mtime_ns = stat.atime_ns, stat.mtime_ns
    if options.flags & {"d", "t"}:
        text = options.values[options.last_of("dt")]
        seconds = parse_date(text, now_ns // _NS)
        if seconds is None:
            await process.complain(f"invalid date '{text}'")
            raise ProcessExit(1)
        atime_ns = mtime_ns = seconds * _NS
    return atime_ns, mtime_ns


def _touch(process: Process, path: str, options: Options, *, atime_ns: int | None, mtime_ns: int | None) -> None:
    files = process.files
    follow_last = "h" not in options
    try:
        files.set_times(path, atime_ns=atime_ns, mtime_ns=mtime_ns, follow_last=follow_last)
    except FsError as error:
        if error.errno_name != "ENOENT":
            raise
        if "c" in options:
            return
        files.open_write(path)
        if options.flags & {"r", "d", "t"}:
            files.set_times(path, atime_ns=atime_ns, mtime_ns=mtime_ns)
