"""md5sum and its like: checksums of files, and whether files still have them.

Mirrors busybox: coreutils/md5_sha1_sum.c.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable

from kubesim.userland.applets.text_stream import BLOCK_BYTES, LineReader, open_input
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.options import Options, UsageError, parse_options
from kubesim.userland.processes.process_life import Process


def sum_command(algorithm: str) -> Callable[[Process], Awaitable[int]]:
    """The command that prints or checks sums of one algorithm."""

    async def run(process: Process) -> int:
        options = parse_options(process.argv, "scwbt")
        if options.flags & {"s", "w"} and "c" not in options:
            raise UsageError
        code = 0
        for name in options.operands or ["-"]:
            if "c" in options:
                is_alike = await _check(process, algorithm, options, name)
                if is_alike is None:
                    return 1
                code |= not is_alike
                continue
            digest = await _digest(process, algorithm, name)
            if digest is None:
                code = 1
            else:
                await process.say(f"{digest}  {name}\n")
        return code

    return run


async def _digest(process: Process, algorithm: str, name: str) -> str | None:
    """The sum of a file in hex; None once it was said why there is none."""
    try:
        file = open_input(process, name)
    except FsError as error:
        await process.complain(f"can't open '{name}': {error.strerror}")
        return None
    hashed = hashlib.new(algorithm, usedforsecurity=False)
    try:
        while data := await process.read_from(file, BLOCK_BYTES):
            hashed.update(data)
            await process.step()
    except FsError as error:
        await process.complain(f"can't read '{name}': {error.strerror}")
        return None
    finally:
        file.release()
    return hashed.hexdigest()


async def _check(process: Process, algorithm: str, options: Options, name: str) -> bool | None:
    """Whether the files that a list names have their sums; None when the list does not open, which ends all."""
    try:
        file = open_input(process, name)
    except FsError as error:
        await process.complain(f"{name}: {error.strerror}")
        return None
    total = failed = 0
    is_silent = "s" in options
    try:
        async for line in LineReader(process, file, takes_errors_for_end=True, nul_becomes=b"\n").lines():
            total += 1
            expected, space, path = line.decode(errors="surrogateescape").partition(" ")
            if not space or path[:1] not in (" ", "*"):
                if "w" in options:
                    await process.complain("invalid format")
                failed += 1
                continue
            path = path[1:]
            digest = await _digest(process, algorithm, path)
            is_right = digest is not None and digest == expected
            failed += not is_right
            if not is_silent:
                await process.say(f"{path}: {'OK' if is_right else 'FAILED'}\n")
    finally:
        file.release()
    if failed and not is_silent:
        await process.complain(f"WARNING: {failed} of {total} computed checksums did NOT match")
    if not total:
        await process.complain(f"{name}: no checksum lines found")
    return total > 0 and not failed
