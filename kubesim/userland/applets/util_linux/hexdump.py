"""hexdump: bytes as numbers. Mirrors busybox: util-linux/hexdump.c and libbb/dump.c.

One format at a time; formats of one's own (-e and -f) are refused as unknown.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass

from kubesim.userland.applets.text_stream import AppletError, TextOut, input_files
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.options import Options, UsageError, parse_options
from kubesim.userland.processes.process_life import Process

LINE_BYTES = 16
_SUFFIXES = {"b": 512, "k": 1024, "m": 1024 * 1024}
_CHARACTERS = {0: r"\0", 7: r"\a", 8: r"\b", 9: r"\t", 10: r"\n", 11: r"\v", 12: r"\f", 13: r"\r"}


@dataclass(frozen=True, slots=True)
class _Format:
    """How many bytes make a number, how it is shown and how wide, the blanks before it included."""

    size: int
    show: Callable[[int], str]
    width: int


def _character(byte: int) -> str:
    if byte in _CHARACTERS:
        return _CHARACTERS[byte]
    return chr(byte) if 32 <= byte <= 126 else f"{byte:03o}"


_DEFAULT = _Format(2, "{:04x}".format, 5)
_FORMATS: Mapping[str, _Format] = {
    "b": _Format(1, "{:03o}".format, 4),
    "c": _Format(1, _character, 4),
    "d": _Format(2, "{:05d}".format, 8),
    "o": _Format(2, "{:06o}".format, 8),
    "x": _Format(2, "{:04x}".format, 8),
}


async def run(process: Process) -> int:
    """Dump all operands as one; lines that are the same again are a `*`, without -v."""
    options = parse_options(process.argv, "bcdoxCvn:s:")
    formats = options.flags & set("bcdoxC")
    failures: list[str] = []
    try:
        if len(formats) > 1:
            raise AppletError("several formats at once are not emulated")
        limit = parse_size(options.values["n"]) if "n" in options else None
        skip = parse_size(options.values.get("s", "0"), has_suffix=True, takes_any_base=True)
        await _dump(process, options, "".join(formats), failures, skip=skip, limit=limit)
    except AppletError as error:
        await process.complain(error.message)
        return error.code
    return 1 if failures else 0


def parse_size(text: str, *, has_suffix: bool = False, takes_any_base: bool = False) -> int:
    """A number of bytes, with `takes_any_base` also as 0x10 or 020. Raises AppletError."""
    factor = _SUFFIXES.get(text[-1:], 1) if has_suffix and not text.startswith("0x") else 1
    digits = text[:-1] if factor > 1 else text
    pattern, base = "[0-9]{1,18}", 10
    if takes_any_base and digits[:2] in ("0x", "0X"):
        pattern, base = "0[xX][0-9a-fA-F]{1,15}", 16
    elif takes_any_base and len(digits) > 1 and digits.startswith("0"):
        pattern, base = "[0-7]{1,20}", 8
    if re.fullmatch(pattern, digits) is None:
        raise AppletError(f"invalid number '{text}'")
    return int(digits, base) * factor


async def _dump(
    process: Process, options: Options, letter: str, failures: list[str], *, skip: int, limit: int | None
) -> None:
    out = TextOut(process)
    address = skip
    before: bytes | None = None
    is_repeated = False
    async for line in lines_of(process, options.operands, failures, skip=skip, limit=limit):
        if line == before and "v" not in options:
            if not is_repeated:
                await out.put(b"*\n")
            is_repeated = True
        else:
            is_repeated = False
            before = line
            await out.put_text(f"{_canonical(address, line) if letter == 'C' else _plain(address, line, letter)}\n")
        address += len(line)
    if before is not None:
        await out.put_text(f"{address:08x}\n" if letter == "C" else f"{address:07x}\n")
    await out.flush()


def _canonical(address: int, line: bytes) -> str:
    halves = [" ".join(f"{byte:02x}" for byte in half) for half in (line[:8], line[8:])]
    text = "".join(chr(byte) if 32 <= byte <= 126 else "." for byte in line)
    return f"{address:08x}  {halves[0]:23}  {halves[1]:23}  |{text}|"


def _plain(address: int, line: bytes, letter: str) -> str:
    shape = _FORMATS.get(letter, _DEFAULT)
    numbers = [int.from_bytes(line[at : at + shape.size], "little") for at in range(0, len(line), shape.size)]
    text = "".join(shape.show(number).rjust(shape.width) for number in numbers)
    return f"{address:07x}{text:{shape.width * LINE_BYTES // shape.size}}"


async def lines_of(
    process: Process,
    names: list[str],
    failures: list[str],
    *,
    skip: int,
    limit: int | None,
    size: int = LINE_BYTES,
) -> AsyncIterator[bytes]:
    """All files as one, in lines of so many bytes; the last one may be shorter."""
    pending = b""
    left = limit
    async for name, file in input_files(process, names, failures):
        while left is None or left > 0:
            await process.step()
            try:
                data = await process.read_from(file, 4096)
            except FsError as error:
                await process.complain(f"{name}: {error.strerror}")
                break
            if not data:
                break
            dropped = min(skip, len(data))
            skip -= dropped
            data = data[dropped:] if left is None else data[dropped : dropped + left]
            left = None if left is None else left - len(data)
            pending += data
            end = len(pending) // size * size
            for at in range(0, end, size):
                yield pending[at : at + size]
            pending = pending[end:]
    if pending:
        yield pending


async def run_xxd(process: Process) -> int:
    """xxd: hex with the text beside it, or hex alone, or as C. Mirrors busybox: util-linux/hexdump_xxd.c."""
    options = parse_options(process.argv, "pig:c:l:s:o:")
    if len(options.operands) > 1:
        raise UsageError
    failures: list[str] = []
    try:
        width = parse_size(options.values.get("c", "30" if "p" in options else "12" if "i" in options else "16")) or 16
        group = parse_size(options.values.get("g", "2"))
        limit = parse_size(options.values["l"], takes_any_base=True) if "l" in options else None
        skip, offset = (parse_size(options.values.get(letter, "0"), takes_any_base=True) for letter in "so")
    except AppletError as error:
        await process.complain(error.message)
        return error.code
    out = TextOut(process)
    lines = lines_of(process, options.operands, failures, skip=skip, limit=limit, size=min(width, 65536))
    if "i" in options:
        await _as_c(out, lines, (options.operands or [""])[0])
    else:
        address = skip + offset
        async for line in lines:
            if "p" in options:
                await out.put_text(f"{line.hex()}\n")
            else:
                await out.put_text(_xxd_line(address, line, min(width, 65536), group))
            address += len(line)
    await out.flush()
    return 1 if failures else 0


def _xxd_line(address: int, line: bytes, width: int, group: int) -> str:
    size = group or width
    groups = [line[at : at + size].hex() for at in range(0, len(line), size)]
    columns = 2 * width + (width - 1) // size
    text = "".join(chr(byte) if 32 <= byte <= 126 else "." for byte in line)
    return f"{address:08x}: {' '.join(groups):{columns}}  {text}\n"


async def _as_c(out: TextOut, lines: AsyncIterator[bytes], name: str) -> None:
    """An array; only its inside for standard input."""
    identifier = "".join(char if char.isascii() and char.isalnum() else "_" for char in name)
    shown: list[str] = []
    count = 0
    async for line in lines:
        shown.append("  " + ", ".join(f"0x{byte:02x}" for byte in line))
        count += len(line)
    body = ",\n".join(shown)
    if not name:
        await out.put_text(f"{body},\n" if body else "")
        return
    comma = ",\n" if body else ""
    await out.put_text(
        f"unsigned char {identifier}[] = {{\n{body}{comma}}};\nunsigned int {identifier}_len = {count};\n"
    )
