"""The line editor alone: keys in, text and screen out."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubesim.userland.shell.line_editor import HISTORY_MAX, LINE_LENGTH_MAX, History, LineEditor

PROMPT = "$ "
KEYS = [
    "a",
    "b",
    " ",
    "é",
    "\x01",
    "\x05",
    "\x02",
    "\x06",
    "\x7f",
    "\x04",
    "\x0b",
    "\x15",
    "\x17",
    "\x0c",
    "\x10",
    "\x0e",
]
KEYS += [
    "\x1b[A",
    "\x1b[B",
    "\x1b[C",
    "\x1b[D",
    "\x1b[3~",
    "\x1bd",
    "\x1bf",
    "\x1bb",
    "\x1b[1;5C",
    "\t",
    "\x1bx",
    "\x00",
]


def editor(*history: str, columns: int = 80, names: tuple[str, ...] = ()) -> LineEditor:
    def complete(text: str) -> tuple[int, list[str]]:
        word = text.rpartition(" ")[2]
        return len(word), [name for name in names if name.startswith(word)]

    return LineEditor(PROMPT, columns=columns, history=History(list(history)), complete=complete)


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        ("abc", "abc"),
        ("abc\x7f", "ab"),
        ("\x7f", ""),
        ("abc\x01X", "Xabc"),
        ("abc\x01\x05X", "abcX"),
        ("abc\x1b[D\x1b[DX", "aXbc"),
        ("abc\x02\x02\x06X", "abXc"),
        ("abc\x01\x04", "bc"),
        ("abc\x01\x1b[3~", "bc"),
        ("abc def\x17", "abc "),
        ("abc def  \x17", "abc "),
        ("abc def\x1b[D\x15", "f"),
        ("abc def\x01\x0b", ""),
        ("abc def\x01\x1bd", " def"),
        ("abc def\x01\x1bfX", "abcX def"),
        ("abc def\x1bbX", "abc Xdef"),
        ("abc\x1bx\x00\x1b[99~", "abc"),
        ("a\x1b[5;10Rb", "ab"),
    ],
)
def test_keys(keys: str, text: str) -> None:
    at_once, one_by_one = editor(), editor()

    assert at_once.feed(keys) is None
    assert [one_by_one.feed(key) for key in keys] == [None] * len(keys)
    assert (at_once.text, one_by_one.text) == (text, text)
    assert at_once.output == one_by_one.output


@pytest.mark.parametrize(
    ("keys", "outcome", "text", "rest"),
    [
        ("abc\nnext", "line", "abc", "next"),
        ("abc\rnext", "line", "abc", "next"),
        ("abc\x03next", "interrupted", "", "next"),
        ("\x04next", "end", "", "next"),
    ],
)
def test_how_a_line_ends(keys: str, outcome: str, text: str, rest: str) -> None:
    line = editor()

    assert (line.feed(keys), line.text, line.rest) == (outcome, text, rest)


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        ("\x1b[A", "two"),
        ("\x1b[A\x1b[A", "one"),
        ("\x1b[A\x1b[A\x1b[A", "one"),
        ("new\x1b[A\x1b[B", "new"),
        ("\x1b[B", ""),
        ("\x10\x10\x0e", "two"),
    ],
)
def test_history(keys: str, text: str) -> None:
    line = editor("one", "two")

    assert (line.feed(keys), line.text) == (None, text)


def test_history_forgets_repetitions_and_what_is_old() -> None:
    history = History()
    for line in ("a", "a", "", *map(str, range(HISTORY_MAX))):
        history.add(line)

    assert (len(history.lines), history.lines[0], history.lines[-1]) == (HISTORY_MAX, "0", str(HISTORY_MAX - 1))


@pytest.mark.parametrize(
    ("names", "keys", "text", "shown"),
    [
        (("file",), "cat f\t", "cat file ", ""),
        (("dir/",), "ls d\t", "ls dir/", ""),
        (("file1", "file2"), "cat f\t", "cat file", "\a"),
        (("file1", "file2"), "cat f\t\t", "cat file", "file1  file2\n"),
        ((), "cat f\t", "cat f", "\a"),
    ],
)
def test_completion(names: tuple[str, ...], keys: str, text: str, shown: str) -> None:
    line = editor(names=names)
    line.feed(keys)

    assert line.text == text
    assert shown in line.output


def test_a_line_has_a_length() -> None:
    line = editor()
    line.feed("x" * (LINE_LENGTH_MAX + 3))

    assert (len(line.text), line.output.count("\a")) == (LINE_LENGTH_MAX, 3)


class Screen:
    """What a terminal of so many columns shows after the sequences that the editor uses."""

    def __init__(self, columns: int) -> None:
        self.columns = columns
        self.cells: dict[tuple[int, int], str] = {}
        self.row = self.column = 0

    def show(self, output: str) -> None:
        for match in re.finditer(r"\x1b\[(\d*)([A-Za-z])|(.)", output, re.DOTALL):
            count, letter, character = match[1] or "", match[2], match[3]
            if character is not None:
                self._character(character)
            elif letter == "A":
                self.row = max(0, self.row - int(count or 1))
            elif letter == "C":
                self.column = min(self.columns - 1, self.column + int(count or 1))
            elif letter == "D":
                self.column = max(0, self.column - int(count or 1))
            elif letter == "H":
                self.row = self.column = 0
            elif letter == "J":
                self.cells = {place: cell for place, cell in self.cells.items() if place < (self.row, self.column)}

    def _character(self, character: str) -> None:
        if character == "\r":
            self.column = 0
        elif character == "\n":
            self.row += 1
        elif character == "\b":
            self.column = max(0, self.column - 1)
        elif character != "\a":
            if self.column == self.columns:
                self.row, self.column = self.row + 1, 0
            self.cells[self.row, self.column] = character
            self.column += 1

    @property
    def text(self) -> str:
        return "".join(self.cells[place] for place in sorted(self.cells))


@given(st.lists(st.sampled_from(KEYS), max_size=40), st.integers(min_value=8, max_value=30))
def test_the_screen_shows_the_line_whatever_was_pressed(keys: list[str], columns: int) -> None:
    line = editor("first one", "x", columns=columns)
    screen = Screen(columns)
    for key in keys:
        outcome = line.feed(key)
        screen.show(line.output)
        line.output = ""
        if outcome is not None:
            break
        assert screen.text == PROMPT + line.text


@given(st.text(max_size=60), st.integers(min_value=0, max_value=200))
def test_any_keys_at_all_end_a_line_or_do_not(keys: str, columns: int) -> None:
    line = editor("old", columns=columns, names=("name", "nape"))
    outcome = line.feed(keys)

    assert outcome in (None, "line", "interrupted", "end")
    assert "\n" not in line.text
    assert len(line.text) <= LINE_LENGTH_MAX
    assert outcome is not None or line.rest == "" or line.rest[0] == "\x1b"
