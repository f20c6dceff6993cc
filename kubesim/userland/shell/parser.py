"""Tokens to commands.

Mirrors busybox: shell/ash.c, list, andor, pipeline, parse_command, simplecmd; texts are those of
raise_error_unexpected_syntax.
"""

from __future__ import annotations

from kubesim.userland.shell.lexer import NAME, NESTING_MAX, Lexer
from kubesim.userland.shell.syntax import (
    AndOr,
    Background,
    Case,
    Command,
    For,
    Function,
    Group,
    HereDocument,
    If,
    Literal,
    Loop,
    Pipeline,
    Redirection,
    Sequence,
    ShellSyntaxError,
    Simple,
    Subshell,
    Word,
)
from kubesim.userland.shell.tokens import Token
from kubesim.userland.shell.words import split_assignment

RESERVED = frozenset(
    ("!", "case", "do", "done", "elif", "else", "esac", "fi", "for", "if", "in", "then", "until", "while", "{", "}")
)

_COMPOUND = frozenset(("if", "while", "until", "for", "case", "{"))
"""Reserved words that begin a command."""

_ENDING = frozenset(("!", "do", "done", "elif", "else", "esac", "fi", "in", "then", "}"))
"""Reserved words that do not begin a command. (A pipeline has taken its `!` before.)"""

_REDIRECTIONS = {"<": 0, ">": 1, ">|": 1, ">>": 1, "<>": 0, "<&": 0, ">&": 1, "<<": 0, "<<-": 0}
"""Operators, and the descriptor they mean when none is written."""


