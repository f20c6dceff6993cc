"""sort: lines in the order of their bytes, or of the numbers they begin with."""

from __future__ import annotations

import re

from kubesim.userland.files.fs_error import FsError
from kubesim.userland.options import parse_options
from kubesim.userland.processes.process_life import Process

_LEADING_NUMBER = re.compile(rb"\s*([-+]?\d*(?:\.\d*)?)")


def _number(line: bytes) -> float:
    match = _LEADING_NUMBER.match(line)
    digits = match[1] if match is not None else b""
    try:
        return float(digits)
    except ValueError:
        return 0.0


async def run(process: Process) -> int:
    """Sort all operands together."""
    options = parse_options(process.argv, "nru")
    lines: list[bytes] = []
    for name in options.operands or ["-"]:
        try:
            file = process.open_file_of(0).hold() if name == "-" else process.files.open_read(name).hold()
        except FsError as error:
            await process.complain(f"{name}: {error.strerror}")
            return 2
        try:
            parts = []
            while data := await process.read_from(file):
                await process.grow(len(data))
                parts.append(data)
                await process.step()
        finally:
            file.release()
        content = b"".join(parts)
        lines += content.removesuffix(b"\n").split(b"\n") if content else []
    is_numeric = "n" in options
    # Lines that are equal as numbers are ordered by their bytes; with -u the first of them is kept.
    lines.sort(key=(lambda line: (_number(line), line)) if is_numeric else None, reverse="r" in options)
    if "u" in options:
        first_of: dict[float | bytes, bytes] = {}
        for line in lines:
            first_of.setdefault(_number(line) if is_numeric else line, line)
        lines = list(first_of.values())
    if lines:
        await process.write(1, b"\n".join(lines) + b"\n")
    return 0
