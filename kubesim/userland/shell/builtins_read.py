"""`read`: one line of the input, split into variables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubesim.kernel import timeout
from kubesim.userland.applets.coreutils.sleep import duration_ns
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.shell.control import BuiltinError, ShellError
from kubesim.userland.shell.variables import is_name

if TYPE_CHECKING:
    from kubesim.userland.shell.shell import Shell

STEP_BYTES = 256
"""Bytes between two looks at the rest of the world."""

LINE_BYTES_MAX = 16 * 1024 * 1024


def _number(text: str, refusal: str) -> int:
    if not (text.isascii() and text.isdecimal()) or len(text) > 9:
        raise BuiltinError(refusal)
    return int(text)


class _Request:
    """Options of one `read`."""

    def __init__(self, words: list[str]) -> None:
        self.is_raw = False
        self.count: int | None = None
        self.timeout_ns: int | None = None
        self.fd = 0
        self.delimiter = b"\n"
        arguments = words[1:]
        while arguments and len(arguments[0]) > 1 and arguments[0][0] == "-":
            word = arguments.pop(0)
            if word == "--":
                break
            for position, letter in enumerate(word[1:], start=1):
                if letter == "r":
                    self.is_raw = True
                elif letter in "ntupd":
                    value = word[position + 1 :] or (arguments.pop(0) if arguments else None)
                    if value is None:
                        raise BuiltinError(f"no arg for -{letter} option")
                    self._valued(letter, value)
                    break
                elif letter != "s":
                    raise BuiltinError(f"illegal option -{letter}")
        self.names = arguments or ["REPLY"]
        self.is_whole = not arguments

    def _valued(self, letter: str, value: str) -> None:
        if letter == "n":
            self.count = _number(value, "invalid count") or None
        elif letter == "u":
            self.fd = _number(value, "invalid file descriptor")
        elif letter == "d":
            self.delimiter = value.encode(errors="surrogateescape")[:1] or b"\0"
        elif letter == "t":
            delay_ns = duration_ns(value) if value[-1:].isdecimal() else None
            if delay_ns is None:
                raise BuiltinError("invalid timeout")
            self.timeout_ns = delay_ns
        # -p, a prompt: printed on terminals only, and there is none.


async def read(shell: Shell, words: list[str]) -> int:
    """0 for a line, 1 at the end of the input and after a time-out."""
    request = _Request(words)
    for name in request.names:
        if not is_name(name):
            await shell.write_error(f"{shell.process.name}: read: '{name}': bad variable name\n")
            return 1
    line: list[tuple[str, bool]] = []
    if request.timeout_ns == 0:
        return _is_there_input(shell, request.fd)
    try:
        if request.timeout_ns is None:
            is_complete = await _line(shell, request, line)
        else:
            async with timeout(request.timeout_ns):
                is_complete = await _line(shell, request, line)
    except TimeoutError:
        is_complete = False
    except FsError:
        return 1  # ash says nothing about a descriptor that cannot be read
    try:
        _assign(shell, request, line)
    except ShellError as error:
        raise BuiltinError(error.message) from None
    return 0 if is_complete else 1


def _is_there_input(shell: Shell, fd: int) -> int:
    """`read -t 0`: 0 when a read would not wait."""
    file = shell.process.descriptors().get(fd)
    try:
        return 0 if file is not None and file.read_now(0) is not None else 1
    except FsError:
        return 1


async def _line(shell: Shell, request: _Request, line: list[tuple[str, bool]]) -> bool:
    """Add the characters up to a newline, each with whether a backslash came before it. False at the end."""
    is_escaped = False
    data = bytearray()
    marks: list[bool] = []
    is_complete = False
    bytes_count = 0
    try:
        while request.count is None or len(data) < request.count:
            # One byte at a time: whoever reads next finds the next line.
            byte = await shell.process.read(request.fd, 1)
            bytes_count += 1
            if not bytes_count % STEP_BYTES:
                await shell.process.step()  # zeros without end are no line that ever gets too long
            if not byte:
                break
            if is_escaped:
                is_escaped = False
                if byte == b"\n":
                    continue
                data += byte
                marks.append(True)
            elif byte == b"\\" and not request.is_raw:
                is_escaped = True
            elif byte == request.delimiter:
                is_complete = True
                break
            elif byte != b"\0":
                data += byte
                marks.append(False)
            if len(data) > LINE_BYTES_MAX:
                break
        else:
            is_complete = True
    finally:
        # Latin-1 keeps one character for each byte, so that the marks fit.
        line.extend(zip(data.decode("latin-1"), marks, strict=True))
    return is_complete


def _assign(shell: Shell, request: _Request, line: list[tuple[str, bool]]) -> None:
    """Split the line as `IFS` says; the last variable gets the rest."""
    ifs = shell.variables.ifs
    names = list(request.names)
    if request.is_whole:
        shell.variables.set("REPLY", _text(line))
        return
    blanks = [character for character in ifs if character in " \t\n"]
    position = _skip(line, 0, blanks)
    while len(names) > 1:
        end = position
        while end < len(line) and (line[end][1] or line[end][0] not in ifs):
            end += 1
        shell.variables.set(names.pop(0), _text(line[position:end]))
        position = _skip(line, end, blanks)
        is_separator = position < len(line) and not line[position][1] and line[position][0] in ifs
        if is_separator and line[position][0] not in blanks:
            position = _skip(line, position + 1, blanks)
    rest = line[position:]
    while rest and not rest[-1][1] and rest[-1][0] in blanks:
        rest.pop()
    # One separator behind the last field belongs to it, unless there is more than that field.
    if rest and not rest[-1][1] and rest[-1][0] in ifs and not any(c in ifs and not m for c, m in rest[:-1]):
        rest.pop()
    shell.variables.set(names[0], _text(rest))


def _skip(line: list[tuple[str, bool]], position: int, blanks: list[str]) -> int:
    while position < len(line) and not line[position][1] and line[position][0] in blanks:
        position += 1
    return position


def _text(line: list[tuple[str, bool]]) -> str:
    return "".join(character for character, _ in line).encode("latin-1").decode(errors="surrogateescape")
