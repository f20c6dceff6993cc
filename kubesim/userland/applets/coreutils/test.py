"""test and [: the conditions of the shell.

Mirrors busybox: coreutils/test.c, test_main2: a fixed grammar for up to three words where it is unambiguous, and
`oexpr := aexpr [-o oexpr]`, `aexpr := nexpr [-a aexpr]`, `nexpr := [!] primary` for the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from kubesim.userland.files.credentials import EXECUTE, READ, WRITE
from kubesim.userland.files.file_stat import FileKind, Stat
from kubesim.userland.files.file_view import FileView
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.posix_regex import BadRegex, compile_regex
from kubesim.userland.processes.process_life import Process
from kubesim.userland.shell.patterns import matches

NUMBER_MAX = 2**63

_COMPARE_NUMBERS: dict[str, Callable[[int, int], bool]] = {
    "-eq": lambda a, b: a == b,
    "-ne": lambda a, b: a != b,
    "-lt": lambda a, b: a < b,
    "-le": lambda a, b: a <= b,
    "-gt": lambda a, b: a > b,
    "-ge": lambda a, b: a >= b,
}
_COMPARE_TEXTS: dict[str, Callable[[str, str], bool]] = {
    "=": lambda a, b: a == b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    ">": lambda a, b: a > b,
}
_COMPARE_FILES = ("-nt", "-ot", "-ef")
_BINARY = frozenset({*_COMPARE_NUMBERS, *_COMPARE_TEXTS, *_COMPARE_FILES})

_FILE_TESTS: dict[str, Callable[[Stat], bool]] = {
    "-e": lambda _: True,
    "-a": lambda _: True,
    "-f": lambda stat: stat.kind is FileKind.FILE,
    "-d": lambda stat: stat.kind is FileKind.DIRECTORY,
    "-c": lambda stat: stat.kind is FileKind.DEVICE,
    "-b": lambda stat: stat.kind is FileKind.BLOCK_DEVICE,
    "-p": lambda stat: stat.kind is FileKind.FIFO,
    "-S": lambda stat: stat.kind is FileKind.SOCKET,
    "-s": lambda stat: stat.size_bytes > 0,
    "-u": lambda stat: stat.mode & 0o4000 != 0,
    "-g": lambda stat: stat.mode & 0o2000 != 0,
    "-k": lambda stat: stat.mode & 0o1000 != 0,
}
_ACCESS_TESTS = {"-r": READ, "-w": WRITE, "-x": EXECUTE}
_UNARY = frozenset({*_FILE_TESTS, *_ACCESS_TESTS, "-n", "-z", "-h", "-L", "-O", "-G", "-t"}) - {"-a"}


class TestError(Exception):
    """The expression is none; the text is what follows the name of the command, "" for none. Exit code 2."""

    __test__ = False  # pytest collects classes by this name


def evaluate_test(words: Sequence[str], process: Process, *, is_extended: bool = False) -> bool:
    """Whether the condition holds. `words` is without `[` and `]`. Raises TestError.

    `is_extended` is `[[`: `=` takes a pattern, and `=~` an extended regular expression.
    """
    return _Condition(words, process, is_extended=is_extended).holds()


class _Condition:
    """A walk over the words of one condition."""

    def __init__(self, words: Sequence[str], process: Process, *, is_extended: bool) -> None:
        self._is_extended = is_extended
        self._or_operators = ("-o", "||") if is_extended else ("-o",)
        self._and_operators = ("-a", "&&") if is_extended else ("-a",)
        self._operators = _BINARY | {"=~"} if is_extended else _BINARY
        self._words = words
        self._process = process
        self._next = 0

    def holds(self) -> bool:
        """Decide; leftovers are an error."""
        words = list(self._words)
        is_negated = False
        while True:
            if len(words) < 2:
                return (words != [] and words[0] != "") != is_negated
            if len(words) == 3 and words[1] in self._operators:
                return self._binary(*words) != is_negated
            if len(words) == 4 and (words[0], words[3]) == ("(", ")"):
                # The word behind them is gone for good, as in busybox.
                self._words = [*self._words[: len(self._words) - 1]]
                words = words[1:3]
            if words[0] != "!":
                break
            words = words[1:]
            is_negated = not is_negated
        result = self._or()
        if self._next < len(self._words):
            raise TestError(f"{self._words[self._next]}: unknown operand")
        return result

    def _peek(self, offset: int = 0) -> str | None:
        place = self._next + offset
        return self._words[place] if place < len(self._words) else None

    def _or(self) -> bool:
        result = self._and()
        while self._peek() in self._or_operators:
            self._next += 1
            result = self._and() or result
        return result

    def _and(self) -> bool:
        result = self._not()
        while self._peek() in self._and_operators:
            self._next += 1
            result = self._not() and result
        return result

    def _not(self) -> bool:
        is_negated = False
        while self._peek() == "!":
            if self._peek(1) is None:
                self._next += 1
                return not is_negated  # a last `!` is a word like any other
            self._next += 1
            is_negated = not is_negated
        return self._primary() != is_negated

    def _primary(self) -> bool:
        word = self._peek()
        if word is None:
            raise TestError("argument expected")
        following = self._peek(1)
        if word == "(":
            self._next += 1
            result = self._or()
            if self._peek() != ")":
                raise TestError("closing paren expected")
            self._next += 1
            return result
        operand = self._peek(2)
        if following in self._operators and operand is not None:
            self._next += 3
            return self._binary(word, following, operand)
        if word in _UNARY:
            self._next += 1 if following is None else 2
            return True if following is None else self._unary(word, following)
        if following in self._operators:
            raise TestError(f"{following}: argument expected")
        self._next += 1
        return word != ""

    def _unary(self, operator: str, operand: str) -> bool:
        if operator == "-n":
            return operand != ""
        if operator == "-z":
            return operand == ""
        if operator == "-t":
            file = self._process.descriptors().get(_number(operand))
            return file is not None and file.is_terminal
        files = self._process.files
        if operator in _ACCESS_TESTS:
            return files.may(operand, _ACCESS_TESTS[operator])
        stat = _stat(files, operand, follow_last=operator not in ("-h", "-L"))
        if stat is None:
            return False
        if operator in ("-h", "-L"):
            return stat.kind is FileKind.SYMLINK
        if operator == "-O":
            return stat.uid == files.credentials.uid
        if operator == "-G":
            return stat.gid == files.credentials.gid
        return _FILE_TESTS[operator](stat)

    def _binary(self, left: str, operator: str, right: str) -> bool:
        if operator in _COMPARE_NUMBERS:
            return _COMPARE_NUMBERS[operator](_number(left), _number(right))
        if operator in _COMPARE_TEXTS:
            if self._is_extended and operator not in ("<", ">"):
                return matches(right, left) == (operator != "!=")
            return _COMPARE_TEXTS[operator](left, right)
        if operator == "=~":
            return _fits(right, left)
        files = self._process.files
        if operator == "-ef":
            try:
                return files.walk(left).path == files.walk(right).path and files.exists(left)
            except FsError:
                return False
        one, other = _stat(files, left), _stat(files, right)
        if operator == "-ot":
            one, other = other, one
        return one is not None and other is not None and one.mtime_ns > other.mtime_ns


def _fits(pattern: str, text: str) -> bool:
    try:
        return compile_regex(pattern, is_extended=True).search(text) is not None
    except BadRegex:
        raise TestError("") from None  # ash says nothing about it


def _stat(files: FileView, path: str, *, follow_last: bool = True) -> Stat | None:
    try:
        return files.stat(path, follow_last=follow_last)
    except FsError:
        return None


def _number(text: str) -> int:
    digits = text.strip()
    unsigned = digits[1:] if digits[:1] in ("-", "+") else digits
    if not (unsigned.isascii() and unsigned.isdecimal()):
        raise TestError(f"{text}: bad number" if text else "bad number")
    if len(unsigned) > 25 or not -NUMBER_MAX <= int(digits) < NUMBER_MAX:
        raise TestError(f"{text}: out of range")
    return int(digits)


async def run(process: Process) -> int:
    """0 when the condition holds, 1 when not, 2 when it is none."""
    words = process.argv[1:]
    try:
        if process.name == "[":
            if not words or words[-1] != "]":
                raise TestError("missing ]")
            words = words[:-1]
        return 0 if evaluate_test(words, process) else 1
    except TestError as error:
        await process.complain(str(error))
        return 2
