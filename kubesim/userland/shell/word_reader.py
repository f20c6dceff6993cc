"""Text to words, with all that is quoted and expanded in them.

Rule 1: one position for a script; what stands inside `$( )` is read by the same reader.
Rule 2: each step moves forward, and nesting is bounded, so any text is read or refused in bounded work.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

from kubesim.userland.escapes import decode_escapes
from kubesim.userland.shell.braces import read_braced
from kubesim.userland.shell.syntax import (
    Arithmetic,
    Literal,
    Parameter,
    Part,
    Sequence,
    ShellSyntaxError,
    Substitution,
    Word,
)
from kubesim.userland.shell.tokens import METACHARACTERS, PARAMETER
from kubesim.userland.shell.words import add_literal

_T = TypeVar("_T")

NESTING_MAX = 30
"""Depth of substitutions and compound commands within each other: a limit of ours."""

_PLAIN_RUN = re.compile(r"[^ \t\n;&|<>()\\'\"$`]+")
_PLAIN_QUOTED = re.compile(r"[^\\\"$`]+")
_PLAIN_ARITHMETIC = re.compile(r"[^()\\\"$`]+")
_ESCAPED_QUOTE = re.compile(r"'((?:[^'\\]|\\.)*)'", re.DOTALL)


class WordReader:
    """A position in a text.

    The parser puts two functions here: `parse_nested` reads commands up to `)` from here, `parse_text` reads the
    commands of another text from a line on.
    """

    def __init__(self, text: str, *, depth: int = 0, line: int = 1) -> None:
        self.text = text
        self.position = 0
        self.depth = depth
        self.line = line
        self.parse_nested: Callable[[], Sequence] = _no_parser
        self.parse_text: Callable[[str, int], Sequence] = _no_text_parser

    def peek(self) -> str:
        """The next character; "" at the end."""
        return self.text[self.position : self.position + 1]

    # -- words --------------------------------------------------------------------------------------------

    def read_word_parts(self) -> list[Part]:
        """Read a word up to the next unquoted metacharacter."""
        parts: list[Part] = []
        while self.position < len(self.text):
            character = self.text[self.position]
            if character in METACHARACTERS:
                break
            run = _PLAIN_RUN.match(self.text, self.position)
            if run is not None:
                self.position = run.end()
                add_literal(parts, run[0], is_quoted=False)
            else:
                self.read_quoted_or_expansion(parts)
        return parts

    def read_quoted_or_expansion(self, parts: list[Part]) -> None:
        """Read what begins with a backslash, a quote, a dollar or a backquote."""
        character = self.peek()
        if character == "\\":
            self._backslash(parts)
        elif character == "'":
            add_literal(parts, self._single_quoted(), is_quoted=True)
        elif character == '"':
            self.position += 1
            self.read_double_quoted(parts, '"')
        else:
            self.read_expansion(parts, is_quoted=False)

    def _backslash(self, parts: list[Part]) -> None:
        following = self.text[self.position + 1 : self.position + 2]
        self.position += 2
        if following == "\n":
            self.line += 1
        else:
            add_literal(parts, following or "\\", is_quoted=True)

    def _single_quoted(self) -> str:
        end = self.text.find("'", self.position + 1)
        if end < 0:
            raise self.error("unterminated quoted string", is_incomplete=True)
        quoted = self.text[self.position + 1 : end]
        self.line += quoted.count("\n")
        self.position = end + 1
        return quoted

    def read_double_quoted(self, parts: list[Part], end: str) -> None:
        """Read up to the closing quote, which may be the end of a here-document's text (`end` is "" then)."""
        add_literal(parts, "", is_quoted=True)
        while True:
            run = _PLAIN_QUOTED.match(self.text, self.position)
            if run is not None:
                self.position = run.end()
                self.line += run[0].count("\n")
                add_literal(parts, run[0], is_quoted=True)
            character = self.peek()
            if character == end:
                self.position += 1
                return
            if not character:
                raise self.error("unterminated quoted string", is_incomplete=True)
            if character == "\\":
                self.read_quoted_backslash(parts, end)
            elif character == '"':  # only in a here-document, where it means nothing
                self.position += 1
                add_literal(parts, character, is_quoted=True)
            else:
                self.read_expansion(parts, is_quoted=True)

    def read_quoted_backslash(self, parts: list[Part], end: str) -> None:
        following = self.text[self.position + 1 : self.position + 2]
        if following == "\n":
            self.position += 2
            self.line += 1
        elif following and following in f"$`\\{end}":
            self.position += 2
            add_literal(parts, following, is_quoted=True)
        else:
            self.position += 1
            add_literal(parts, "\\", is_quoted=True)

    # -- expansions ---------------------------------------------------------------------------------------

    def read_expansion(self, parts: list[Part], *, is_quoted: bool) -> None:
        """Read what begins with `$` or a backquote."""
        if self.peek() == "`":
            parts.append(Substitution(self._backquoted(is_quoted=is_quoted), is_quoted))
            return
        self.position += 1
        text, position = self.text, self.position
        if text.startswith("((", position):
            self.position += 2
            parts.append(Arithmetic(self._nested(self._arithmetic), is_quoted))
        elif text.startswith("(", position):
            self.position += 1
            parts.append(Substitution(self._nested(self.parse_nested), is_quoted))
        elif text.startswith("{", position):
            self.position += 1
            parts.append(self._nested(lambda: read_braced(self, is_quoted=is_quoted)))
        elif text.startswith("'", position) and not is_quoted:
            parts.append(Literal(self._escaped_quote(), is_quoted=True))
        else:
            # Without braces one digit is a name, and the next digit is text.
            match = PARAMETER.match(text, position)
            if match is None:
                add_literal(parts, "$", is_quoted=True)
                return
            name = match[0][0] if match[0][0].isdecimal() else match[0]
            self.position += len(name)
            parts.append(Parameter(name, "", None, is_quoted))

    def _nested(self, read: Callable[[], _T]) -> _T:
        """Read something nested; deeper than the limit is an error."""
        self.depth += 1
        if self.depth > NESTING_MAX:
            raise self.error("nested too deeply")
        result = read()
        self.depth -= 1
        return result

    def _backquoted(self, *, is_quoted: bool) -> Sequence:
        line = self.line
        inner: list[str] = []
        position = self.position + 1
        text = self.text
        while position < len(text) and text[position] != "`":
            if text[position] == "\\" and text[position + 1 : position + 2] in tuple('$`\\"' if is_quoted else "$`\\"):
                position += 1
            inner.append(text[position])
            position += 1
        if position >= len(text):
            raise self.error("EOF in backquote substitution", is_incomplete=True)
        self.line += text.count("\n", self.position, position)
        self.position = position + 1
        return self._nested(lambda: self.parse_text("".join(inner), line))

    def _escaped_quote(self) -> str:
        """`$'...'`."""
        match = _ESCAPED_QUOTE.match(self.text, self.position)
        if match is None:
            raise self.error("unterminated quoted string", is_incomplete=True)
        self.position = match.end()
        self.line += match[0].count("\n")
        body = match[1].replace("\\'", "'").replace('\\"', '"')
        return decode_escapes(body, is_format=True)[0].decode(errors="surrogateescape")

    def _arithmetic(self) -> Word:
        """The text up to `))`, with its expansions."""
        parts: list[Part] = []
        depth = 0
        while True:
            character = self.peek()
            if not character:
                raise self.error("missing '))'", is_incomplete=True)
            # A single one that closes nothing is text: what is wrong with it, the computation says.
            if depth == 0 and self.text.startswith("))", self.position):
                self.position += 2
                return Word.of(parts)
            if character in "$`":
                self.read_expansion(parts, is_quoted=True)
                continue
            if character == "\\":
                self.read_quoted_backslash(parts, '"')
                continue
            depth = max(depth + (character == "(") - (character == ")"), 0)
            run = _PLAIN_ARITHMETIC.match(self.text, self.position)
            literal = run[0] if run is not None else character
            self.position += len(literal)
            self.line += literal.count("\n")
            add_literal(parts, literal, is_quoted=True)

    def error(self, message: str, *, is_incomplete: bool = False) -> ShellSyntaxError:
        """A syntax error at the present line."""
        return ShellSyntaxError(message, line=self.line, is_incomplete=is_incomplete)


def _no_parser() -> Sequence:
    raise AssertionError("a reader gets its parser before it reads")


def _no_text_parser(_: str, __: int) -> Sequence:
    raise AssertionError("a reader gets its parser before it reads")