class Parser:
    """Reads one complete command after the other."""

    def __init__(self, text: str, *, line: int = 1, depth: int = 0) -> None:
        lexer = self.lexer = Lexer(text, line=line, depth=depth)
        lexer.parse_nested = self._read_nested
        lexer.parse_text = lambda inner, at: parse_script(inner, line=at, depth=lexer.depth)
        lexer.open_text = lambda inner, at: Parser(inner, line=at, depth=lexer.depth).lexer
        self._token: Token | None = None

    def _read_nested(self) -> Sequence:
        """The commands of `$( )`; the lexer then stands behind the `)`."""
        lexer = self.lexer
        outer_pending, lexer.pending = lexer.pending, []
        outer_token, self._token = self._token, None
        self._skip_newlines()
        body: Command = Sequence(()) if self._is_operator(")") else self._list(")")
        self._expect(")")
        lexer.pending, self._token = outer_pending, outer_token
        return body if isinstance(body, Sequence) else Sequence((body,))

    def next_command(self) -> Command | None:
        """The commands up to the end of a line; None at the end of the script. Raises ShellSyntaxError."""
        while self._peek().kind == "newline":
            self._take()
        if self._peek().kind == "end":
            return None
        command = self._line()
        token = self._peek()
        if token.kind == "newline":
            self._take()
        elif token.kind != "end":
            raise self._unexpected(token)
        return command

    @property
    def is_at_end(self) -> bool:
        """Whether the script ends right behind the command that was read last, without so much as a newline."""
        return self._token is not None and self._token.kind == "end"

    # -- tokens -------------------------------------------------------------------------------------------

    def _peek(self) -> Token:
        if self._token is None:
            self._token = self.lexer.next()
        return self._token

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
        token = self._peek()
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

    # -- lists --------------------------------------------------------------------------------------------

    def _line(self) -> Command:
        """Commands joined by `;` and `&`, up to the end of the line."""
        commands = []
        while True:
            commands.append(self._and_or_item())
            if self._peek().kind in ("newline", "end") or not self._has_more():
                break
        return commands[0] if len(commands) == 1 else Sequence(tuple(commands))

    def _list(self, end: str) -> Command:
        """Commands of a compound command: also joined by newlines, and at least one. `end` is what must follow."""
        self.lexer.depth += 1
        if self.lexer.depth > NESTING_MAX:
            raise self.lexer.error("nested too deeply")
        self._skip_newlines()
        if self._peek().kind == "end":
            raise self._unexpected(self._peek(), end)
        commands = []
        while True:
            commands.append(self._and_or_item())
            self._skip_newlines()
            if not self._has_more():
                break
        self.lexer.depth -= 1
        return commands[0] if len(commands) == 1 else Sequence(tuple(commands))

    def _has_more(self) -> bool:
        """Whether another command follows in this list."""
        token = self._peek()
        if token.kind == "operator":
            return token.text not in (")", ";;", ";", "&", "&&", "||", "|")
        return token.kind != "end" and not (token.kind == "word" and token.text in _ENDING and token.text != "!")

    def _and_or_item(self) -> Command:
        """One and-or list with the `;` or `&` behind it."""
        command = self._and_or()
        if self._is_operator("&"):
            self._take()
            return Background(command)
        if self._is_operator(";"):
            self._take()
        elif self._peek().kind not in ("newline", "end") and self._has_more():
            raise self._unexpected(self._peek())
        return command

    def _and_or(self) -> Command:
        first = self._pipeline()
        rest = []
        while self._is_operator("&&", "||"):
            operator = self._take().text
            self._skip_newlines()
            rest.append((operator, self._pipeline()))
        return AndOr(first, tuple(rest)) if rest else first

    def _pipeline(self) -> Command:
        is_negated = self._is_reserved("!")
        if is_negated:
            self._take()
        commands = [self._command()]
        while self._is_operator("|"):
            self._take()
            self._skip_newlines()
            commands.append(self._command())
        return commands[0] if len(commands) == 1 and not is_negated else Pipeline(tuple(commands), is_negated)

    # -- commands -----------------------------------------------------------------------------------------

    def _command(self) -> Command:
        token = self._peek()
        if token.kind == "operator" and token.text == "(":
            self._take()
            body = self._list(")")
            self._expect(")")
            return Subshell(body, self._redirections())
        if token.kind != "word" or token.text not in _COMPOUND:
            return self._simple()
        self._take()
        command = self._compound(token.text)
        redirections = self._redirections()
        return Group(command, redirections) if redirections else command

    def _compound(self, word: str) -> Command:
        match word:
            case "if":
                return self._if()
            case "for":
                return self._for()
            case "case":
                return self._case()
            case "{":
                body = self._list("}")
                self._expect("}")
                return Group(body, ())
            case _:
                condition = self._list("do")
                return Loop(condition, self._do_group(), is_until=word == "until")

    def _simple(self) -> Command:
        token = self._peek()
        if token.kind in ("newline", "end") or (token.kind == "word" and token.text in _ENDING):
            raise self._unexpected(token)
        line = token.line
        assignments: list[tuple[str, Word]] = []
        words: list[Word] = []
        redirections: list[Redirection] = []
        while True:
            token = self._peek()
            if token.kind == "word" and token.word is not None:
                self._take()
                assignment = split_assignment(token.word) if not words else None
                if assignment is not None:
                    assignments.append(assignment)
                else:
                    words.append(token.word)
            elif self._is_redirection(token):
                redirections.append(self._redirection())
            elif len(words) == 1 and not assignments and not redirections and self._is_operator("("):
                return self._function(words[0])
            else:
                break
        if not (assignments or words or redirections):
            raise self._unexpected(token)
        plain = tuple(word.plain for word in words if word.plain is not None)
        return Simple(
            tuple(assignments),
            tuple(words),
            tuple(redirections),
            line,
            plain if len(plain) == len(words) else None,
        )

    def _function(self, word: Word) -> Command:
        self._take()
        self._expect(")")
        if word.plain is None or NAME.fullmatch(word.plain) is None:
            raise self.lexer.error("bad function name")
        self._skip_newlines()
        return Function(word.plain, self._command())

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
        fd = _REDIRECTIONS[operator] if fd < 0 else fd
        target = self._peek()
        if target.kind != "word" or target.word is None:
            raise self._unexpected(target)
        self._take()
        if not operator.startswith("<<"):
            return Redirection(fd, operator, target.word)
        document = HereDocument(
            delimiter="".join(part.text for part in target.word.parts if isinstance(part, Literal)),
            is_quoted=any(isinstance(part, Literal) and part.is_quoted for part in target.word.parts),
            has_tabs_stripped=operator == "<<-",
        )
        self.lexer.pending.append(document)
        return Redirection(fd, "<<", document)

    # -- compound commands --------------------------------------------------------------------------------

    def _if(self) -> Command:
        branches = []
        otherwise = None
        while True:
            condition = self._list("then")
            self._expect("then")
            branches.append((condition, self._list("fi")))
            if self._is_reserved("elif"):
                self._take()
                continue
            if self._is_reserved("else"):
                self._take()
                otherwise = self._list("fi")
            self._expect("fi")
            return If(tuple(branches), otherwise)

    def _do_group(self) -> Command:
        self._expect("do")
        body = self._list("done")
        self._expect("done")
        return body

    def _for(self) -> Command:
        token = self._take()
        if token.kind != "word" or NAME.fullmatch(token.text) is None:
            raise ShellSyntaxError("bad for loop variable", line=token.line, is_incomplete=token.kind == "end")
        self._skip_newlines()
        words: list[Word] | None = None
        if self._is_reserved("in"):
            self._take()
            words = []
            while (item := self._peek()).kind == "word" and item.word is not None:
                words.append(item.word)
                self._take()
            if self._peek().kind != "newline" and not self._is_operator(";"):
                raise self._unexpected(self._peek())
            self._take()
        elif self._is_operator(";"):
            self._take()
        self._skip_newlines()
        return For(token.text, None if words is None else tuple(words), self._do_group())

    def _case(self) -> Command:
        token = self._take()
        if token.word is None:
            raise self._unexpected(token, "word")
        self._skip_newlines()
        self._expect("in")
        branches: list[tuple[tuple[Word, ...], Command | None]] = []
        self._skip_newlines()
        while not self._is_reserved("esac"):
            patterns = self._patterns()
            self._skip_newlines()
            is_empty = self._is_operator(";;") or self._is_reserved("esac")
            branches.append((patterns, None if is_empty else self._list(";;")))
            self._skip_newlines()
            if not self._is_reserved("esac"):
                self._expect(";;")
                self._skip_newlines()
        self._take()
        return Case(token.word, tuple(branches))

    def _patterns(self) -> tuple[Word, ...]:
        if self._is_operator("("):
            self._take()
        patterns = []
        while True:
            token = self._take()
            if token.word is None:
                raise self._unexpected(token, ")" if token.kind == "end" else "")
            patterns.append(token.word)
            if not self._is_operator("|"):
                break
            self._take()
        self._expect(")")
        return tuple(patterns)


def parse_script(text: str, *, line: int = 1, depth: int = 0) -> Sequence:
    """All commands of a text. Raises ShellSyntaxError."""
    parser = Parser(text, line=line, depth=depth)
    commands = []
    while (command := parser.next_command()) is not None:
        commands.append(command)
    return Sequence(tuple(commands))
