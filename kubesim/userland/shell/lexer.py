"""Text to tokens: words, operators, here-documents, and aliases put into the text."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from kubesim.userland.shell.syntax import HereDocument, Literal, Part, Word
from kubesim.userland.shell.tokens import OPERATORS, Token
from kubesim.userland.shell.word_reader import WordReader
from kubesim.userland.shell.words import with_tilde

ALIASED_CHARACTERS_MAX = 1024 * 1024
"""Most that aliases may put into one script: two of them, each twice the other, would grow for ever otherwise."""

_OPERATOR = re.compile("|".join(re.escape(operator) for operator in OPERATORS))
_BLANKS = re.compile(r"(?:[ \t]|\\\n)+")


@dataclass(slots=True)
class _InUse:
    """An alias whose text is being read; `end` is the position behind it."""

    name: str
    end: int
    is_blank_ended: bool


class Lexer(WordReader):
    """The position in a script. The parser puts one more function here: `open_text` gives a lexer for another text."""

    def __init__(self, text: str, *, depth: int = 0, line: int = 1, aliases: Mapping[str, str] | None = None) -> None:
        super().__init__(text, depth=depth, line=line)
        self.aliases = aliases
        self.pending: list[HereDocument] = []
        self.has_open_document = False
        """The text ended inside a here-document."""
        self.is_alias_due = False
        """The last token stands behind an alias that ends in a blank, so it is looked up as well."""
        self.open_text: Callable[[str, int], Lexer] = _no_lexer
        self._in_use: list[_InUse] = []
        self._aliased = 0

    # -- tokens -------------------------------------------------------------------------------------------

    def next(self) -> Token:
        """The next token."""
        self._skip_blanks()
        self.is_alias_due = False
        while self._in_use and self.position >= self._in_use[-1].end:
            self.is_alias_due |= self._in_use.pop().is_blank_ended
        line = self.line
        text = self.text
        if self.position >= len(text):
            return Token("end", "", line)
        if text[self.position] == "\n":
            self._take_newline()
            return Token("newline", "\n", line)
        operator = _OPERATOR.match(text, self.position)
        if operator is not None:
            self.position = operator.end()
            return Token("operator", operator[0], line)
        return self._word_token(line)

    def _skip_blanks(self) -> None:
        text = self.text
        blanks = _BLANKS.match(text, self.position)
        if blanks is not None:
            self.position = blanks.end()
            self.line += blanks[0].count("\n")
        if text.startswith("#", self.position):
            end = text.find("\n", self.position)
            self.position = len(text) if end < 0 else end

    def _take_newline(self) -> None:
        """A line ends: the here-documents it asked for follow."""
        self.position += 1
        self.line += 1
        pending, self.pending = self.pending, []
        for document in pending:
            self._read_document(document)

    def _word_token(self, line: int) -> Token:
        parts = self.read_word_parts()
        only = parts[0] if len(parts) == 1 else None
        plain = only.text if isinstance(only, Literal) and not only.is_quoted else ""
        if plain.isdecimal() and plain.isascii() and self.peek() in ("<", ">"):
            return Token("io-number", plain, line)
        return Token("word", plain, line, Word.of(with_tilde(parts)))

    # -- aliases ------------------------------------------------------------------------------------------

    def expand_alias(self, token: Token) -> bool:
        """Put the text of an alias in the place of the token that was read last, if it names one."""
        if not self.aliases or token.kind != "word" or token.text not in self.aliases:
            return False
        if any(alias.name == token.text for alias in self._in_use):
            return False
        value = self.aliases[token.text]
        self._aliased += len(value) + 1
        if self._aliased > ALIASED_CHARACTERS_MAX:
            raise self.error("aliases are too long")
        # What was read is not needed any more; what is in use moves along.
        moved = len(value) - self.position
        for alias in self._in_use:
            alias.end += moved
        self.text = value + self.text[self.position :]
        self.position = 0
        if value:
            self._in_use.append(_InUse(token.text, len(value), value[-1] in " \t"))
        return True

    # -- here-documents -----------------------------------------------------------------------------------

    def _read_document(self, document: HereDocument) -> None:
        lines: list[str] = []
        while self.position < len(self.text):
            end = self.text.find("\n", self.position)
            end = len(self.text) if end < 0 else end
            line = self.text[self.position : end]
            newline = self.text[end : end + 1]
            self.position = min(end + 1, len(self.text))
            self.line += 1
            if document.has_tabs_stripped:
                line = line.lstrip("\t")
            if line == document.delimiter:
                break
            lines.append(line + newline)
        else:
            self.has_open_document = True
        body = "".join(lines)
        if document.is_quoted:
            document.body = Word.of([Literal(body, is_quoted=True)])
            return
        inner = self.open_text(body, self.line - len(lines) - 1)
        parts: list[Part] = []
        inner.read_double_quoted(parts, "")
        document.body = Word.of(parts)


def _no_lexer(_: str, __: int) -> Lexer:
    raise AssertionError("a lexer gets its parser before it reads")
