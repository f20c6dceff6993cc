"""`${...}`: a parameter and what is done with its value.

Mirrors busybox: shell/ash.c, readtoken1, parsesub.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from kubesim.userland.shell.syntax import Parameter, Part, ShellSyntaxError, Word
from kubesim.userland.shell.tokens import PARAMETER
from kubesim.userland.shell.words import add_literal, with_tilde

if TYPE_CHECKING:
    from kubesim.userland.shell.word_reader import WordReader

_OPERATOR = re.compile(r":?[-=?+]|:(?!\})|##?|%%?|//?")
_PLAIN = re.compile(r"[^}\\'\"$`/]+")


def read_braced(reader: WordReader, *, is_quoted: bool) -> Parameter:
    """Read `${...}` behind its brace. Raises ShellSyntaxError."""
    text = reader.text
    if text.startswith("#", reader.position) and not text.startswith("#}", reader.position):
        match = PARAMETER.match(text, reader.position + 1)
        if match is not None and text.startswith("}", match.end()):
            reader.position = match.end() + 1
            return Parameter(match[0], "length", None, is_quoted)
    match = PARAMETER.match(text, reader.position)
    if match is None:
        raise _refusal(reader)
    name = match[0]
    reader.position = match.end()
    if reader.peek() == "}":
        reader.position += 1
        return Parameter(name, "", None, is_quoted)
    operator = _OPERATOR.match(text, reader.position)
    if operator is None:
        raise reader.error("missing '}'") if reader.peek() == ":" else _refusal(reader)
    reader.position = operator.end()
    if operator[0][0] in "#%":
        return Parameter(name, operator[0], _word(reader, is_quoted=False)[0], is_quoted)
    if operator[0][0] == "/":
        pattern, has_more = _word(reader, is_quoted=False, end="/")
        replacement = _word(reader, is_quoted=False)[0] if has_more else None
        return Parameter(name, operator[0], pattern, is_quoted, replacement)
    return Parameter(name, operator[0], _word(reader, is_quoted=is_quoted)[0], is_quoted)


def _refusal(reader: WordReader) -> ShellSyntaxError:
    if reader.position >= len(reader.text):
        return reader.error("missing '}'", is_incomplete=True)
    if reader.peek() == '"' and "}" not in reader.text[reader.position :]:
        return reader.error("unterminated quoted string", is_incomplete=True)
    return reader.error("bad substitution")


def _word(reader: WordReader, *, is_quoted: bool, end: str = "}") -> tuple[Word, bool]:
    """The word behind the operator, and whether it ended before the brace, at `end`. Within double quotes all of it is
    quoted."""
    parts: list[Part] = []
    is_inside = False  # of double quotes within the double quotes, which only change what is quoted
    while True:
        character = reader.peek()
        if not character:
            raise reader.error("missing '}'", is_incomplete=True)
        if character in ("}", end) and not is_inside:
            reader.position += 1
            return Word.of(with_tilde(parts) if not is_quoted else parts), character != "}"
        if is_quoted and character == '"':
            is_inside = not is_inside
            reader.position += 1
        elif is_quoted and character == "\\":
            reader.read_quoted_backslash(parts, '"}')
        elif character in "$`":
            reader.read_expansion(parts, is_quoted=is_quoted)
        elif not is_quoted and character in "\\'\"":
            reader.read_quoted_or_expansion(parts)
        else:
            run = _PLAIN.match(reader.text, reader.position)
            literal = run[0] if run is not None else character
            reader.position += len(literal)
            reader.line += literal.count("\n")
            add_literal(parts, literal, is_quoted=is_quoted)
