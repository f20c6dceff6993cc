"""tail: the end of files. From /dev/zero it never finds one, and grows until its container has no memory left."""

from __future__ import annotations

from kubesim.userland.applets.coreutils.cat import open_operand
from kubesim.userland.applets.coreutils.counts import Count, modern_argv, parse_count
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.files.open_file import OpenFile, ZeroFile
from kubesim.userland.options import Options, parse_options
from kubesim.userland.processes.process_life import Process

ZERO_STEP_BYTES = 1024 * 1024
ZERO_STEP_NS = 2_000_000
"""It reads zeros at 500 MB a second of virtual time."""

FOLLOW_NS = 1_000_000_000
"""Time between two looks with -f. Mirrors busybox: coreutils/tail.c, sleep_period."""


async def run(process: Process) -> int:
    """Print the last lines or bytes; `+N` prints from line or byte N on; -f goes on printing what is added."""
    options = parse_options(modern_argv(process.argv, "-+"), "n:c:fqvs:")
    text = options.values.get("c" if "c" in options else "n", "10")
    count = parse_count(text)
    if count is None:
        await process.complain(f"invalid number '{text.lstrip('+-')}'")
        return 1
    if "s" in options:
        await process.complain("-s is not emulated")
        return 1
    opened: list[tuple[str, OpenFile]] = []
    code = 0
    for name in options.operands or ["-"]:
        file = await open_operand(process, name)
        if file is None:
            code = 1
        else:
            opened.append((name, file))
    if not opened:
        await process.complain("no files")
        return 1
    try:
        return max(code, await _show_all(process, options, opened, count))
    finally:
        for _, file in opened:
            file.release()


async def _show_all(process: Process, options: Options, opened: list[tuple[str, OpenFile]], count: Count) -> int:
    has_titles = (len(opened) > 1 or "v" in options) and "q" not in options
    code = 0
    gap = ""
    for name, file in opened:
        if has_titles:
            await process.say(f"{gap}==> {'standard input' if name == '-' else name} <==\n")
            gap = "\n"
        try:
            await _show(process, file, count, is_bytes="c" in options)
        except FsError as error:
            await process.complain(f"{name}: {error.strerror}")
            code = 1
    while "f" in options:
        await process.sleep(FOLLOW_NS)
        for name, file in opened:
            is_first = True
            while data := file.read_now(65536):
                if has_titles and is_first:
                    await process.say(f"\n==> {name} <==\n")
                is_first = False
                await process.write(1, data)
    return code


async def _show(process: Process, file: OpenFile, count: Count, *, is_bytes: bool) -> None:
    while isinstance(file, ZeroFile):
        # Nothing is kept of the zeros: what counts is what they would take.
        await process.grow(ZERO_STEP_BYTES)
        await process.sleep(ZERO_STEP_NS)
    if count.sign == "+":
        await _from(process, file, max(count.number - 1, 0), is_bytes=is_bytes)
        return
    held = bytearray()
    charged = 0
    while data := await process.read_from(file):
        held += data
        if is_bytes:
            del held[: -count.number or None]
        elif held.count(b"\n") > count.number + 1024:
            held = bytearray(_last_lines(bytes(held), count.number))
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
