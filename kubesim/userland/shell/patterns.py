"""Patterns of the shell: `*`, `?`, `[...]` and backslash, as fnmatch(3) reads them.

Matching keeps one place to come back to, so it takes at most length times length steps, whatever the pattern.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TypeAlias

from kubesim.userland.files.file_view import FileView
from kubesim.userland.files.fs_error import FsError

Test: TypeAlias = Callable[[str], bool]

_CLASSES: dict[str, Test] = {
    "alnum": lambda c: c.isascii() and c.isalnum(),
    "alpha": lambda c: c.isascii() and c.isalpha(),
    "blank": lambda c: c in " \t",
    "cntrl": lambda c: c < " " or c == "\x7f",
    "digit": lambda c: "0" <= c <= "9",
    "graph": lambda c: "!" <= c <= "~",
    "lower": lambda c: "a" <= c <= "z",
    "print": lambda c: " " <= c <= "~",
    "punct": lambda c: "!" <= c <= "~" and not c.isalnum(),
    "space": lambda c: c in " \t\n\v\f\r",
    "upper": lambda c: "A" <= c <= "Z",
    "xdigit": lambda c: c in "0123456789abcdefABCDEF",
}

_SPECIAL = frozenset("*?[\\")


def escaped(text: str) -> str:
    """A pattern that matches exactly `text`."""
    return "".join("\\" + c if c in "*?[]\\-!^" else c for c in text)


def unescaped(pattern: str) -> str:
    """The text of a pattern whose only special characters are backslashes."""
    return "".join(item for item in _compiled(pattern) if isinstance(item, str))


def has_wildcards(pattern: str) -> bool:
    """Whether a pattern can match anything but one text."""
    return any(not isinstance(item, str) for item in _compiled(pattern))


def matches(pattern: str, text: str) -> bool:
    """Whether a pattern matches a whole text."""
    if not (text.isascii() and pattern.isascii()):
        text = text.encode(errors="surrogateescape").decode("latin-1")
        pattern = pattern.encode(errors="surrogateescape").decode("latin-1")
    return _matches(_compiled(pattern), text)


class Pattern:
    """A pattern that is asked many times."""

    __slots__ = ("_items",)

    def __init__(self, pattern: str) -> None:
        self._items = _compiled(pattern)

    def matches(self, text: str) -> bool:
        """Whether it matches a whole text."""
        return _matches(self._items, text)

    def longest_match(self, text: str, start: int) -> int:
        """Characters of the longest match that begins at `start`; 0 for none.

        All places that the text read so far can have led to are followed at once, so each character costs at most one
        look at each of them.
        """
        items = self._items
        places = self._with_empty_stars({0})
        longest = 0
        for position in range(start, len(text)):
            following: set[int] = set()
            for place in places:
                item = items[place] if place < len(items) else None
                if item is _STAR:
                    following.add(place)
                elif item is not None and (
                    item == text[position] if isinstance(item, str) else _test(item, text[position])
                ):
                    following.add(place + 1)
            if not following:
                break
            places = self._with_empty_stars(following)
            if len(items) in places:
                longest = position + 1 - start
        return longest

    def _with_empty_stars(self, places: set[int]) -> set[int]:
        """A star may also be nothing at all. Two stars never stand side by side."""
        return places | {place + 1 for place in places if place < len(self._items) and self._items[place] is _STAR}


def expand_path(pattern: str, files: FileView) -> list[str]:
    """Names that match a pattern of a path, sorted; none when nothing matches."""
    start = "/" if pattern.startswith("/") else ""
    steps = [step for step in pattern.split("/") if step]
    found = [start]
    for number, step in enumerate(steps):
        is_last = number == len(steps) - 1
        found = [path for directory in found for path in _below(directory, step, files, is_last=is_last)]
    if pattern.endswith("/"):
        found = [f"{path}/" for path in found if files.exists(f"{path}/")]
    return sorted(found)


def _below(directory: str, step: str, files: FileView, *, is_last: bool) -> list[str]:
    if not has_wildcards(step):
        path = directory + unescaped(step)
        return [path if is_last else f"{path}/"] if _is_there(files, path) else []
    try:
        names = files.list_dir(directory or ".")
    except FsError:
        return []
    if step.startswith("."):
        names = [".", "..", *names]
    items = _compiled(step)
    is_hidden_shown = items[0] == "."
    names = [name for name in names if (is_hidden_shown or not name.startswith(".")) and _matches(items, name)]
    return [directory + name if is_last else f"{directory}{name}/" for name in names]


def _is_there(files: FileView, path: str) -> bool:
    try:
        files.stat(path, follow_last=False)
    except FsError:
        return False
    return True


class _Star:
    """Any text."""


_STAR = _Star()

_Item: TypeAlias = str | Test | _Star
"""A character, a test of one character, or any text."""


def _matches(items: tuple[_Item, ...], text: str) -> bool:
    at = place = 0
    star = -1
    star_place = 0
    while place < len(text):
        item = items[at] if at < len(items) else None
        if item is _STAR:
            star, star_place = at, place
            at += 1
        elif item is not None and (item == text[place] if isinstance(item, str) else _test(item, text[place])):
            at += 1
            place += 1
        elif star >= 0:
            star_place += 1
            at, place = star + 1, star_place
        else:
            return False
    return all(item is _STAR for item in items[at:])


def _test(item: Test | _Star, character: str) -> bool:
    return not isinstance(item, _Star) and item(character)


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> tuple[_Item, ...]:
    items: list[_Item] = []
    position = 0
    while position < len(pattern):
        character = pattern[position]
        position += 1
        if character == "*":
            if not items or items[-1] is not _STAR:
                items.append(_STAR)
        elif character == "?":
            items.append(lambda _: True)
        elif character == "\\" and position < len(pattern):
            items.append(pattern[position])
            position += 1
        elif character == "[":
            bracket = _bracket(pattern, position)
            if bracket is None:
                items.append("[")
            else:
                test, position = bracket
                items.append(test)
        else:
            items.append(character)
    return tuple(items)


def _bracket(pattern: str, position: int) -> tuple[Test, int] | None:
    """The test of `[...]` behind its bracket, and where it ends; None when it never does."""
    is_negated = pattern[position : position + 1] in ("!", "^")
    position += is_negated
    tests: list[Test] = []
    is_first = True
    while position < len(pattern):
        if pattern[position] == "]" and not is_first:
            return (lambda c: any(test(c) for test in tests) != is_negated), position + 1
        is_first = False
        if pattern.startswith("[:", position) and (end := pattern.find(":]", position)) > 0:
            tests.append(_CLASSES.get(pattern[position + 2 : end], lambda _: False))
            position = end + 2
            continue
        low, position = _bracket_character(pattern, position)
        high = low
        if pattern[position : position + 1] == "-" and pattern[position + 1 : position + 2] not in ("", "]"):
            high, position = _bracket_character(pattern, position + 1)
        tests.append(lambda c, low=low, high=high: low <= c <= high)  # type: ignore[misc]  # mypy cannot infer a lambda's default
    return None


def _bracket_character(pattern: str, position: int) -> tuple[str, int]:
    if pattern[position] == "\\" and position + 1 < len(pattern):
        position += 1
    return pattern[position], position + 1
