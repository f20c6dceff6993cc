"""One pattern of grep, and what it found in a line. Lines have one character a byte."""

from __future__ import annotations

import re
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from kubesim.userland.applets.text_stream import AppletError
from kubesim.userland.posix_regex import BadRegex, PosixRegex, compile_regex

_WORD = re.compile(r"\w", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Where a pattern fits; without a pattern it is the fixed text `start:end` of which -o shows one."""

    pattern: PosixRegex | None
    text: str
    start: int
    end: int

    def parts(self, line: str) -> Iterator[str]:
        """What -o prints: this match and those behind it, the empty ones left out."""
        if self.pattern is None:
            if self.text:
                yield self.text
            return
        start, end = self.start, self.end
        while True:
            if start < end:
                yield line[start:end]
            if end >= len(line):
                return
            further = self.pattern.search(line, end if start < end else end + 1)
            if further is None:
                return
            start, end = further.span()


class LinePattern:
    """A pattern with what the options -i, -w and -x make of it."""

    __slots__ = ("_flags", "_is_extended", "_is_fixed", "_regex", "_text")

    def __init__(self, text: str, flags: AbstractSet[str], *, is_fixed: bool, is_extended: bool) -> None:
        self._flags = flags
        self._is_fixed = is_fixed
        self._is_extended = is_extended
        self._text = text
        # A wrong pattern is complained about by the first line that it is tried on.
        self._regex: PosixRegex | None = None

    def match(self, line: str) -> Found | None:
        """The match that counts, if there is one. Raises AppletError when the pattern is no regular expression."""
        return self._fixed(line) if self._is_fixed else self._expression(line)

    def _fixed(self, line: str) -> Found | None:
        text, where = (self._text.lower(), line.lower()) if "i" in self._flags else (self._text, line)
        start = where.find(text)
        while start >= 0:
            end = start + len(text)
            if "x" in self._flags:
                if start or end != len(line):
                    return None
            elif "w" in self._flags and not _is_word(line, start, end):
                start = where.find(text, start + 1)
                continue
            return Found(pattern=None, text=self._text, start=start, end=end)
        return None

    def _expression(self, line: str) -> Found | None:
        if self._regex is None:
            self._regex = self._compiled()
        position = 0
        while (found := self._regex.search(line, position)) is not None:
            start, end = found.span()
            if "x" in self._flags:
                if start or end != len(line):
                    return None
            elif "w" in self._flags and not _is_word(line, start, end):
                if end <= position:
                    return None
                position = end
                continue
            return Found(pattern=self._regex, text=self._text, start=start, end=end)
        return None

    def _compiled(self) -> PosixRegex:
        try:
            return compile_regex(
                self._text, is_extended=self._is_extended, ignore_case="i" in self._flags, is_lenient=True
            )
        except BadRegex:
            raise AppletError(f"bad regex '{self._text}'", 2) from None


def _is_word(line: str, start: int, end: int) -> bool:
    """Whether neither neighbour belongs to a word."""
    before, behind = line[start - 1 : start] if start else "", line[end : end + 1]
    return _WORD.match(before) is None and _WORD.match(behind) is None
