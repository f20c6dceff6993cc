"""tail: the end of files. From /dev/zero it never finds one, and grows until its container has no memory left."""

from __future__ import annotations

from dataclasses import dataclass

from kubesim.userland.applets.coreutils.cat import open_operand
from kubesim.userland.applets.coreutils.counts import Count, modern_argv, parse_count
from kubesim.userland.applets.text_stream import BLOCK_BYTES
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.files.open_file import OpenFile, RegularFile, ZeroFile
from kubesim.userland.files.pipe import PipeReader
from kubesim.userland.options import parse_options
from kubesim.userland.processes.process_life import Process

ZERO_STEP_BYTES = 1024 * 1024
ZERO_STEP_NS = 2_000_000
"""It reads zeros at 500 MB a second of virtual time."""

SECOND_NS = 1_000_000_000

_NUMBER_MAX = 2**31 - 1


@dataclass(slots=True)
class _Tail:
    """An operand and the file that is shown for it; None while there is none, with -F."""

    name: str
    file: OpenFile | None
    identity: tuple[int, int] | None

    @property
    def title(self) -> str:
        """What stands above its lines."""
        return self.name or "standard input"


async def run(process: Process) -> int:
    """Print the last lines or bytes; `+N` prints from line or byte N on; -f goes on printing what is added."""
    argv = modern_argv(process.argv, "-+")
    options = parse_options(argv, "fc:n:qs:vF")
    text = options.values.get("n", options.values.get("c", "10"))
    count = parse_count(text)
    period = options.values.get("s", "1")
    if count is None:
        await process.complain(f"invalid number '{text.lstrip('+-')}'")
        return 1
    if not (period.isascii() and period.isdecimal()) or len(period) > 10 or int(period) > _NUMBER_MAX:
        await process.complain(f"invalid number '{period}'")
        return 1
    tails: list[_Tail] = []
    code = 0
    for name in options.operands or [""]:
        file = await open_operand(process, name or "-")
        if file is None and "F" not in options:
            code = 1
        else:
            tails.append(_Tail(name, file, _identity(process, name)))
    if not tails:
        await process.complain("no files")
        return 1
    is_followed = bool(options.flags & {"f", "F"})
    if not options.operands and isinstance(process.open_file_of(0), PipeReader):
        is_followed = False  # its end is the end
    has_titles = (len(tails) > 1 or "v" in options) and "q" not in options
    try:
        code = max(code, await _show_all(process, tails, count, has_titles=has_titles, is_bytes="c" in options))
        shown = tails[-1]
        while is_followed:
            await process.sleep(max(int(period), 1) * SECOND_NS)
            for tail in tails:
                if "F" in options:
                    await _look_again(process, tail)
                shown = await _follow(process, tail, shown, has_titles=has_titles)
    finally:
        for tail in tails:
            if tail.file is not None:
                tail.file.release()
    return code


def _identity(process: Process, name: str) -> tuple[int, int] | None:
    """Which file a name leads to; None when to none."""
    if name in ("", "-"):
        return None
    try:
        stat = process.files.stat(name)
    except FsError:
        return None
    return stat.device, stat.inode


async def _show_all(process: Process, tails: list[_Tail], count: Count, *, has_titles: bool, is_bytes: bool) -> int:
    code = 0
    gap = ""
    for tail in tails:
        if tail.file is None:
            continue
        if has_titles:
            await process.say(f"{gap}==> {tail.title} <==\n")
            gap = "\n"
        try:
            await _show(process, tail.file, count, is_bytes=is_bytes)
        except FsError as error:
            await process.complain(f"read error: {error.strerror}")
            code = 1
    return code


async def _look_again(process: Process, tail: _Tail) -> None:
    """-F: whether the name leads to another file by now."""
    if tail.name in ("", "-"):
        return
    identity = _identity(process, tail.name)
    if tail.file is not None and identity == tail.identity:
        return
    try:
        file = process.files.open_read(tail.name).hold()
    except FsError as error:
        if tail.file is not None:
            await process.complain(f"{tail.name} has been renamed or deleted: {error.strerror}")
        return
    how = "appeared" if tail.file is None else "been replaced"
    await process.complain(f"{tail.name} has {how}; following end of new file")
    if tail.file is not None:
        await _print_added(process, tail.file)
        tail.file.release()
    tail.file, tail.identity = file, identity


async def _follow(process: Process, tail: _Tail, shown: _Tail, *, has_titles: bool) -> _Tail:
    """Print what was added; the operand that was printed last."""
    file = tail.file
    if file is None:
        return shown
    if isinstance(file, RegularFile) and 0 < file.node.stat().size_bytes < file.offset:
        file.seek(-file.offset)  # it was cut: from its beginning on
    data = file.read_now(BLOCK_BYTES)
    if not data:
        return shown
    if has_titles and tail is not shown:
        await process.say(f"\n==> {tail.title} <==\n")
    await process.write(1, data)
    await _print_added(process, file)
    return tail


async def _print_added(process: Process, file: OpenFile) -> None:
    while data := file.read_now(BLOCK_BYTES):
        await process.write(1, data)
        await process.step()


async def _show(process: Process, file: OpenFile, count: Count, *, is_bytes: bool) -> None:
    while isinstance(file, ZeroFile):
        # Nothing is kept of the zeros: what counts is what they would take.
        await process.grow(ZERO_STEP_BYTES)
        await process.sleep(ZERO_STEP_NS)
    if count.sign == "+":
        await _from(process, file, max(count.number - 1, 0), is_bytes=is_bytes)
        return
    held = bytearray()
    charged = lines_count = 0
    while data := await process.read_from(file):
        held += data
        lines_count += data.count(b"\n")
        if is_bytes:
            del held[: -count.number or None]
        elif lines_count > count.number + 1024:
            held = bytearray(_last_lines(bytes(held), count.number))
            lines_count = held.count(b"\n")
        if len(held) > charged:
            await process.grow(len(held) - charged)
            charged = len(held)
        await process.step()
    data = bytes(held)
    await process.write(1, data if is_bytes else _last_lines(data, count.number))


def _last_lines(data: bytes, count: int) -> bytes:
    lines = data.split(b"\n")
    has_end = lines[-1] == b""
    kept = lines[-(count + has_end) :] if count else []
    return b"\n".join(kept)


async def _from(process: Process, file: OpenFile, skipped: int, *, is_bytes: bool) -> None:
    while data := await process.read_from(file):
        if skipped and is_bytes:
            cut = min(skipped, len(data))
            skipped, data = skipped - cut, data[cut:]
        elif skipped:
            pieces = data.split(b"\n", skipped)
            skipped -= len(pieces) - 1
            data = b"" if skipped else pieces[-1]
        await process.write(1, data)
        await process.step()
