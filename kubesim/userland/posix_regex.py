"""Regular expressions as grep, sed and expr read them, as Python's.

Basic expressions write `\\(`, `\\{` and (as GNU and busybox do) `\\+`, `\\?` and `\\|` for what extended ones write
without the backslash. Mirrors glibc: posix/regcomp.c; where POSIX leaves room, as it is there. Text is taken a byte a
character, as in the C locale, so callers decode with latin-1.

Python takes the first alternative that fits where POSIX takes the longest: where that can differ, a longer match that
begins at the same place is looked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

_CLASSES = {
    "alnum": "a-zA-Z0-9",
    "alpha": "a-zA-Z",
    "blank": " \\t",
    "cntrl": "\\x00-\\x1f\\x7f",
    "digit": "0-9",
    "graph": "!-~",
    "lower": "a-z",
    "print": " -~",
    "punct": "!-/:-@\\[-`{-~",
    "space": " \\t\\n\\r\\f\\v",
    "upper": "A-Z",
    "xdigit": "0-9a-fA-F",
}
_ESCAPES = {
    "<": r"\b(?=\w)",
    ">": r"\b(?<=\w)",
    "`": r"\A",
    "'": r"\Z",
    **{letter: f"\\{letter}" for letter in "wWsSbB"},
}
_CONTEXT = frozenset("<>bB`'")
"""Escapes that look at what is around the match."""

REPEAT_MAX = 32767
"""Mirrors glibc: posix/regex.h, RE_DUP_MAX."""

LONGEST_SPAN_MAX = 2048
"""How much further than Python's match a longer one is looked for: a limit of ours, for lines without end."""

MISSING_PAREN = "Unmatched ( or \\("
MISSING_BRACKET = "Unmatched [, [^, [:, [., or [="
MISSING_BRACE = "Unmatched \\{"
BAD_INTERVAL = "Invalid content of \\{\\}"
BAD_REPEAT = "Invalid preceding regular expression"


class BadRegex(Exception):
    """The pattern is no regular expression; the message is regerror's."""


class PosixRegex:
    """A compiled expression. `groups` counts its groups."""

    __slots__ = ("_before_end", "_has_context", "_is_ambiguous", "_pattern", "groups")

    def __init__(self, text: str, *, ignore_case: bool, is_ambiguous: bool, has_context: bool) -> None:
        flags = re.ASCII | re.DOTALL | (re.IGNORECASE if ignore_case else 0)
        self._pattern = re.compile(text, flags)
        self._has_context = has_context
        self._is_ambiguous = is_ambiguous and not has_context
        # The same where the text goes on behind the match, so that nothing in it is the end.
        self._before_end = re.compile(text.replace(r"\Z", "(?!)"), flags) if is_ambiguous else self._pattern
        self.groups = self._pattern.groups

    def search(self, text: str, start: int = 0) -> re.Match[str] | None:
        """The leftmost match from `start` on, and of those the longest."""
        found = self._pattern.search(text, start)
        if found is None or not self._is_ambiguous:
            return found
        begin, end = found.span()
        for further in range(min(len(text), end + LONGEST_SPAN_MAX), end, -1):
            pattern = self._pattern if further == len(text) else self._before_end
            longer = pattern.fullmatch(text, begin, further)
            if longer is not None:
                return longer
        return found

    def fullmatch(self, text: str) -> re.Match[str] | None:
        """The match that is all of the text."""
        return self._pattern.fullmatch(text)

    def search_again(self, text: str, start: int) -> tuple[re.Match[str] | None, int]:
        """The next match from `start` on, where `^` fits no more, and what to add to its positions.

        What was before `start` is forgotten, as when regexec(3) gets the rest of a text with REG_NOTBOL: `\\<` fits
        there in the middle of a word.
        """
        if not self._has_context:
            return self.search(text, start), 0
        return self._pattern.search("\0" + text[start:], 1), start - 1


class _Token(NamedTuple):
    kind: Literal["atom", "open", "close", "or", "repeat", "anchor"]
    text: str


