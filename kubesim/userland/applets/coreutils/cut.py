"""cut: columns or fields of lines. Mirrors busybox: coreutils/cut.c."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from kubesim.userland.applets.text_stream import AppletError, LineReader, TextOut, byte_text, input_files
from kubesim.userland.options import Options, UsageError, parse_options
from kubesim.userland.posix_regex import BadRegex, PosixRegex, compile_regex
from kubesim.userland.processes.process_life import Process

_NUMBER_MAX = 2**31 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cut:
    """What is cut out. Ranges count from 0, both ends belong to them."""

    ranges: list[tuple[int, int]]
    kind: str
    """ "b" (bytes and characters), "f" (fields) or "F" (fields between matches of a pattern)."""
    delimiter: str
    pattern: PosixRegex | None
    joined_by: str
    is_suppressed: bool
    """-s: no line without a delimiter."""
    is_as_given: bool
    """-D: ranges in the order they were given."""


async def run(process: Process) -> int:
    """Print the parts of each line."""
    options = parse_options(process.argv, "b:c:f:d:O:sDF:n")
    out = TextOut(process)
    failures: list[str] = []
    try:
        cut = _cut(options)
    except AppletError as error:
        await process.complain(error.message)
        return error.code
    async for _, file in input_files(process, options.operands, failures):
        number = 0
        async for raw in LineReader(process, file, out=out, takes_errors_for_end=True, nul_becomes=b"\n").lines():
            text = _cut_line(cut, raw.decode("latin-1"), number)
            if text is not None:
                await out.put_text(f"{text}\n")
            number += 1
    await out.flush()
    return 1 if failures else 0


def _cut_line(cut: _Cut, line: str, number: int) -> str | None:
    """What is printed of a line; None when it is left out."""
    if cut.kind == "b":
        return "".join(_columns(cut, line))
    if cut.delimiter == "\n" and cut.pattern is None:
        return line if any(first <= number <= last for first, last in cut.ranges) else None
    parts = _fields(cut, line)
    return None if parts is None else cut.joined_by.join(parts)


def _cut(options: Options) -> _Cut:
    kinds = options.flags & set("bcfF")
    if len(kinds) > 1 or any(len(options.repeated[kind]) > 1 for kind in kinds):
        raise UsageError
    if not kinds:
        raise AppletError("expected a list of bytes, characters, or fields")
    kind = kinds.pop()
    where = " only when operating on fields"
    if kind in "bc" and "s" in options:
        raise AppletError(f"suppressing non-delimited lines makes sense{where}")
    if kind in "bc" and "d" in options:
        raise AppletError(f"a delimiter may be specified{where}")
    is_regex = kind == "F"
    delimiter = byte_text(options.values.get("d", "")) or ("[[:space:]]+" if is_regex else "\t")
    ranges = list(_ranges(options.values[kind]))
    if not ranges:
        raise AppletError("missing list of positions")
    try:
        pattern = compile_regex(delimiter, is_extended=True) if is_regex else None
    except BadRegex as error:
        raise AppletError(f"bad regex '{delimiter}': {error}") from None
    return _Cut(
        ranges=ranges if "D" in options else sorted(ranges, key=lambda one: one[0]),
        kind="b" if kind == "c" else kind,
        delimiter=delimiter if is_regex else delimiter[0],
        pattern=pattern,
        joined_by=byte_text(options.values["O"]) if "O" in options else " " if is_regex else delimiter,
        is_suppressed="s" in options,
        is_as_given="D" in options,
    )


def _ranges(text: str) -> Iterator[tuple[int, int]]:
    """`N`, `N-`, `N-M` and `-M`, with commas between them."""
    for word in text.split(","):
        if not word:
            continue
        low, dash, high = word.partition("-")
        first = max(_number(low) - 1, 0) if low else 0
        if not dash:
            yield first, first
        elif not high:
            yield first, _NUMBER_MAX
        else:
            last = _number(high)
            if last < first:
                raise AppletError(f"{last}<{first}")
            yield first, last - 1


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal()) or len(text) > 10 or int(text) > _NUMBER_MAX:
        raise AppletError(f"invalid number '{text}'")
    return int(text)


def _columns(cut: _Cut, line: str) -> Iterator[str]:
    """Each column once, in the order of the ranges."""
    done: list[tuple[int, int]] = []
    for first, last in cut.ranges:
        if first >= len(line):
            continue
        end = max(min(last, len(line) - 1), first) + 1
        if all(end <= low or high <= first for low, high in done):
            yield line[first:end]
        else:
            yield from (line[at] for at in range(first, end) if not any(low <= at < high for low, high in done))
        done.append((first, end))


def _fields(cut: _Cut, line: str) -> list[str] | None:
    """The fields in the ranges; None when the line is left out. Mirrors busybox: coreutils/cut.c, cut_file."""
    parts: list[str] = []
    which = at = start = end = seen = 0
    while True:
        if end == len(line) or seen > cut.ranges[which][1]:
            which += 1
            if which >= len(cut.ranges):
                break
            if cut.is_as_given:
                start = seen = at = 0
            end = 0
        if at == len(line):
            if not which and not seen and cut.pattern is None:
                if cut.is_suppressed:
                    return None
            elif seen < cut.ranges[which][0]:
                start = len(line)
            end = len(line)
        else:
            found = _delimiter(cut, line, at)
            if found is None:
                at = len(line)
                continue
            end, at = found
            is_before = seen < cut.ranges[which][0]
            seen += 1
            if is_before:
                start = at
                continue
        if end != start or cut.pattern is None:
            parts.append(line[start:end])
        start = at
        if not seen:
            break
    return parts


def _delimiter(cut: _Cut, line: str, at: int) -> tuple[int, int] | None:
    """Where the next delimiter begins and ends."""
    if cut.pattern is None:
        found_at = line.find(cut.delimiter, at)
        return None if found_at < 0 else (found_at, found_at + 1)
    found, offset = cut.pattern.search_again(line, at)
    return None if found is None else (found.start() + offset, found.end() + offset)
