"""uniq: neighbours that are alike become one. Mirrors busybox: coreutils/uniq.c."""

from __future__ import annotations

import re

from kubesim.userland.applets.text_stream import AppletError, LineReader, TextOut, open_input
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.options import Options, UsageError, parse_options
from kubesim.userland.processes.process_life import Process

_FIELD = re.compile(rb"[ \t\n\v\f\r]*[^ \t\n\v\f\r]*")
_NUMBER_MAX = 2**31 - 1


async def run(process: Process) -> int:
    """Copy FILE, or standard input, to OUTFILE or standard output."""
    options = parse_options(process.argv, "cduf:s:w:iz")
    name, target = [*options.operands, "-", "-"][:2]
    try:
        fields, characters, length_max = (_number(options, letter) for letter in "fsw")
        try:
            source = open_input(process, name)
        except FsError as error:
            raise AppletError(f"can't open '{name}': {error.strerror}") from None
        if len(options.operands) > 2:
            source.release()
            raise UsageError
        try:
            sink = None if target == "-" else process.files.open_write(target, is_truncated=True).hold()
        except FsError as error:
            source.release()
            raise AppletError(f"can't open '{target}': {error.strerror}") from None
    except AppletError as error:
        await process.complain(error.message)
        return error.code
    out = TextOut(process, sink)
    try:
        comparison = _Comparison(options, fields, characters, length_max)
        await _copy(LineReader(process, source, out=out, nul_becomes=b"\n"), out, comparison)
        await out.flush()
    except FsError as error:
        strerror = "I/O error" if error.errno_name == "EISDIR" else error.strerror
        await process.complain(f"{'stdin' if name == '-' else name}: {strerror}")
        return 1
    finally:
        source.release()
        if sink is not None:
            sink.release()
    return 0


class _Comparison:
    """What of a line is compared, and what is printed."""

    def __init__(self, options: Options, fields: int | None, characters: int | None, length_max: int | None) -> None:
        self._fields = fields or 0
        self._characters = characters or 0
        self._length_max = length_max
        self._ignore_case = "i" in options
        self._options = options

    def key(self, line: bytes) -> bytes:
        """The part that must be alike."""
        at = 0
        for _ in range(min(self._fields, len(line) + 1)):
            found = _FIELD.match(line, at)
            at = found.end() if found is not None else at
        part = line[at + self._characters :]
        if self._length_max is not None:
            part = part[: self._length_max]
        return part.lower() if self._ignore_case else part

    def shown(self, line: bytes, count: int) -> bytes:
        """What is printed for `count` lines that are alike."""
        if ("d" if count == 1 else "u") in self._options:
            return b""
        end = b"\0" if "z" in self._options else b"\n"
        return (b"%7d " % count if "c" in self._options else b"") + line + end


async def _copy(reader: LineReader, out: TextOut, comparison: _Comparison) -> None:
    before: bytes | None = None
    before_key = b""
    count = 0
    async for line in reader.lines():
        key = comparison.key(line)
        if before is not None and key == before_key:
            count += 1
            continue
        if before is not None:
            await out.put(comparison.shown(before, count))
        before, before_key, count = line, key, 1
    if before is not None:
        await out.put(comparison.shown(before, count))


def _number(options: Options, letter: str) -> int | None:
    text = options.values.get(letter)
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal()) or len(text) > 10 or int(text) > _NUMBER_MAX:
        raise AppletError(f"invalid number '{text}'")
    return int(text)
