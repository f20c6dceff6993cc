"""The script of sed: from text to commands.

Mirrors busybox: editors/sed.c, add_cmd and parse_cmd_args. What GNU sed has besides (`FIRST~STEP`, `Q`, `e`, `F`, `z`)
busybox refuses, and takes an exit code after `q` for the address of another command.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from kubesim.userland.applets.text_stream import AppletError
from kubesim.userland.posix_regex import BadRegex, PosixRegex, compile_regex

_SEPARATORS = "; \n\r\t\v"
_SPACE = " \t\n\v\f\r"
_DIGITS = "0123456789"
_PLAIN_COMMANDS = "dDgGhHlnNpPqx={}"
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_CHARACTERS = {"n": "\n", "t": "\t", "r": "\r"}

LAST_LINE = -1


@dataclass(slots=True, kw_only=True)
class Address:
    """One end of a range: a line (0 none, LAST_LINE the last), or a pattern."""

    line: int = 0
    pattern: PosixRegex | None = None
    following: int | None = None
    """`+N`: so many lines after the first."""

    @property
    def is_given(self) -> bool:
        """Whether there is one; line 0 is none."""
        return bool(self.line) or self.pattern is not None or self.following is not None


@dataclass(slots=True, kw_only=True)
class SedCommand:
    """A command with its addresses."""

    name: str = ""
    first: Address = field(default_factory=Address)
    last: Address = field(default_factory=Address)
    is_inverted: bool = False
    text: str = ""
    """What a, i and c print; the replacement of s; a label or a file."""
    pattern: PosixRegex | None = None
    """Of s; None stands for the last one used."""
    occurrence: int = 1
    """Which match s replaces; 0 all."""
    is_printed: bool = False
    file: str | None = None
    """Of w, and of the flag w of s."""
    table: dict[int, str] = field(default_factory=dict)
    """Of y."""


@dataclass(slots=True, kw_only=True)
class SedScript:
    """What was read so far, from all options -e and -f."""

    is_extended: bool
    is_quiet: bool = False
    commands: list[SedCommand] = field(default_factory=list)
    unfinished: str | None = None
    """Lines that end in a backslash: the next one goes on."""
    last_pattern: PosixRegex | None = None

    def add_block(self, text: str) -> None:
        """The value of an option -e. Raises AppletError."""
        for line in text.split("\n"):
            self.add_line(line)

    def add_line(self, line: str) -> None:
        """One line of a script. Raises AppletError."""
        if self.unfinished is not None:
            line = f"{self.unfinished}\n{line}"
        if (len(line) - len(line.rstrip("\\"))) % 2:
            self.unfinished = line[:-1]
            return
        self.unfinished = None
        _LineParser(self, line).parse()


class _LineParser:
    """Reads the commands of a line."""

    def __init__(self, script: SedScript, text: str) -> None:
        self._script = script
        self._text = text
        self._at = 0

    def parse(self) -> None:
        """Add its commands to the script."""
        while True:
            self._skip(_SEPARATORS)
            if self._at >= len(self._text):
                return
            if self._text[self._at] == "#":
                self._script.is_quiet |= self._text.startswith("#n", self._at)
                ends = [end for end in (self._text.find(char, self._at) for char in "\n\r") if end >= 0]
                self._at = min(ends, default=len(self._text))
                continue
            self._script.commands.append(self._command())

    def _skip(self, characters: str) -> None:
        while self._at < len(self._text) and self._text[self._at] in characters:
            self._at += 1

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _command(self) -> SedCommand:
        command = SedCommand(first=self._address())
        if self._peek() == ",":
            self._at += 1
            command.last = self._last_address()
        self._skip(_SPACE)
        if self._peek() == "!":
            command.is_inverted = True
            self._at += 1
            self._skip(_SPACE)
        command.name = self._peek()
        if not command.name:
            raise AppletError("missing command")
        self._at += 1
        self._arguments(command)
        return command

    def _number(self) -> int:
        start = self._at
        self._skip(_DIGITS)
        return int(self._text[start : min(self._at, start + 18)])

    def _address(self) -> Address:
        char = self._peek()
        if char and char in _DIGITS:
            return Address(line=self._number())
        if char == "$":
            self._at += 1
            return Address(line=LAST_LINE)
        if char not in ("/", "\\"):
            return Address()
        if char == "\\":
            self._at += 1
        delimiter = self._peek() or "\0"
        self._at += 1
        text = self._until(delimiter)
        if not text:
            if self._script.last_pattern is None:
                raise AppletError("no previous regexp")
            return Address(pattern=self._script.last_pattern)
        self._script.last_pattern = self._compiled(unescaped(text))
        return Address(pattern=self._script.last_pattern)

    def _last_address(self) -> Address:
        if self._peek() == "+" and self._text[self._at + 1 : self._at + 2].isdecimal():
            self._at += 1
            return Address(following=self._number())
        start = self._at
        address = self._address()
        if self._at == start:
            raise AppletError("no address after comma")
        return address

    def _compiled(self, text: str, *, ignore_case: bool = False) -> PosixRegex:
        try:
            return compile_regex(text, is_extended=self._script.is_extended, ignore_case=ignore_case)
        except BadRegex as error:
            raise AppletError(f"bad regex '{text}': {error}") from None

    def _until(self, delimiter: str, *, has_brackets: bool = True) -> str:
        """The text up to the delimiter, which is passed; in a bracket expression it stands for itself."""
        start = self._at
        bracket: int | None = None
        while self._at < len(self._text):
            char = self._text[self._at]
            if bracket is not None:
                inside = self._text[bracket + 1 : self._at]
                if char == "]" and inside not in ("", "^"):
                    bracket = None
            elif char == "\\":
                self._at += 1
            elif char == "[" and has_brackets:
                bracket = self._at
            elif char == delimiter:
                self._at += 1
                return self._text[start : self._at - 1]
            self._at += 1
        raise AppletError(f"unmatched '{delimiter}'")

    def _arguments(self, command: SedCommand) -> None:
        name = command.name
        if name in "air" and command.last.is_given:
            raise AppletError(f"command '{name}' uses only one address")
        if name == "s":
            self._substitution(command)
        elif name in "aic":
            self._text_argument(command)
        elif name in "rw":
            command.text = self._file_name()
            command.file = command.text if name == "w" else None
        elif name in ":btT":
            self._skip(_SPACE)
            start = self._at
            while self._at < len(self._text) and self._text[self._at] not in _SEPARATORS:
                self._at += 1
            command.text = self._text[start : self._at]
        elif name == "y":
            delimiter, old, new = self._delimited()
            old, new = (text.replace(f"\\{delimiter}", delimiter) for text in (old, new))
            for before, after in zip(old, new, strict=False):
                command.table.setdefault(ord(before), after)
        elif name not in _PLAIN_COMMANDS:
            raise AppletError(f"unsupported command {name}")

    def _text_argument(self, command: SedCommand) -> None:
        while (char := self._peek()) and char in _SPACE and char != "\n":
            self._at += 1
        if char in ("\n", "\\"):
            self._at += 1
        text = unescaped(self._text[self._at :])
        self._at = len(self._text)
        command.text = _ESCAPE.sub(r"\1", text)

    def _file_name(self) -> str:
        self._skip(_SPACE)
        name, newline, _ = self._text[self._at :].partition("\n")
        if not name:
            raise AppletError("empty filename")
        self._at += len(name)
        return name + "\\" if newline else name

    def _delimited(self) -> tuple[str, str, str]:
        """The delimiter and both texts of s or y."""
        delimiter = self._peek()
        if not delimiter:
            raise AppletError("bad format in substitution expression")
        self._at += 1
        match = unescaped(self._until(delimiter))
        return delimiter, match, unescaped(self._until(delimiter, has_brackets=False))

    def _substitution(self, command: SedCommand) -> None:
        _, match, command.text = self._delimited()
        ignore_case = False
        while (flag := self._peek()) and flag not in ";}":
            if flag in _DIGITS:
                number = self._number()
                # Mirrors busybox: a match at the beginning is the only one, so the number is not looked at.
                command.occurrence = command.occurrence if match.startswith("^") else number
                continue
            self._at += 1
            if flag == "g":
                command.occurrence = 0
            elif flag == "p":
                command.is_printed = True
            elif flag in "iI":
                ignore_case = True
            elif flag == "w":
                command.file = self._file_name()
            elif flag == "#":
                self._at = len(self._text)
            elif flag not in _SPACE:
                raise AppletError("bad option in substitution expression")
        if match:
            command.pattern = self._compiled(match, ignore_case=ignore_case)


def unescaped(text: str) -> str:
    r"""`\n`, `\t` and `\r` carried out; other escapes are left for whoever reads the text next.

    >>> unescaped(r"a\tb\.c\\n")
    'a\tb\\.c\\\\n'
    """
    return _ESCAPE.sub(lambda match: _CHARACTERS.get(match[1], match[0]), text)