def compile_regex(
    pattern: str, *, is_extended: bool, ignore_case: bool = False, is_lenient: bool = False
) -> PosixRegex:
    """The pattern for text without line ends. Raises BadRegex.

    `is_lenient`: as grep reads it, where a repetition of nothing stands for itself or is left out. Mirrors glibc:
    posix/regex.h, RE_SYNTAX_GREP and RE_SYNTAX_EGREP against RE_SYNTAX_POSIX_BASIC and RE_SYNTAX_POSIX_EXTENDED.
    """
    reader = _Reader(pattern, is_extended=is_extended, is_lenient=is_lenient)
    joined = _Joined(reader.tokens(), is_extended=is_extended, is_lenient=is_lenient)
    try:
        return PosixRegex(
            "".join(joined.pieces),
            ignore_case=ignore_case,
            is_ambiguous=joined.is_ambiguous,
            has_context=reader.has_context,
        )
    except (re.error, OverflowError) as error:
        raise BadRegex("Invalid regular expression") from error


class _Joined:
    """Python's text: what is repeated twice is grouped, for Python means something else by `**`, `*?` and `*+`."""

    def __init__(self, tokens: Iterator[_Token], *, is_extended: bool, is_lenient: bool) -> None:
        self.pieces: list[str] = []
        self.is_ambiguous = False
        self._opened: list[tuple[int, bool]] = []
        self._closed_count = 0
        self._atom_at: int | None = None  # where the last atom begins in `pieces`
        self._is_group = False  # the last atom is a group, with something of no fixed length before it
        self._is_repeated = False
        self._is_lenient = is_lenient
        self._is_repeated_once = not is_extended and not is_lenient  # RE_CONTEXT_INVALID_DUP
        is_variable = False
        for token in tokens:
            if token.kind == "repeat":
                self._repeat(token.text)
                is_variable = True
                continue
            self._is_repeated = False
            if token.kind == "open":
                self._opened.append((len(self.pieces), is_variable))
                self._atom_at = None
            elif token.kind == "close":
                self._close()
            else:
                self._add(token)
                is_variable = False
            self.pieces.append(token.text)
        if self._opened:
            raise BadRegex(MISSING_PAREN)

    def _repeat(self, text: str) -> None:
        if self._atom_at is None:
            if self._is_lenient:
                return
            raise BadRegex(BAD_REPEAT)
        if self._is_repeated:
            if self._is_repeated_once and text[0] in "*{":
                raise BadRegex(BAD_REPEAT)
            self.pieces[self._atom_at :] = ["(?:", *self.pieces[self._atom_at :], ")"]
        self.pieces.append(text)
        self._is_repeated = True
        self.is_ambiguous |= self._is_group

    def _close(self) -> None:
        if not self._opened:
            raise BadRegex(MISSING_PAREN)
        self._atom_at, self._is_group = self._opened.pop()
        self._closed_count += 1

    def _add(self, token: _Token) -> None:
        self._is_group = False
        self._atom_at = len(self.pieces) if token.kind == "atom" else None
        self.is_ambiguous |= token.kind == "or"
        if token.text.startswith("(?:\\") and int(token.text[4:-1]) > self._closed_count:
            raise BadRegex("Invalid back reference")


