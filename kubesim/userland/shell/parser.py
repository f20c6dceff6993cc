"""Tokens to commands.

Mirrors busybox: shell/ash.c, list, andor, pipeline, parse_command, simplecmd; texts are those of
raise_error_unexpected_syntax.
"""

from __future__ import annotations

from collections.abc import Mapping

from kubesim.userland.shell.lexer import Lexer
from kubesim.userland.shell.syntax import (
    AndOr,
    Background,
    Case,
    Command,
    For,
    Function,
    Group,
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
from kubesim.userland.shell.token_stream import TokenStream
from kubesim.userland.shell.tokens import NAME
from kubesim.userland.shell.word_reader import NESTING_MAX
from kubesim.userland.shell.words import split_assignment

_COMPOUND = frozenset(("if", "while", "until", "for", "case", "{", "function"))
"""Reserved words that begin a command."""

_ENDING = frozenset(("!", "do", "done", "elif", "else", "esac", "fi", "in", "then", "}"))
"""Reserved words that do not begin a command. (A pipeline has taken its `!` before.)"""

SPECIAL_NAMES = frozenset(
    (
        *(".", ":", "break", "continue", "eval", "exec", "exit", "export", "readonly", "return", "set", "shift"),
        *("source", "times", "trap", "unset"),
    )
)
"""Special builtins, which no function may be called as."""


class Parser(TokenStream):
    """Reads one complete command after the other."""

    def __init__(self, text: str, *, line: int = 1, depth: int = 0, aliases: Mapping[str, str] | None = None) -> None:
        super().__init__(Lexer(text, line=line, depth=depth, aliases=aliases))
        lexer = self.lexer
        lexer.parse_nested = self._read_nested
        lexer.parse_text = lambda inner, at: parse_script(inner, line=at, depth=lexer.depth, aliases=aliases)
        lexer.open_text = lambda inner, at: Parser(inner, line=at, depth=lexer.depth, aliases=aliases).lexer

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
        token = self._peek_command()
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
        self._peek_command()
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
        token = self._peek_command()
        if token.kind == "operator" and token.text == "(":
            self._take()
            body = self._list(")")
            self._expect(")")
            return Subshell(body, self._redirections())
        if token.kind != "word" or token.text not in _COMPOUND:
            return self._simple()
        self._take()
        if token.text == "function":
            return self._named_function()
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
        is_condition = False  # within [[ ]]
        while True:
            token = self._peek()
            if not words or self.lexer.is_alias_due:
                token = self._peek_command()
            if is_condition and self._is_operator("&&", "||"):
                words.append(Word.of([Literal(self._take().text, is_quoted=True)]))
            elif token.kind == "word" and token.word is not None:
                self._take()
                if token.text in ("[[", "]]"):
                    is_condition = token.text == "[["
                assignment = split_assignment(token.word) if not words else None
                if assignment is not None:
                    assignments.append(assignment)
                else:
                    words.append(token.word)
            elif self._is_redirection(token):
                redirections.append(self._redirection())
            elif len(words) == 1 and not assignments and not redirections and self._is_operator("("):
                self._take()
                self._expect(")")
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

    def _named_function(self) -> Command:
        """`function NAME [()] COMMAND`."""
        token = self._take()
        if token.word is None:
            raise self._unexpected(token, "word")
        if self._is_operator("("):
            self._take()
            self._expect(")")
        else:
            self._skip_newlines()
            following = self._peek()
            if following.text not in _COMPOUND and following.text != "[[":
                raise self._unexpected(following)
        return self._function(token.word)

    def _function(self, word: Word) -> Command:
        is_quoted = any(isinstance(part, Literal) and part.is_quoted for part in word.parts)
        if word.plain is None or is_quoted or NAME.fullmatch(word.plain) is None or word.plain in SPECIAL_NAMES:
            raise self.lexer.error("bad function name")
        self._skip_newlines()
        return Function(word.plain, self._command())

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


def parse_script(text: str, *, line: int = 1, depth: int = 0, aliases: Mapping[str, str] | None = None) -> Sequence:
    """All commands of a text. Raises ShellSyntaxError."""
    parser = Parser(text, line=line, depth=depth, aliases=aliases)
    commands = []
    while (command := parser.next_command()) is not None:
        commands.append(command)
    return Sequence(tuple(commands))
