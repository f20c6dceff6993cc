"""Regular expressions as grep and its relatives write them, as Python's.

Basic expressions write `\\(`, `\\{` and (as GNU and busybox do) `\\+`, `\\?` and `\\|` for what extended ones write
without the backslash. Mirrors POSIX.1-2024, Base Definitions, chapter 9. Python takes the first alternative that fits
where POSIX takes the longest; whether something matches is the same.
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
_ESCAPES = {"<": r"\b(?=\w)", ">": r"\b(?<=\w)", **{letter: f"\\{letter}" for letter in "wWsSbB"}}
_INTERVAL = re.compile(r"(\d*)(,?)(\d*)")
REPEAT_MAX = 255
"""Mirrors POSIX RE_DUP_MAX of musl."""


class BadRegex(Exception):
    """The pattern is no regular expression; the message is regerror's."""


class _Token(NamedTuple):
    kind: Literal["atom", "open", "close", "or", "repeat", "anchor"]
    text: str


def compile_regex(pattern: str, *, is_extended: bool, ignore_case: bool = False) -> re.Pattern[str]:
    """The pattern for one line without its newline. Raises BadRegex."""
    text = _joined(_tokens(pattern, is_extended=is_extended))
    try:
        return re.compile(text, re.ASCII | (re.IGNORECASE if ignore_case else 0))
    except (re.error, OverflowError) as error:
        raise BadRegex("Invalid regexp") from error


def _joined(tokens: Iterator[_Token]) -> str:
    """Python's text: what is repeated twice is grouped, for Python means something else by `**`, `*?` and `*+`."""
    pieces: list[str] = []
    opened: list[int] = []
    atom_at: int | None = None  # where the last atom begins in `pieces`
    is_repeated = False
    for kind, text in tokens:
        if kind == "repeat":
            if atom_at is None:
                raise BadRegex("Repetition not preceded by valid expression")
            if is_repeated:
                pieces[atom_at:] = ["(?:", *pieces[atom_at:], ")"]
            pieces.append(text)
            is_repeated = True
            continue
        is_repeated = False
        if kind == "open":
            opened.append(len(pieces))
            atom_at = None
        elif kind == "close":
            if not opened:
                raise BadRegex("Missing ')'")
            atom_at = opened.pop()
        else:
            atom_at = len(pieces) if kind == "atom" else None
        pieces.append(text)
    if opened:
        raise BadRegex("Missing ')'")
    return "".join(pieces)


def _tokens(pattern: str, *, is_extended: bool) -> Iterator[_Token]:
    at = 0
    is_start = True  # of the expression, a group or an alternative: `*` stands for itself here
    while at < len(pattern):
        char = pattern[at]
        at += 1
        is_escaped = char == "\\"
        if is_escaped:
            if at == len(pattern):
                raise BadRegex("Trailing backslash")
            char = pattern[at]
            at += 1
        is_special = char == "*" or (char in "+?|(){" and is_extended != is_escaped)
        if char == "[" and not is_escaped:
            text, at = _bracket(pattern, at)
            token = _Token("atom", text)
        elif char == "*" and (is_escaped or is_start):
            token = _Token("atom", r"\*")
        elif is_special and char == "{":
            text, at = _interval(pattern, at, is_extended=is_extended)
            token = _Token("repeat" if text != r"\{" else "atom", text)
        elif is_special:
            token = _special(char)
        elif not is_escaped and char in "^$" and _is_anchor(pattern, at, is_start, is_extended=is_extended):
            token = _Token("anchor", char)
        elif not is_escaped and char == ".":
            token = _Token("atom", ".")
        elif is_escaped and (char in _ESCAPES or "1" <= char <= "9"):
            token = _Token("atom", _ESCAPES.get(char, f"(?:\\{char})"))
        else:
            token = _Token("atom", re.escape(char))
        yield token
        is_start = token.kind in ("open", "or") or (is_start and token.kind == "anchor")


def _special(char: str) -> _Token:
    if char in "*+?":
        return _Token("repeat", char)
    kinds: dict[str, Literal["open", "close", "or"]] = {"(": "open", ")": "close", "|": "or"}
    return _Token(kinds[char], char)


def _is_anchor(pattern: str, at: int, is_start: bool, *, is_extended: bool) -> bool:
    """Whether `^` or `$` before `at` is one; in a basic expression it is only at an end of what it belongs to."""
    if is_extended:
        return True
    return is_start if pattern[at - 1] == "^" else pattern[at:] == "" or pattern.startswith(("\\)", "\\|"), at)


def _interval(pattern: str, at: int, *, is_extended: bool) -> tuple[str, int]:
    """The repetition behind an opening brace, and where it ends."""
    end = "}" if is_extended else "\\}"
    close = pattern.find(end, at)
    found = _INTERVAL.fullmatch(pattern[at:close]) if close >= 0 else None
    if found is None or not (found[1] or found[3]):
        if is_extended:
            return r"\{", at
        raise BadRegex("Invalid contents of {}")
    low = int(found[1] or 0)
    high = int(found[3]) if found[3] else None if found[2] else low
    if low > REPEAT_MAX or (high is not None and (high > REPEAT_MAX or high < low)):
        raise BadRegex("Invalid contents of {}")
    return f"{{{low},{'' if high is None else high}}}", close + len(end)


def _bracket(pattern: str, at: int) -> tuple[str, int]:
    """The bracket expression whose `[` is behind; a backslash has no meaning in it."""
    negation = "^" if pattern.startswith("^", at) else ""
    at += len(negation)
    inside: list[str] = []
    is_first = True
    while is_first or not pattern.startswith("]", at):
        if at >= len(pattern):
            raise BadRegex("Missing ']'")
        is_first = False
        if pattern.startswith("[:", at):
            name, colon, _ = pattern[at + 2 :].partition(":]")
            if not colon or name not in _CLASSES:
                raise BadRegex("Unknown character class name")
            inside.append(_CLASSES[name])
            at += len(name) + 4
            continue
        low = pattern[at]
        at += 1
        if pattern.startswith("-", at) and pattern[at + 1 : at + 2] not in ("", "]"):
            high = pattern[at + 1]
            if high < low:
                raise BadRegex("Invalid character range")
            inside.append(f"{re.escape(low)}-{re.escape(high)}")
            at += 2
        else:
            inside.append(re.escape(low))
    return f"[{negation}{''.join(inside)}]", at + 1
