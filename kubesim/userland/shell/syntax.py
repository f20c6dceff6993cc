"""The tree of a script. Built once by the parser; a loop runs it again without reading its text again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


class ShellSyntaxError(Exception):
    """The text is no script. The message follows `sh: syntax error: `."""

    def __init__(self, message: str, *, line: int = 0, is_incomplete: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.is_incomplete = is_incomplete
        """More text could still make it one: the end came too early."""


# -- words ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Literal:
    """Text as it stands; quoted text is not matched against file names."""

    text: str
    is_quoted: bool


@dataclass(frozen=True, slots=True)
class Tilde:
    """`~` or `~user` at the start of a word."""

    user: str


@dataclass(frozen=True, slots=True)
class Parameter:
    """`$name` or `${name...}`. `operator` is one of: "" `length` - = ? + :- := :? :+ # ## % %% / // and `:` for
    `${name:offset:length}`, whose argument is all of that."""

    name: str
    operator: str
    argument: Word | None
    is_quoted: bool
    replacement: Word | None = None
    """What follows the second slash."""


@dataclass(frozen=True, slots=True)
class Substitution:
    """`$(...)` or backquotes."""

    body: Sequence
    is_quoted: bool


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """`$((...))`; the word is expanded first, then computed."""

    word: Word
    is_quoted: bool


Part: TypeAlias = Literal | Tilde | Parameter | Substitution | Arithmetic


@dataclass(frozen=True, slots=True)
class Word:
    """What expands to fields."""

    parts: tuple[Part, ...]
    plain: str | None
    """The only field it gives, where that needs no expansion at all; else None."""

    @staticmethod
    def of(parts: list[Part]) -> Word:
        """A word of parts, with what can be known beforehand."""
        literals = [part for part in parts if isinstance(part, Literal)]
        unquoted = "".join(part.text for part in literals if not part.is_quoted)
        is_pattern = "*" in unquoted or "?" in unquoted or "]" in unquoted.partition("[")[2]
        if is_pattern or len(literals) < len(parts):
            return Word(tuple(parts), None)
        return Word(tuple(parts), "".join(part.text for part in literals))


# -- commands -------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class HereDocument:
    """The text behind `<<`, which the lexer reads after the line that asks for it."""

    delimiter: str
    is_quoted: bool
    has_tabs_stripped: bool
    body: Word | None = None


@dataclass(frozen=True, slots=True)
class Redirection:
    """`operator` is one of: < > >| >> <> <& >& << &>."""

    fd: int
    operator: str
    target: Word | HereDocument


@dataclass(frozen=True, slots=True)
class Simple:
    """Assignments, words and redirections."""

    assignments: tuple[tuple[str, Word], ...]
    words: tuple[Word, ...]
    redirections: tuple[Redirection, ...]
    line: int
    plain_words: tuple[str, ...] | None = None
    """All words, where none needs expansion."""


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Commands joined by `|`."""

    commands: tuple[Command, ...]
    is_negated: bool


@dataclass(frozen=True, slots=True)
class AndOr:
    """Commands joined by `&&` and `||`."""

    first: Command
    rest: tuple[tuple[str, Command], ...]


@dataclass(frozen=True, slots=True)
class Background:
    """A command followed by `&`."""

    command: Command


@dataclass(frozen=True, slots=True)
class Sequence:
    """Commands one after the other."""

    commands: tuple[Command, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """`{ ...; }`, or any compound command with redirections behind it."""

    body: Command
    redirections: tuple[Redirection, ...]


@dataclass(frozen=True, slots=True)
class Subshell:
    """`( ... )`."""

    body: Command
    redirections: tuple[Redirection, ...]


@dataclass(frozen=True, slots=True)
class If:
    """Branches of condition and body, and what is done otherwise."""

    branches: tuple[tuple[Command, Command], ...]
    otherwise: Command | None


@dataclass(frozen=True, slots=True)
class Loop:
    """while and until."""

    condition: Command
    body: Command
    is_until: bool


@dataclass(frozen=True, slots=True)
class For:
    """`for name in words`; without `in` the positional parameters."""

    name: str
    words: tuple[Word, ...] | None
    body: Command


@dataclass(frozen=True, slots=True)
class Case:
    """`case word in pattern | pattern) ... ;;`."""

    word: Word
    branches: tuple[tuple[tuple[Word, ...], Command | None], ...]


@dataclass(frozen=True, slots=True)
class Function:
    """`name() command`."""

    name: str
    body: Command


Command: TypeAlias = (
    Simple | Pipeline | AndOr | Background | Sequence | Group | Subshell | If | Loop | For | Case | Function
)
