"""The words that xargs reads. Mirrors busybox: findutils/xargs.c, process_stdin, process0_stdin and
process_stdin_with_replace."""

from __future__ import annotations

from collections import deque

from kubesim.userland.applets.text_stream import BLOCK_BYTES, AppletError
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.files.open_file import OpenFile
from kubesim.userland.processes.process_life import Process

_SPACE = " \t\n\v\f\r"


class _Quoted:
    """Words between blanks; quotes and backslashes take the meaning of what they protect."""

    def __init__(self) -> None:
        self._word: list[str] = []
        self._quote = ""
        self._is_escaped = False

    def feed(self, text: str, words: deque[str]) -> None:
        """Add the words that end in `text`."""
        for char in text:
            if self._is_escaped:
                self._is_escaped = False
                self._word.append(char)
            elif self._quote:
                if char == self._quote:
                    self._quote = ""
                else:
                    self._word.append(char)
            elif char in _SPACE:
                if self._word:
                    words.append(self._taken())
            elif char == "\\":
                self._is_escaped = True
            elif char in "'\"":
                self._quote = char
            else:
                self._word.append(char)

    def end(self, words: deque[str]) -> None:
        """The input is over. Raises AppletError for a quote that is still open."""
        if not self._word:
            return
        if self._quote:
            raise AppletError(f"unmatched {'single' if self._quote == chr(39) else 'double'} quote")
        words.append(self._taken())

    def _taken(self) -> str:
        """The word, which ends at a NUL like every text of a C program."""
        word = "".join(self._word).partition("\0")[0]
        self._word.clear()
        return word


class _Separated:
    """What stands between ends of lines or NULs; for -I without blanks before it and without empty lines."""

    def __init__(self, end: str, *, is_line: bool) -> None:
        self._end = end
        self._is_line = is_line
        self._pending = ""

    def feed(self, text: str, words: deque[str]) -> None:
        """Add the words that end in `text`."""
        *found, self._pending = (self._pending + text).split(self._end)
        for word in found:
            self._add(word, words)

    def end(self, words: deque[str]) -> None:
        """The input is over; what has no end is a word too."""
        if self._pending:
            self._add(self._pending, words)

    def _add(self, word: str, words: deque[str]) -> None:
        if self._is_line:
            word = word.lstrip(_SPACE)
        if word or not self._is_line:
            words.append(word)


class XargsInput:
    """The words of an input, a block at a time. `end_word` is where it stops."""

    def __init__(
        self, process: Process, file: OpenFile, *, is_nul: bool, is_line: bool, end_word: str | None = None
    ) -> None:
        self._process = process
        self._file = file
        self._end_word = end_word if not is_nul and not is_line else None
        self._splitter = _Separated("\0" if is_nul else "\n", is_line=is_line) if is_nul or is_line else _Quoted()
        self._words: deque[str] = deque()
        self._is_over = False

    async def peek(self) -> str | None:
        """The next word, left where it is; None at the end. Raises AppletError."""
        while not self._words and not self._is_over:
            await self._process.step()
            try:
                data = await self._process.read_from(self._file, BLOCK_BYTES)
            except FsError:
                data = b""  # a directory: busybox takes an error of reading for the end
            if data:
                self._splitter.feed(data.decode("latin-1"), self._words)
            else:
                self._is_over = True
                self._splitter.end(self._words)
        if not self._words:
            return None
        if self._words[0] == self._end_word:
            self._words.clear()
            self._is_over = True
            return None
        return self._words[0]

    def take(self) -> None:
        """The word that was looked at is used."""
        self._words.popleft()
