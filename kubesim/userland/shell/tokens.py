"""Tokens: what the lexer hands to the parser."""

from __future__ import annotations

import re
from dataclasses import dataclass

from kubesim.userland.shell.syntax import Word

OPERATORS = ("<<-", "&&", "&>", "||", ";;", "<<", ">>", "<&", ">&", "<>", ">|", ";", "&", "|", "(", ")", "<", ">")
"""Longer ones first."""

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

PARAMETER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|[0-9]+|[@*#?$!-]")
"""A name, a number, or one of the special parameters."""

METACHARACTERS = frozenset(" \t\n;&|<>()")


@dataclass(frozen=True, slots=True)
class Token:
    """`kind` is word, io-number, operator, newline or end."""

    kind: str
    text: str
    line: int
    word: Word | None = None

    @property
    def is_plain(self) -> bool:
        """Whether a word is written without any quoting, so that it can be a reserved word."""
        return self.word is not None and self.text != ""