class _Reader:
    """The tokens of one pattern."""

    def __init__(self, pattern: str, *, is_extended: bool, is_lenient: bool) -> None:
        self.has_context = False
        self._pattern = pattern
        self._at = 0
        self._depth = 0
        self._is_extended = is_extended
        self._is_lenient = is_lenient
        self._is_behind_anchor = False
        self._is_start = True  # of the expression, a group or an alternative: `*` stands for itself here

    def tokens(self) -> Iterator[_Token]:
        """In order. Raises BadRegex."""
        while self._at < len(self._pattern):
            token = self._next()
            yield token
            self._is_behind_anchor = token.kind == "anchor"
            self._is_start = token.kind in ("open", "or") or (self._is_start and token == ("anchor", "^"))

    def _next(self) -> _Token:
        char = self._take()
        is_escaped = char == "\\"
        if is_escaped:
            if self._at == len(self._pattern):
                raise BadRegex("Trailing backslash")
            char = self._take()
        is_special = (char == "*" and not is_escaped) or (char in "+?|(){" and self._is_extended != is_escaped)
        if char == "[" and not is_escaped:
            text, self._at = _bracket(self._pattern, self._at)
            return _Token("atom", text)
        if is_special and char in "*+?{" and self._is_start and not self._is_extended:
            return self._repeat_of_nothing(char)
        if is_special:
            return self._special(char)
        if not is_escaped and char in "^$" and self._is_anchor(char):
            return _Token("anchor", "^" if char == "^" else r"\Z")
        if not is_escaped and char == ".":
            return _Token("atom", ".")
        if is_escaped and (char in _ESCAPES or "1" <= char <= "9"):
            self.has_context |= char in _CONTEXT
            return _Token("atom", _ESCAPES.get(char, f"(?:\\{char})"))
        return _Token("atom", re.escape(char))

    def _take(self) -> str:
        char = self._pattern[self._at]
        self._at += 1
        return char

    def _repeat_of_nothing(self, char: str) -> _Token:
        if char == "{" and not self._is_lenient:
            raise BadRegex(BAD_REPEAT)
        return _Token("atom", re.escape(char))

    def _special(self, char: str) -> _Token:
        if char == "{":
            return self._interval()
        if char in "*+?":
            return _Token("repeat", char)
        if char == ")" and not self._depth and self._is_extended:
            return _Token("atom", r"\)")
        kinds: dict[str, Literal["open", "close", "or"]] = {"(": "open", ")": "close", "|": "or"}
        self._depth += {"(": 1, ")": -1, "|": 0}[char]
        return _Token(kinds[char], char)

    def _is_anchor(self, char: str) -> bool:
        """Whether the character just read is one; in a basic expression only at an end of what it belongs to."""
        if self._is_extended:
            return True
        if char == "^":
            return self._is_start
        return self._at == len(self._pattern) or self._pattern.startswith(("\\)", "\\|"), self._at)

    def _interval(self) -> _Token:
        """The repetition behind an opening brace. Mirrors glibc: posix/regcomp.c, parse_dup_op."""
        if self._is_start or self._is_behind_anchor:
            if self._is_lenient:
                return _Token("anchor", "")
            raise BadRegex(BAD_REPEAT)
        end = "}" if self._is_extended else "\\}"
        close = self._pattern.find(end, self._at)
        inside = self._pattern[self._at : close] if close >= 0 else self._pattern[self._at :]
        found = re.fullmatch(r"([0-9]*)(?:(,)([0-9]*))?", inside)
        if found is None or close < 0:
            if self._is_lenient and self._is_extended:
                return _Token("atom", r"\{")
            low_text, comma, _ = inside.partition(",")
            is_cut = close < 0 and (not comma or low_text.isdecimal() or not low_text)
            raise BadRegex(MISSING_BRACE if is_cut else BAD_INTERVAL)
        if not inside:
            raise BadRegex(BAD_INTERVAL)
        low = int(found[1] or 0)
        high = int(found[3]) if found[3] else None if found[2] else low
        if high is not None and high < low:
            raise BadRegex(BAD_INTERVAL)
        if (low if high is None else high) > REPEAT_MAX:
            raise BadRegex("Regular expression too big")
        self._at = close + len(end)
        return _Token("repeat", f"{{{low},{'' if high is None else high}}}")


def _bracket(pattern: str, at: int) -> tuple[str, int]:
    """The bracket expression whose `[` is behind; a backslash has no meaning in it."""
    negation = "^" if pattern.startswith("^", at) else ""
    at += len(negation)
    if at == len(pattern):
        raise BadRegex("Invalid regular expression")
    inside: list[str] = []
    is_first = True
    while is_first or not pattern.startswith("]", at):
        if at >= len(pattern):
            raise BadRegex(MISSING_BRACKET)
        is_first = False
        if pattern.startswith("[:", at):
            name, colon, _ = pattern[at + 2 :].partition(":]")
            if not colon:
                raise BadRegex(MISSING_BRACKET)
            if name not in _CLASSES:
                raise BadRegex("Invalid character class name")
            inside.append(_CLASSES[name])
            at += len(name) + 4
            continue
        low, at = _collating(pattern, at)
        if pattern.startswith("-", at) and pattern[at + 1 : at + 2] not in ("", "]"):
            high, at = _collating(pattern, at + 1)
            if high < low:
                raise BadRegex("Invalid range end")
            inside.append(f"{re.escape(low)}-{re.escape(high)}")
        else:
            inside.append(re.escape(low))
    return f"[{negation}{''.join(inside)}]", at + 1


def _collating(pattern: str, at: int) -> tuple[str, int]:
    """One element of a bracket expression: a character, `[.x.]` or `[=x=]`."""
    if not pattern.startswith(("[.", "[="), at):
        return pattern[at], at + 1
    name, end, _ = pattern[at + 2 :].partition(f"{pattern[at + 1]}]")
    if not end:
        raise BadRegex(MISSING_BRACKET)
    if len(name) != 1:
        raise BadRegex("Invalid collation character")
    return name, at + 5
