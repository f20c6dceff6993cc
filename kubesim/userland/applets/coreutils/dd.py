"""dd: copies blocks. Mirrors busybox: coreutils/dd.c.

What it holds at a time counts as its memory, as on a node: a block over the container's limit is the end of it.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

from kubesim.userland.applets.coreutils.dd_words import Words, human_size, parse_words
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.files.open_file import OpenFile, RegularFile
from kubesim.userland.processes.exit_status import ProcessExit
from kubesim.userland.processes.process_life import Process
from kubesim.userland.processes.signals import NUMBERS

SWAB = 2


@dataclass(slots=True)
class _Counts:
    began_ns: int
    in_full: int = 0
    in_part: int = 0
    out_full: int = 0
    out_part: int = 0
    total_bytes: int = 0
    rest: bytes = b""
    """Input that does not fill a block of the output yet."""

    @property
    def in_blocks(self) -> int:
        return self.in_full + self.in_part


class _Failed(Exception):
    """Said already; the status lines are still printed."""


async def run(process: Process) -> int:
    """Copy, then print how much it was."""
    try:
        words = parse_words(process.argv[1:])
    except ValueError as error:
        await process.complain(str(error))
        return 1
    try:
        source = process.files.open_read(words.input) if words.input else process.open_file_of(0)
    except FsError as error:
        await process.complain(f"can't open '{words.input}': {error.strerror}")
        return 1
    source.hold()
    try:
        await source.wait_opened()
        return await _copy_to(process, words, source)
    finally:
        source.release()


async def _copy_to(process: Process, words: Words, source: OpenFile) -> int:
    is_truncated = "notrunc" not in words.conversions
    try:
        target = process.open_file_of(1)
        if words.output:
            target = process.files.open_write(
                words.output,
                is_truncated=is_truncated and not words.seek,
                is_append="append" in words.output_flags,
            )
    except FsError as error:
        await process.complain(f"can't open '{words.output}': {error.strerror}")
        return 1
    target.hold()
    counts = _Counts(process.kernel.now_ns)
    process.handlers[NUMBERS["USR1"]] = lambda _: _say_now(process, words, counts)
    code = 0
    try:
        await target.wait_opened()
        await _skip(process, words, source)
        _seek(words, target, is_truncated=is_truncated)
        await _copy(process, words, source, target, counts)
    except _Failed:
        code = 1
    except FsError as error:
        await process.complain(f"{words.output or 'standard output'}: {error.strerror}")
        return 1
    finally:
        target.release()
    if "none" not in words.statuses:
        await process.write(2, _status(process, words, counts))
    return code


def _say_now(process: Process, words: Words, counts: _Counts) -> None:
    """SIGUSR1 asks how far it is."""
    with contextlib.suppress(FsError):
        process.open_file_of(2).write_now(_status(process, words, counts))


def _status(process: Process, words: Words, counts: _Counts) -> bytes:
    lines = f"{counts.in_full}+{counts.in_part} records in\n{counts.out_full}+{counts.out_part} records out\n"
    if "noxfer" not in words.statuses:
        # Copying takes no virtual time; a rate without a time is none, so a microsecond is the least.
        seconds = max(process.kernel.now_ns - counts.began_ns, 1000) / 1_000_000_000
        lines += f"{counts.total_bytes} bytes ({human_size(counts.total_bytes)}B) copied, {seconds:.6f} seconds, "
        lines += f"{human_size(int(counts.total_bytes / seconds))}B/s\n"
    return lines.encode()


async def _skip(process: Process, words: Words, source: OpenFile) -> None:
    """Pass over input: a file moves its offset, anything else is read."""
    left_bytes = words.skip if "skip_bytes" in words.input_flags else words.skip * words.input_bytes
    if isinstance(source, RegularFile):
        source.seek(left_bytes)
        return
    while left_bytes:
        data = await process.read_from(source, min(left_bytes, words.input_bytes))
        if not data:
            return
        left_bytes -= len(data)
        await process.step()


def _seek(words: Words, target: OpenFile, *, is_truncated: bool) -> None:
    """Pass over output, cutting the file there unless it is to stay."""
    if not words.seek:
        return
    offset = words.seek if "seek_bytes" in words.output_flags else words.seek * words.output_bytes
    if not isinstance(target, RegularFile):
        if words.output and not target.is_unbounded:
            return  # a device such as /dev/null takes any offset
        raise FsError("ESPIPE")
    if is_truncated and words.output:
        target.truncate(offset)
    target.seek(offset)


async def _copy(process: Process, words: Words, source: OpenFile, target: OpenFile, counts: _Counts) -> None:
    is_in_bytes = "count_bytes" in words.input_flags
    left_bytes = words.count if is_in_bytes else None
    held_bytes = 0
    while True:
        if words.count is not None and (counts.in_blocks >= words.count if left_bytes is None else left_bytes <= 0):
            break
        size = words.input_bytes if left_bytes is None else min(words.input_bytes, left_bytes)
        if held_bytes < size:
            # The memory of the block is touched when it is read into.
            await process.grow(size - held_bytes)
            held_bytes = size
        data = await _block(process, words, source, size)
        if data == b"":
            break
        data = data or b""
        if left_bytes is not None:
            left_bytes -= len(data)
        if len(data) == words.input_bytes:
            counts.in_full += 1
        else:
            counts.in_part += 1
            if "sync" in words.conversions:
                data = data.ljust(words.input_bytes, b"\0")
        if "swab" in words.conversions:
            data = _swapped(data)
        await _put(process, words, target, data, counts)
        await process.work(len(data))
    if counts.rest:
        await _write(process, words, target, counts.rest, counts)


async def _block(process: Process, words: Words, source: OpenFile, size: int) -> bytes | None:
    """The next block, b"" at the end; None for one that could not be read and is passed over."""
    try:
        data = await process.read_from(source, size)
        while data and len(data) < size and "fullblock" in words.input_flags:
            more = await process.read_from(source, size - len(data))
            if not more:
                break
            data += more
    except FsError as error:
        await process.complain(f"{words.input or 'standard input'}: {error.strerror}")
        if "noerror" not in words.conversions:
            raise ProcessExit(1) from None
        return None
    return data


def _swapped(data: bytes) -> bytes:
    """Each pair of bytes the other way round; an odd one at the end stays."""
    even = len(data) // SWAB * SWAB
    swapped = bytearray(data)
    swapped[0:even:SWAB], swapped[1:even:SWAB] = data[1:even:SWAB], data[0:even:SWAB]
    return bytes(swapped)


async def _put(process: Process, words: Words, target: OpenFile, data: bytes, counts: _Counts) -> None:
    if words.input_bytes == words.output_bytes:
        await _write(process, words, target, data, counts)
        return
    counts.rest += data
    while len(counts.rest) >= words.output_bytes:
        block, counts.rest = counts.rest[: words.output_bytes], counts.rest[words.output_bytes :]
        await _write(process, words, target, block, counts)


async def _write(process: Process, words: Words, target: OpenFile, data: bytes, counts: _Counts) -> None:
    try:
        await process.write_to(target, data)
    except FsError as error:
        await process.complain(f"error writing '{words.output or 'standard output'}': {error.strerror}")
        raise _Failed from None
    counts.total_bytes += len(data)
    if len(data) == words.output_bytes:
        counts.out_full += 1
    else:
        counts.out_part += 1
