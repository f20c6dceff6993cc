"""Running a script of sed over its input. Mirrors busybox: editors/sed.c, process_files and do_subst_command.

One line is read ahead, for `$`. Text has one character a byte.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from enum import Enum
from typing import ClassVar, TypeAlias

from kubesim.userland.applets.editors.sed_files import SedInput, SedOutput
from kubesim.userland.applets.editors.sed_script import LAST_LINE, SedCommand, SedScript
from kubesim.userland.applets.text_stream import LINES_PER_STEP, AppletError
from kubesim.userland.posix_regex import PosixRegex
from kubesim.userland.processes.process_life import Process

CHARGED_BYTES = 65536
"""Growth of the pattern and hold space is charged in steps of so many bytes."""

_REFERENCE = re.compile(r"\\(.)|&", re.DOTALL)


class _Then(Enum):
    """What comes after a command, where that is not the next one."""

    PRINT = 1
    """The end of the script: the pattern space is printed, unless -n is given."""
    DISCARD = 2
    """The end, without that."""
    RESTART = 3
    """The script again, with the pattern space as it is."""


class _Range:
    """Whether a command is inside its range, and what became of its ends."""

    __slots__ = ("first_line", "is_inside", "last_line")

    def __init__(self, command: SedCommand) -> None:
        self.is_inside = False
        self.rewind(command)

    def rewind(self, command: SedCommand) -> None:
        """As before the first line."""
        self.first_line = command.first.line
        self.last_line = command.last.line


_Handler: TypeAlias = "Callable[[SedRun, SedCommand], Awaitable[_Then | None]]"


class SedRun:
    """One script at work. `run` may be called for several inputs: the hold space stays."""

    def __init__(self, process: Process, script: SedScript, files: Mapping[str, SedOutput]) -> None:
        self._process = process
        self._commands = script.commands
        self._is_quiet = script.is_quiet
        self._previous = script.last_pattern
        self._files = files
        self._ranges = [_Range(command) for command in script.commands]
        self._labels: dict[str, int] = {}
        for position, command in enumerate(script.commands):
            if command.name == ":" and command.text:
                self._labels.setdefault(command.text, position)
        self._hold = ""
        self._charged_bytes = 0
        self._jumps = 0
        self._at = 0

    async def run(self, source: SedInput, out: SedOutput) -> None:
        """Edit every line. Raises AppletError; what was printed before is in `out`."""
        self._source = source
        self._out = out
        self._number = 0
        self._appended: list[str] = []
        await self._read_ahead()
        while await self._advance():
            self._is_substituted = False
            while (then := await self._edit()) is _Then.RESTART:
                await self._count_jump()
            if then is _Then.PRINT and not self._is_quiet:
                await self._out.put(self._space, self._end)
            await self._flush_appended()
        for command, inside in zip(self._commands, self._ranges, strict=True):
            inside.rewind(command)

    async def flush_files(self) -> None:
        """Write what is still held back for the files of `w`."""
        for file in self._files.values():
            await file.flush()

    async def _read_ahead(self) -> None:
        await self._flush_appended()
        self._next = await self._source.next_line()

    async def _advance(self) -> bool:
        """Take the line that was read ahead; False when there is none."""
        if self._next is None:
            return False
        self._space, self._end = self._next
        await self._read_ahead()
        self._number += 1
        return True

    async def _flush_appended(self) -> None:
        for text in self._appended:
            await self._out.put(text, "\n")
        self._appended = []

    async def _edit(self) -> _Then:
        """Carry the script out on the pattern space."""
        self._at = 0
        while self._at < len(self._commands):
            position = self._at
            command = self._commands[position]
            self._at += 1
            is_selected = self._is_selected(command, self._ranges[position]) != command.is_inverted
            if command.name == "{":
                if not is_selected:
                    self._at = self._behind_block(position)
                continue
            if not is_selected:
                continue
            if command.first.pattern is not None:
                self._previous = command.first.pattern
            handler = self._HANDLERS.get(command.name)
            then = None if handler is None else await handler(self, command)
            if then is not None:
                return then
        return _Then.PRINT

    def _behind_block(self, position: int) -> int:
        depth = 0
        for end in range(position, len(self._commands)):
            depth += {"{": 1, "}": -1}.get(self._commands[end].name, 0)
            if depth == 0:
                return end + 1
        raise AppletError("unterminated {")

    def _is_selected(self, command: SedCommand, inside: _Range) -> bool:
        """Whether the addresses of a command fit the line; `!` is not looked at."""
        last = command.last
        was_inside = inside.is_inside
        if not was_inside:
            inside.last_line = last.line
            if not self._begins(command, inside):
                return False
        if last.following is not None and not was_inside:
            inside.last_line = self._number + last.following
        if inside.first_line > 0:
            inside.first_line = -2  # a range that begins at a line begins once
        if inside.last_line:
            is_over = self._next is None if inside.last_line == LAST_LINE else inside.last_line <= self._number
        else:
            is_over = last.pattern is None
        if last.pattern is not None and was_inside and not is_over:
            is_over = last.pattern.search(self._space) is not None
        inside.is_inside = not is_over
        return True

    def _begins(self, command: SedCommand, inside: _Range) -> bool:
        first, last = command.first, command.last
        if not first.is_given and not last.is_given:
            return True
        if inside.first_line > 0:
            is_at = inside.first_line <= self._number if last.is_given else inside.first_line == self._number
            if is_at:
                return True
        if first.pattern is not None and first.pattern.search(self._space) is not None:
            self._previous = first.pattern
            return True
        return inside.first_line == LAST_LINE and self._next is None

    # -- commands -----------------------------------------------------------------------------------------

    async def _print_number(self, command: SedCommand) -> None:  # noqa: ARG002 - one shape for all commands
        await self._out.put_aside(f"{self._number}\n")

    async def _print_first(self, command: SedCommand) -> None:  # noqa: ARG002
        await self._out.put(self._space.partition("\n")[0], "\n")

    async def _print(self, command: SedCommand) -> None:  # noqa: ARG002
        await self._out.put(self._space, "\n")

    async def _delete_first(self, command: SedCommand) -> _Then:  # noqa: ARG002
        _, newline, rest = self._space.partition("\n")
        if not newline:
            return _Then.DISCARD
        self._space = rest
        return _Then.RESTART

    async def _delete(self, command: SedCommand) -> _Then:  # noqa: ARG002
        return _Then.DISCARD

    async def _substitute(self, command: SedCommand) -> None:
        pattern = command.pattern or self._previous
        if pattern is None:
            raise AppletError("no previous regexp")
        self._previous = pattern
        changed = _substituted(pattern, command, self._space)
        if changed is None:
            return
        self._space = changed
        await self._charge()
        self._is_substituted = True
        if command.is_printed:
            await self._out.put(self._space, self._end)
        if command.file is not None:
            await self._files[command.file].put(self._space, self._end)

    async def _append(self, command: SedCommand) -> None:
        self._appended.append(command.text)

    async def _insert(self, command: SedCommand) -> None:
        await self._out.put(command.text, "\n")

    async def _change(self, command: SedCommand) -> _Then:
        if not self._ranges[self._at - 1].is_inside:
            await self._out.put(command.text, "\n")
        return _Then.DISCARD

    async def _read_file(self, command: SedCommand) -> None:
        name = command.text.encode("latin-1").decode(errors="surrogateescape")
        source = SedInput(self._process, [name])
        if not self._process.files.exists(name):
            return
        try:
            while (line := await source.next_line()) is not None:
                self._appended.append(line[0])
        finally:
            source.close()

    async def _write_file(self, command: SedCommand) -> None:
        assert command.file is not None, "w has a file"
        await self._files[command.file].put(self._space, self._end)

    async def _next_line(self, command: SedCommand) -> _Then | None:  # noqa: ARG002
        if not self._is_quiet:
            await self._out.put(self._space, self._end)
        self._is_substituted = False
        return None if await self._advance() else _Then.DISCARD

    async def _quit(self, command: SedCommand) -> _Then:  # noqa: ARG002
        self._next = None
        return _Then.PRINT

    async def _join_next(self, command: SedCommand) -> _Then | None:  # noqa: ARG002
        before = self._space
        if not await self._advance():
            return _Then.PRINT
        self._space = f"{before}\n{self._space}"
        await self._charge()
        return None

    async def _branch(self, command: SedCommand) -> _Then | None:
        if command.name == "t":
            if not self._is_substituted:
                return None
            self._is_substituted = False
        elif command.name == "T" and self._is_substituted:
            return None
        if not command.text:
            return _Then.PRINT
        if command.text not in self._labels:
            raise AppletError(f"can't find label for jump to '{command.text}'")
        self._at = self._labels[command.text] + 1
        await self._count_jump()
        return None

    async def _count_jump(self) -> None:
        """A script may go round for ever without reading a line."""
        self._jumps += 1
        if self._jumps % LINES_PER_STEP == 0:
            await self._process.step()

    async def _transliterate(self, command: SedCommand) -> None:
        self._space = self._space.translate(command.table)

    async def _get(self, command: SedCommand) -> None:
        if command.name == "g":
            self._space = self._hold
            return
        self._space = f"{self._space}\n{self._hold}"
        self._end = "\n"
        await self._charge()

    async def _keep(self, command: SedCommand) -> None:
        self._hold = self._space if command.name == "h" else f"{self._hold}\n{self._space}"
        await self._charge()

    async def _exchange(self, command: SedCommand) -> None:  # noqa: ARG002
        self._space, self._hold = self._hold, self._space
        self._end = "\n"

    async def _charge(self) -> None:
        """Pattern and hold space can grow without end."""
        size = len(self._space) + len(self._hold)
        if size > self._charged_bytes + CHARGED_BYTES:
            await self._process.grow(size - self._charged_bytes)
            self._charged_bytes = size

    _HANDLERS: ClassVar[Mapping[str, _Handler]] = {
        "=": _print_number,
        "P": _print_first,
        "p": _print,
        "D": _delete_first,
        "d": _delete,
        "s": _substitute,
        "a": _append,
        "i": _insert,
        "c": _change,
        "r": _read_file,
        "w": _write_file,
        "n": _next_line,
        "q": _quit,
        "N": _join_next,
        "b": _branch,
        "t": _branch,
        "T": _branch,
        "y": _transliterate,
        "g": _get,
        "G": _get,
        "h": _keep,
        "H": _keep,
        "x": _exchange,
    }
    """`:`, `{` and `}` are places in the script; `l` is read and does nothing, as in busybox."""


def _substituted(pattern: PosixRegex, command: SedCommand, text: str) -> str | None:
    """The text with its matches replaced; None when nothing was."""
    out: list[str] = []
    start = count = 0
    is_changed = has_tried_end = False
    was_empty = True
    found, offset = pattern.search(text), 0
    while found is not None:
        begin, end = found.start() + offset, found.end() + offset
        is_empty = begin == end
        count += 1
        out.append(text[start:begin])
        if command.occurrence not in (0, count):
            out.append(text[begin:end])
        else:
            # An empty match right behind another one is not replaced: `s/c*/R/g` makes RdR of cccd.
            if was_empty or begin != start or not is_empty:
                out.append(_replacement(command.text, found))
                is_changed = True
            was_empty = is_empty
            has_tried_end |= is_empty and end == len(text)
        start = end
        if is_empty:
            out.append(text[start : start + 1])
            start = min(start + 1, len(text))
        if command.occurrence == count or (start == len(text) and has_tried_end):
            break
        has_tried_end |= start == len(text)
        found, offset = pattern.search_again(text, start)
    if not is_changed:
        return None
    out.append(text[start:])
    return "".join(out)


def _replacement(text: str, found: re.Match[str]) -> str:
    r"""What takes the place of a match: `&` and `\N` are parts of it."""

    def part(reference: re.Match[str]) -> str:
        letter = reference[1]
        if letter is None:
            return found[0]
        if letter in "0123456789":
            number = int(letter)
            return (found[number] or "") if number <= found.re.groups else ""
        return letter

    return _REFERENCE.sub(part, text) if "\\" in text or "&" in text else text
