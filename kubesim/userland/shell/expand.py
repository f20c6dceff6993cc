"""Words to fields: parameters, substitutions and arithmetic, then splitting, then file names.

An expansion collects segments: text, and what may still happen to it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, TypeAlias

from kubesim.userland.files.passwd import parse_passwd
from kubesim.userland.shell.arithmetic import ArithmeticFailed, compute
from kubesim.userland.shell.control import ShellError
from kubesim.userland.shell.parameter_operators import length, replaced, section, trimmed
from kubesim.userland.shell.parser import Parser
from kubesim.userland.shell.patterns import escaped, expand_path
from kubesim.userland.shell.syntax import (
    Arithmetic,
    Literal,
    Parameter,
    Part,
    ShellSyntaxError,
    Substitution,
    Tilde,
    Word,
)
from kubesim.userland.shell.variables import DEFAULT_IFS, is_name
from kubesim.userland.shell.words import split_assignment

if TYPE_CHECKING:
    from kubesim.userland.shell.shell import Shell

TEXT_LENGTH_MAX = 4 * 1024 * 1024
"""Characters of one value: `a=$a$a` in a loop must take neither all memory nor, at once, seconds of everyone's time."""

FIELDS_MAX = 512 * 1024
"""Fields of one command, for the same reason: `set -- "$@" "$@"` in a loop doubles them each time."""

QUOTED, PLAIN, SPLIT, BREAK = 0, 1, 2, 3
"""Kinds of segments: stays as it is; may be a file name pattern; may also be split; a new field begins here."""

Segments: TypeAlias = list[tuple[str, int]]

_NEEDS_WORK = re.compile(r"[ \t\n*?\[\\]")
_BLANKS = re.compile(r"[ \t\n]+")
_WILDCARD = re.compile(r"[*?\[]")


