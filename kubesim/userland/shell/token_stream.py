"""The parser's view of a text: one token ahead, what is unexpected, and redirections."""

from __future__ import annotations

from kubesim.userland.shell.lexer import Lexer
from kubesim.userland.shell.syntax import HereDocument, Literal, Redirection, ShellSyntaxError
from kubesim.userland.shell.tokens import Token

RESERVED = frozenset(
    (
        *("!", "case", "do", "done", "elif", "else", "esac", "fi", "for", "function", "if", "in", "then", "until"),
        *("while", "{", "}"),
    )
)

_REDIRECTIONS = {"<": 0, ">": 1, ">|": 1, ">>": 1, "<>": 0, "<&": 0, ">&": 1, "<<": 0, "<<-": 0, "&>": 1}
"""Operators, and the descriptor they mean when none is written."""


class TokenStream:
    """Tokens, one ahead."""

    def __init__(self, lexer: Lexer) -> None:
        self.lexer = lexer
        self._token: Token | None = None

    def _peek(self) -> Token:
        if self._token is None:
            self._token = self.lexer.next()
        return self._token

    def _peek_command(self) -> Token:
        """The next token where a command or a reserved word may stand: an alias is expanded."""
        token = self._peek()
        while token.text not in RESERVED and self.lexer.expand_alias(token):
            self._token = None
            token = self._peek()
        return token

    def _take(self) -> Token:
        token = self._peek()
        self._token = None
        return token

    def _is_operator(self, *operators: str) -> bool:
        token = self._peek()
        return token.kind == "operator" and token.text in operators

    def _is_reserved(self, *words: str) -> bool:
        token = self._peek()
        return token.kind == "word" and token.text in words

    def _skip_newlines(self) -> None:
        while self._peek().kind == "newline":
            self._take()

    def _expect(self, word: str) -> None:
        token = self._peek_command()
        if token.text != word or token.kind not in ("operator", "word"):
            raise self._unexpected(token, word)
        self._take()

    def _unexpected(self, token: Token, expected: str = "") -> ShellSyntaxError:
        if token.kind == "end":
            what = "end of file"
        elif token.kind == "newline":
            what = "newline"
        elif token.kind == "io-number" or (token.kind == "operator" and token.text in _REDIRECTIONS):
            what = "redirection"
        elif token.kind == "word" and token.text not in RESERVED:
            what = "word"
        else:
            what = f'"{token.text}"'
        wanted = expected if expected in ("", "word") else f'"{expected}"'
        hint = f" (expecting {wanted})" if wanted else ""
        return ShellSyntaxError(f"unexpected {what}{hint}", line=token.line, is_incomplete=token.kind == "end")

    # -- redirections -------------------------------------------------------------------------------------

    def _is_redirection(self, token: Token) -> bool:
        return token.kind == "io-number" or (token.kind == "operator" and token.text in _REDIRECTIONS)

    def _redirections(self) -> tuple[Redirection, ...]:
        found = []
        while self._is_redirection(self._peek()):
            found.append(self._redirection())
        return tuple(found)

    def _redirection(self) -> Redirection:
        token = self._take()
        fd = -1
        if token.kind == "io-number":
            fd = min(int(token.text), 1_000_000)
            token = self._take()
        operator = token.text
        start = self.lexer.position
        fd = _REDIRECTIONS[operator] if fd < 0 else fd
        target = self._peek()
        if target.kind != "word" or target.word is None:
            raise self._unexpected(target)
        self._take()
        if not operator.startswith("<<"):
            return Redirection(fd, operator, target.word)
        literals = [part.text for part in target.word.parts if isinstance(part, Literal)]
        raw = self.lexer.text[start : self.lexer.position].strip(" \t")
        document = HereDocument(
            delimiter="".join(literals) if len(literals) == len(target.word.parts) else raw,
            is_quoted=any(isinstance(part, Literal) and part.is_quoted for part in target.word.parts),
            has_tabs_stripped=operator == "<<-",
        )
        self.lexer.pending.append(document)
        return Redirection(fd, "<<", document)
