"""sort: lines in order. Mirrors busybox: coreutils/sort.c."""

from __future__ import annotations

from dataclasses import dataclass

from kubesim.userland.applets.coreutils.sort_keys import (
    WHOLE_LINE,
    Comparable,
    SortKey,
    comparable,
    key_text,
    parse_key,
)
from kubesim.userland.applets.text_stream import LINES_PER_STEP, AppletError, TextOut, byte_text, open_input, read_all
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.options import Options, UsageError, parse_options
from kubesim.userland.processes.process_life import Process

_KINDS = "ngMV"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Order:
    """How lines are compared."""

    keys: list[tuple[SortKey, frozenset[str], str]]
    """Each key with the flags that count for it and its kind of comparison."""
    separator: str
    is_reversed: bool
    is_stable: bool

    def values(self, line: str) -> list[Comparable]:
        """What the keys find in a line."""
        return [comparable(key_text(line, key, flags, self.separator), kind) for key, flags, kind in self.keys]


async def run(process: Process) -> int:
    """Sort all operands together."""
    options = parse_options(process.argv, "ngMVucszbrdfimS:T:o:k:t:")
    try:
        if any(len(options.repeated.get(letter, [])) > 1 for letter in "ot"):
            raise UsageError
        order = _order(options)
        lines = await _read(process, options)
        if len({*_KINDS} & options.flags) > 1 and len(lines) > 1:
            raise AppletError("unknown sort type", 2)
        if "c" in options:
            return await _check(process, options, order, lines)
        sorted_lines = _sorted(lines, order, is_unique="u" in options)
        await _print(process, options, sorted_lines)
    except AppletError as error:
        await process.complain(error.message)
        return error.code
    return 0


def _order(options: Options) -> _Order:
    separator = byte_text(options.values.get("t", ""))
    if "t" in options and len(separator) != 1:
        raise AppletError("bad -t parameter", 2)
    given = frozenset(options.flags & set("ngMVbrdfi"))
    if "b" in given:
        given |= {"B"}
    keys = []
    for key in [parse_key(text) for text in options.repeated.get("k", [])] or [WHOLE_LINE]:
        flags = key.flags or given
        kinds = flags & set(_KINDS)
        if len(kinds) > 1 and key.flags:
            raise AppletError("unknown sort type", 2)
        keys.append((key, flags, "".join(kinds)[:1]))
    return _Order(keys=keys, separator=separator, is_reversed="r" in given, is_stable="s" in options)


async def _read(process: Process, options: Options) -> list[str]:
    lines: list[str] = []
    end = "\0" if "z" in options else "\n"
    for name in options.operands or ["-"]:
        try:
            file = open_input(process, name)
        except FsError as error:
            raise AppletError(f"{name}: {error.strerror}", 2) from None
        try:
            text = (await read_all(process, file)).decode("latin-1")
        except FsError:
            text = ""  # a directory: busybox takes an error of reading for the end
        finally:
            file.release()
        text = text.replace("\0", end)  # the lines of busybox end at a NUL too
        lines += text.removesuffix(end).split(end) if text else []
    return lines


def _sorted(lines: list[str], order: _Order, *, is_unique: bool) -> list[str]:
    """In order. The sort of Python is stable: the least important comparison comes first."""
    if not order.is_stable:
        lines.sort(reverse=order.is_reversed)
    rows = [(order.values(line), line) for line in lines]
    for number in reversed(range(len(order.keys))):
        rows.sort(key=lambda row: row[0][number], reverse="r" in order.keys[number][1])
    if not is_unique:
        return [line for _, line in rows]
    kept: list[tuple[list[Comparable], str]] = []
    for row in rows:
        if not kept or kept[-1][0] != row[0]:
            kept.append(row)
    return [line for _, line in kept]


async def _check(process: Process, options: Options, order: _Order, lines: list[str]) -> int:
    """-c: complain about the first line that is out of order."""
    for number in range(1, len(lines)):
        compared = _compare(order, lines[number - 1], lines[number])
        if compared > (-1 if "u" in options else 0):
            await process.write(2, f"Check line {number}\n".encode())
            return 1
        if number % LINES_PER_STEP == 0:
            await process.step()
    return 0


def _compare(order: _Order, one: str, two: str) -> int:
    for (_, flags, _), first, second in zip(order.keys, order.values(one), order.values(two), strict=True):
        if first != second:
            is_less = first < second  # type: ignore[operator]
            return 1 if is_less == ("r" in flags) else -1
    if order.is_stable:
        return -1
    return 0 if one == two else 1 if (one < two) == order.is_reversed else -1


async def _print(process: Process, options: Options, lines: list[str]) -> None:
    end = "\0" if "z" in options else "\n"
    file = None
    if "o" in options:
        name = options.values["o"]
        try:
            file = process.files.open_write(name, is_truncated=True).hold()
        except FsError as error:
            raise AppletError(f"can't open '{name}': {error.strerror}", 2) from None
    out = TextOut(process, file)
    try:
        for start in range(0, len(lines), 1024):
            await out.put_text("".join(f"{line}{end}" for line in lines[start : start + 1024]))
            await process.step()
        await out.flush()
    finally:
        if file is not None:
            file.release()