class Expander:
    """Expands words in one shell."""

    __slots__ = ("_shell",)

    def __init__(self, shell: Shell) -> None:
        self._shell = shell

    async def fields(self, words: Iterable[Word]) -> list[str]:
        """The fields of words: what a command gets as arguments."""
        found: list[str] = []
        for word in words:
            if word.plain is not None:
                found.append(word.plain)
                continue
            segments: Segments = []
            await self._collect(word, segments, literal_kind=PLAIN)
            if len(segments) == 1 and self._is_simple(segments[0]):
                if segments[0][0]:
                    found.append(segments[0][0])
                continue
            fields = _Fields(self._shell, found)
            fields.take(segments)
            if len(found) > FIELDS_MAX:
                raise ShellError("out of memory")
        return found

    async def declared(self, words: Iterable[Word]) -> list[str]:
        """The same, but `name=value` is one field, as in an assignment."""
        found: list[str] = []
        for word in words:
            assignment = split_assignment(word)
            if assignment is None:
                found += await self.fields((word,))
            else:
                found.append(f"{assignment[0]}={await self.text(assignment[1])}")
        return found

    async def text(self, word: Word) -> str:
        """The text of a word that is neither split nor a pattern: an assignment, a redirection's target."""
        if word.plain is not None:
            return word.plain
        segments: Segments = []
        await self._collect(word, segments, literal_kind=QUOTED, is_one_text=True)
        if sum(len(text) for text, _ in segments) > TEXT_LENGTH_MAX:
            raise ShellError("out of memory")
        return "".join(" " if kind == BREAK else text for text, kind in segments)

    async def prompt(self, text: str) -> str:
        """The text of PS1, PS2 or PS4, with its expansions; they are not traced themselves."""
        if not any(character in text for character in "$`\\"):
            return text
        shell = self._shell
        parts: list[Part] = []
        try:
            Parser(text, line=shell.line).lexer.read_double_quoted(parts, "")
        except ShellSyntaxError as error:
            raise ShellError(f"syntax error: {error.message}") from None
        is_traced = "x" in shell.options
        shell.options.discard("x")
        try:
            return await self.text(Word.of(parts))
        finally:
            if is_traced:
                shell.options.add("x")

    async def pattern(self, word: Word) -> str:
        """A word as a pattern: what is quoted matches only itself."""
        segments: Segments = []
        await self._collect(word, segments, literal_kind=PLAIN, is_one_text=True)
        return "".join(escaped(text) if kind == QUOTED else " " if kind == BREAK else text for text, kind in segments)

    def _is_simple(self, segment: tuple[str, int]) -> bool:
        """Whether a lone segment is one field as it is (or none, if it is empty)."""
        text, kind = segment
        return kind in (PLAIN, SPLIT) and self._shell.variables.ifs == DEFAULT_IFS and _NEEDS_WORK.search(text) is None

    # -- parts --------------------------------------------------------------------------------------------

    async def _collect(self, word: Word, segments: Segments, *, literal_kind: int, is_one_text: bool = False) -> None:
        """Add the segments of a word. `literal_kind` is what may happen to unquoted literal text."""
        for part in word.parts:
            if isinstance(part, Literal):
                segments.append((part.text, QUOTED if part.is_quoted else literal_kind))
            elif isinstance(part, Parameter):
                await self._parameter(part, segments, is_one_text=is_one_text)
            elif isinstance(part, Substitution):
                text = await self._shell.substitute(part.body)
                segments.append((text, QUOTED if part.is_quoted else SPLIT))
            elif isinstance(part, Arithmetic):
                text = str(self._compute(await self.text(part.word)))
                segments.append((text, QUOTED if part.is_quoted else SPLIT))
            else:
                home = self._home(part)
                segments.append((home, QUOTED if home else PLAIN))

    def _compute(self, text: str) -> int:
        try:
            return compute(text, self._shell.variables)
        except ArithmeticFailed as error:
            raise ShellError(str(error)) from None

    def _home(self, tilde: Tilde) -> str:
        if not tilde.user:
            home = self._shell.variables.get("HOME")
            return "~" if home is None else home
        users = parse_passwd(self._shell.process.files)
        return next((user.home for user in users if user.name == tilde.user), f"~{tilde.user}")

    async def _parameter(self, part: Parameter, segments: Segments, *, is_one_text: bool) -> None:
        kind = QUOTED if part.is_quoted else SPLIT
        operator = part.operator
        if part.name in ("@", "*") and not operator:
            self._positional(part, segments, is_one_text=is_one_text)
            return
        value = self._shell.parameter(part.name)
        if not operator:
            if value is None:
                self._check_set(part)
                value = ""
            segments.append((value, kind))
            return
        if operator == "length":
            if value is None:
                self._check_set(part)
            segments.append((str(length(value or "")), kind))
            return
        assert part.argument is not None, "every other operator has a word"
        if operator[0] in "#%":
            if value is None:
                self._check_set(part)
            pattern = await self.pattern(part.argument)
            segments.append((trimmed(value or "", pattern, operator), kind))
            return
        if operator[0] == "/" or operator == ":":
            if value is None:
                self._check_set(part)
            segments.append((await self._changed(part, value or ""), kind))
            return
        is_missing = value is None or (operator[0] == ":" and not value)
        await self._conditional(part, segments, value, is_missing=is_missing, is_one_text=is_one_text)

    async def _changed(self, parameter: Parameter, value: str) -> str:
        """The value with replacements, or a part of it."""
        assert parameter.argument is not None, "these operators have a word"
        if parameter.operator == ":":
            return section(value, await self.text(parameter.argument), self._compute)
        pattern = await self.pattern(parameter.argument)
        replacement = "" if parameter.replacement is None else await self.text(parameter.replacement)
        text = replaced(value, pattern, replacement, is_everywhere=parameter.operator == "//")
        if len(text) > TEXT_LENGTH_MAX:
            raise ShellError("out of memory")
        return text

    async def _conditional(
        self, part: Parameter, segments: Segments, value: str | None, *, is_missing: bool, is_one_text: bool
    ) -> None:
        """`-`, `=`, `?` and `+`, with and without a colon."""
        argument = part.argument
        assert argument is not None, "every one of these operators has a word"
        action = part.operator[-1]
        kind = QUOTED if part.is_quoted else SPLIT
        if action == "+":
            if not is_missing:
                await self._collect(argument, segments, literal_kind=kind, is_one_text=is_one_text)
        elif not is_missing:
            segments.append((value or "", kind))
        elif action == "-":
            await self._collect(argument, segments, literal_kind=kind, is_one_text=is_one_text)
        elif action == "=":
            if not is_name(part.name):
                raise ShellError(f"{part.name}: bad variable name")
            text = await self.text(argument)
            self._shell.variables.set(part.name, text)
            segments.append((text, kind))
        else:
            text = await self.text(argument)
            raise ShellError(f"{part.name}: {text or 'parameter not set' + ' or null' * (part.operator[0] == ':')}")

    def _positional(self, part: Parameter, segments: Segments, *, is_one_text: bool) -> None:
        """`$@` and `$*`."""
        positional = self._shell.positional
        if part.name == "*" and (part.is_quoted or is_one_text):
            ifs = self._shell.variables.ifs
            segments.append((ifs[:1].join(positional), QUOTED))
            return
        kind = QUOTED if part.is_quoted else SPLIT
        if not positional:
            # "$@" without parameters takes away the empty field that its quotes would make.
            if part.is_quoted and segments and segments[-1] == ("", QUOTED):
                segments.pop()
            return
        for number, value in enumerate(positional):
            if number:
                segments.append(("", BREAK))
            segments.append((value, kind))

    def _check_set(self, part: Parameter) -> None:
        if "u" in self._shell.options and part.name not in ("@", "*"):
            raise ShellError(f"{part.name}: parameter not set")


