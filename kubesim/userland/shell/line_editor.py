"""Editing a line on a terminal: keys in, what the screen needs out. Nothing here knows processes or files.

Mirrors busybox: libbb/lineedit.c, read_line_input: the same bytes for the same keys.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

Outcome = Literal["line", "interrupted", "end"]

LINE_LENGTH_MAX = 1024
"""More characters are not taken, with a bell."""

HISTORY_MAX = 255

ASK_FOR_CURSOR = "\x1b[6n"
"""Asks the terminal where the cursor is; the answer tells whether something stands before the prompt."""

_SEQUENCE = re.compile(r"\x1b(\[[0-9;]*[A-Za-z~]|O[A-Za-z]|[A-Za-z\x7f\b])")
_UNFINISHED = re.compile(r"\x1b(\[[0-9;]*|O)?$")

_SEQUENCES = {
    **dict.fromkeys(("[A", "OA"), "up"),
    **dict.fromkeys(("[B", "OB"), "down"),
    **dict.fromkeys(("[C", "OC"), "right"),
    **dict.fromkeys(("[D", "OD"), "left"),
    **dict.fromkeys(("[H", "OH", "[1~", "[7~"), "home"),
    **dict.fromkeys(("[F", "OF", "[4~", "[8~"), "end"),
    **dict.fromkeys(("[1;5C", "f"), "word-right"),
    **dict.fromkeys(("[1;5D", "b"), "word-left"),
    **dict.fromkeys(("\x7f", "\b"), "kill-word-left"),
    "[3~": "delete",
    "d": "kill-word",
}
"""Keys that send more than one character, by what follows ESC."""

_KEYS = {
    **dict.fromkeys("\b\x7f", "backspace"),
    **dict.fromkeys("\n\r", "enter"),
    "\x01": "home",
    "\x02": "left",
    "\x03": "interrupt",
    "\x04": "end-of-file",
    "\x05": "end",
    "\x06": "right",
    "\t": "complete",
    "\x0b": "kill-to-end",
    "\x0c": "clear",
    "\x0e": "down",
    "\x10": "up",
    "\x15": "kill-to-start",
    "\x17": "kill-word-left",
}

Completer = Callable[[str], tuple[int, Sequence[str]]]
"""For the text up to the cursor: how many characters of its end are completed, and what they could become."""


@dataclass(slots=True)
class History:
    """Lines that were entered, oldest first."""

    lines: list[str] = field(default_factory=list)

    def add(self, line: str) -> None:
        """Remember a line, unless it is empty or the same as the last."""
        if line and self.lines[-1:] != [line]:
            self.lines.append(line)
            del self.lines[:-HISTORY_MAX]


class LineEditor:
    """One line being typed. `output` is what the screen has not been sent yet."""

    __slots__ = (
        "_columns",
        "_complete",
        "_cursor",
        "_history",
        "_is_second_tab",
        "_keys",
        "_place",
        "_prompt",
        "_text",
        "_typed",
        "output",
    )

    def __init__(self, prompt: str, *, columns: int, history: History, complete: Completer) -> None:
        self._prompt = prompt
        self._columns = columns if columns > 1 else 80
        self._history = history
        self._complete = complete
        self._text = ""
        self._typed = ""
        """What was typed before the user went up into the history."""
        self._cursor = 0
        self._place = len(history.lines)
        self._is_second_tab = False
        self._keys = ""
        self.output = prompt + ASK_FOR_CURSOR

    @property
    def text(self) -> str:
        """The line so far."""
        return self._text

    @property
    def rest(self) -> str:
        """Keys that came after the end of the line."""
        return self._keys

    def feed(self, keys: str) -> Outcome | None:
        """Take keys; how the line ended, None while it goes on."""
        self._keys += keys
        while self._keys:
            key = self._next_key()
            if key is None:
                return None
            outcome = self._press(key)
            if outcome is not None:
                return outcome
        return None

    def _next_key(self) -> str | None:
        """The name of the next key, or its character; "" for one that means nothing; None when its end is missing."""
        if self._keys[0] != "\x1b":
            character, self._keys = self._keys[0], self._keys[1:]
            return _KEYS.get(character, character)
        match = _SEQUENCE.match(self._keys)
        if match is None:
            if _UNFINISHED.match(self._keys):
                return None
            self._keys = self._keys[1:]
            return ""
        self._keys = self._keys[match.end() :]
        return _SEQUENCES.get(match[1], "")

    def _press(self, key: str) -> Outcome | None:
        if key != "complete":
            self._is_second_tab = False
        match key:
            case "enter":
                self._move_to(len(self._text))
                self.output += "\n"
                return "line"
            case "interrupt":
                self._move_to(len(self._text))
                self.output += "^C"
                self._text = ""
                return "interrupted"
            case "end-of-file":
                if not self._text:
                    return "end"
                self._delete(self._cursor + 1)
            case _ if len(key) == 1:
                if key.isprintable():
                    self._insert(key)
            case _:
                self._command(key)
        return None

    def _command(self, key: str) -> None:
        place = self._place_of(key)
        if place is not None:
            self._move_to(place)
            return
        match key:
            case "backspace":
                self._backspace()
            case "delete":
                self._delete(self._cursor + 1)
            case "kill-word":
                self._delete(self._word_end())
            case "kill-word-left":
                start = self._word_start()
                while self._cursor > start:
                    self._backspace()
            case "kill-to-end":
                self._text = self._text[: self._cursor]
                self.output += "\x1b[J"
            case "kill-to-start":
                rows = self._cell(self._cursor)[0]
                self._text, self._cursor = self._text[self._cursor :], 0
                self._redraw(rows=rows)
            case "clear":
                self.output += "\x1b[H\x1b[J"
                self._redraw(rows=0)
            case "up" | "down":
                self._recall(-1 if key == "up" else 1)
            case "complete":
                self._tab()

    def _place_of(self, key: str) -> int | None:
        """Where a key that only moves leads to."""
        match key:
            case "left":
                return max(0, self._cursor - 1)
            case "right":
                return min(len(self._text), self._cursor + 1)
            case "home":
                return 0
            case "end":
                return len(self._text)
            case "word-left":
                return self._word_start()
            case "word-right":
                return self._word_end()
        return None

    # -- the screen -----------------------------------------------------------------------------------------

    def _cell(self, cursor: int) -> tuple[int, int]:
        """Row and column, counted from the start of the prompt."""
        return divmod(len(self._prompt.rpartition("\n")[2]) + cursor, self._columns)

    def _put(self, cursor: int) -> None:
        """Print the text from the cursor up to a place. A full row is left at once, in case the terminal is wider."""
        for position in range(self._cursor, cursor):
            self.output += self._text[position]
            if self._cell(position + 1)[1] == 0:
                self.output += "\r\n"
        self._cursor = cursor

    def _move_to(self, cursor: int) -> None:
        if cursor >= self._cursor:
            self._put(cursor)
            return
        rows, column = self._cell(self._cursor)
        count = self._cursor - cursor
        self._cursor = cursor
        if column >= count:
            self.output += "\b" * count if count < 4 else f"\x1b[{count}D"
            return
        row, column = self._cell(cursor)
        self.output += "\r" + (f"\x1b[{rows - row}A" if rows > row else "") + (f"\x1b[{column}C" if column else "")

    def _redraw(self, *, rows: int | None = None) -> None:
        """Print prompt and text anew, `rows` above the cursor's row; the cursor stays in its place of the text."""
        rows = self._cell(self._cursor)[0] if rows is None else rows
        cursor, self._cursor = self._cursor, 0
        self.output += (f"\x1b[{rows}A" if rows else "") + "\r" + self._prompt
        self._put(len(self._text))
        self.output += "\x1b[J"
        self._move_to(cursor)

    # -- the text -------------------------------------------------------------------------------------------

    def _insert(self, character: str) -> None:
        if len(self._text) >= LINE_LENGTH_MAX:
            self.output += "\a"
            return
        self._text = self._text[: self._cursor] + character + self._text[self._cursor :]
        cursor = self._cursor + 1
        self._put(len(self._text))
        self._move_to(cursor)

    def _backspace(self) -> None:
        if self._cursor:
            self._move_to(self._cursor - 1)
            self._delete(self._cursor + 1)

    def _delete(self, end: int) -> None:
        """Delete from the cursor up to a place."""
        if self._cursor >= len(self._text):
            return
        self._text = self._text[: self._cursor] + self._text[end:]
        cursor = self._cursor
        self._put(len(self._text))
        self.output += "\x1b[J"
        self._move_to(cursor)

    def _word_start(self) -> int:
        cursor = self._cursor
        while cursor and self._text[cursor - 1].isspace():
            cursor -= 1
        while cursor and not self._text[cursor - 1].isspace():
            cursor -= 1
        return cursor

    def _word_end(self) -> int:
        cursor = self._cursor
        while cursor < len(self._text) and self._text[cursor].isspace():
            cursor += 1
        while cursor < len(self._text) and not self._text[cursor].isspace():
            cursor += 1
        return cursor

    def _recall(self, step: int) -> None:
        """Another line of the history; with a bell where there is none, and busybox rings twice at the oldest."""
        place = self._place + step
        if not 0 <= place <= len(self._history.lines):
            self.output += "\a\a" if step < 0 else "\a"
            return
        if self._place == len(self._history.lines):
            self._typed = self._text
        rows = self._cell(self._cursor)[0]
        self._place = place
        self._text = self._typed if place == len(self._history.lines) else self._history.lines[place]
        self._cursor = len(self._text)
        self._redraw(rows=rows)

    def _tab(self) -> None:
        """Complete what is before the cursor as far as it is certain; the second time show what there is."""
        length, matches = self._complete(self._text[: self._cursor])
        start = self._cursor - length
        word = self._text[start : self._cursor]
        if not matches:
            self.output += "\a"
            return
        if len(matches) > 1 and self._is_second_tab:
            cursor = self._cursor
            self._move_to(len(self._text))
            self.output += "\n" + _in_columns(
                [match.rstrip("/").rpartition("/")[2] for match in matches], self._columns
            )
            self._cursor = cursor
            self._redraw(rows=0)
            return
        certain = _common_start(matches) if len(matches) > 1 else _finished(matches[0])
        if len(matches) > 1:
            self.output += "\a"
            self._is_second_tab = True
        if len(certain) > len(word):
            self._text = self._text[:start] + certain + self._text[self._cursor :]
            rows = self._cell(self._cursor)[0]
            self._cursor = start + len(certain)
            self._redraw(rows=rows)


def _finished(match: str) -> str:
    """What was found alone: a directory goes on, anything else is a whole word."""
    return match if match.endswith("/") else f"{match} "


def _common_start(texts: Sequence[str]) -> str:
    first, last = min(texts), max(texts)
    return next((first[:index] for index, letter in enumerate(first) if last[index : index + 1] != letter), first)


def _in_columns(names: Sequence[str], width: int) -> str:
    """Names side by side, in columns from top to bottom. Mirrors busybox: libbb/lineedit.c, showfiles."""
    cell = max(len(name) for name in names) + 2
    count = max(1, width // cell)
    rows = -(-len(names) // count)
    lines = [names[row::rows] for row in range(rows)]
    return "".join(f"{''.join(f'{name:<{cell}}' for name in line[:-1])}{line[-1]}\n" for line in lines)