class _Fields:
    """Puts the segments of one word together to fields."""

    __slots__ = ("_current", "_found", "_has_current", "_shell")

    def __init__(self, shell: Shell, found: list[str]) -> None:
        self._shell = shell
        self._found = found
        self._current: list[tuple[str, bool]] = []
        self._has_current = False

    def take(self, segments: Segments) -> None:
        """Add the fields of all segments."""
        ifs = self._shell.variables.ifs
        for text, kind in segments:
            if kind == BREAK:
                self._flush()
            elif kind == SPLIT and ifs == DEFAULT_IFS:
                self._split_at_blanks(text)
            elif kind == SPLIT and ifs:
                self._split(text, ifs)
            else:
                self._add(text, is_quoted=kind == QUOTED)
        self._flush()

    def _add(self, text: str, *, is_quoted: bool) -> None:
        if text or is_quoted:
            self._current.append((text, is_quoted))
            self._has_current = True

    def _split_at_blanks(self, text: str) -> None:
        pieces = _BLANKS.split(text)
        for number, piece in enumerate(pieces):
            if number:
                self._flush()
            self._add(piece, is_quoted=False)

    def _split(self, text: str, ifs: str) -> None:
        """Blanks of IFS separate together; each other character of it ends a field, maybe an empty one."""
        blanks = "".join(character for character in ifs if character in DEFAULT_IFS)
        position = 0
        while position < len(text):
            end = position
            while end < len(text) and text[end] not in ifs:
                end += 1
            self._add(text[position:end], is_quoted=False)
            position = end
            while position < len(text) and text[position] in blanks:
                position += 1
            if position < len(text) and text[position] in ifs:
                position += 1
                while position < len(text) and text[position] in blanks:
                    position += 1
                self._has_current = True
            if position > end:
                self._flush()

    def _flush(self) -> None:
        """A field is complete: a pattern becomes the names it matches, if there are any."""
        if not self._has_current:
            return
        current, self._current = self._current, []
        self._has_current = False
        text = "".join(piece for piece, _ in current)
        is_pattern = any(not is_quoted and _WILDCARD.search(piece) for piece, is_quoted in current)
        if is_pattern and "f" not in self._shell.options:
            pattern = "".join(escaped(piece) if is_quoted else piece for piece, is_quoted in current)
            names = expand_path(pattern, self._shell.process.files)
            if names:
                self._found.extend(names)
                return
        self._found.append(text)
