"""expr: the value of an expression. Mirrors busybox: coreutils/expr.c."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TypeAlias

from kubesim.userland.applets.text_stream import AppletError, byte_text
from kubesim.userland.posix_regex import BadRegex, compile_regex
from kubesim.userland.processes.process_life import Process

Value: TypeAlias = int | str

_NUMBER = re.compile(r"[ \t\n\v\f\r]*([-+]?[0-9]+)")
_LOW, _HIGH = -(2**63), 2**63 - 1
DEPTH_MAX = 200
"""Parentheses within each other, and keywords before each other: a limit of ours."""


async def run(process: Process) -> int:
    """Print it; 0 when it is neither null nor 0, 1 when it is, 2 when there is none."""
    evaluation = _Evaluation([byte_text(word) for word in process.argv[1:]])
    try:
        value = evaluation.run()
    except AppletError as error:
        await _warn(process, evaluation)
        await process.complain(error.message)
        return 2
    await _warn(process, evaluation)
    await process.write(1, f"{value}\n".encode("latin-1"))
    return 1 if _is_null(value) else 0


async def _warn(process: Process, evaluation: _Evaluation) -> None:
    for pattern in evaluation.anchored:
        await process.complain(
            f"warning: '{pattern}': using '^' as the first character\n"
            "of a basic regular expression is not portable; it is ignored"
        )


def _is_null(value: Value) -> bool:
    return value in (0, "", "0")


def _as_number(value: Value) -> Value:
    """A number where the text is one. Mirrors C: strtoll, which stays at its ends."""
    if isinstance(value, int):
        return value
    found = _NUMBER.fullmatch(value)
    return value if found is None else max(_LOW, min(int(found[1][:25]), _HIGH))


def _wrapped(number: int) -> int:
    """As 64 bits hold it."""
    return (number - _LOW) % 2**64 + _LOW


class _Evaluation:
    """Reads the words from left to right. `anchored` are patterns that begin with `^`, which is said to be ignored."""

    def __init__(self, words: Sequence[str]) -> None:
        self._words = words
        self._at = 0
        self._depth = 0
        self.anchored: list[str] = []

    def run(self) -> Value:
        """The value of all words. Raises AppletError."""
        if not self._words:
            raise AppletError("too few arguments")
        value = self._either()
        if self._at < len(self._words):
            raise AppletError("syntax error")
        return value

    def _take(self, *operators: str) -> str | None:
        if self._at < len(self._words) and self._words[self._at] in operators:
            self._at += 1
            return self._words[self._at - 1]
        return None

    def _either(self) -> Value:
        left = self._both()
        while self._take("|"):
            right = self._both()
            left = right if _is_null(left) else left
        return left

    def _both(self) -> Value:
        left = self._comparison()
        while self._take("&"):
            right = self._comparison()
            left = 0 if _is_null(left) or _is_null(right) else left
        return left

    def _comparison(self) -> Value:
        left = self._sum()
        while operator := self._take("<", "<=", "=", "==", "!=", ">=", ">"):
            left = int(_compared(_as_number(left), _as_number(self._sum()), operator))
        return left

    def _sum(self) -> Value:
        left = self._product()
        while operator := self._take("+", "-"):
            left = _calculated(left, self._product(), operator)
        return left

    def _product(self) -> Value:
        left = self._match()
        while operator := self._take("*", "/", "%"):
            left = _calculated(left, self._match(), operator)
        return left

    def _match(self) -> Value:
        left = self._keyword()
        while self._take(":"):
            left = self._matched(left, self._keyword())
        return left

    def _matched(self, value: Value, pattern_value: Value) -> Value:
        text, pattern = str(value), str(pattern_value)
        if pattern.startswith("^"):
            self.anchored.append(pattern)
        try:
            compiled = compile_regex(pattern, is_extended=False)
        except BadRegex as error:
            raise AppletError(f"bad regex '{pattern}': {error}") from None
        found = compiled.search(text)
        if found is None or found.start():
            return "" if compiled.groups else 0
        if compiled.groups and found[1] is not None:
            return found[1]
        return found.end()

    def _keyword(self) -> Value:
        self._depth += 1
        if self._depth > DEPTH_MAX:
            raise AppletError("syntax error")
        try:
            keyword = self._take("quote", "length", "match", "index", "substr")
            return self._operand() if keyword is None else self._keyword_value(keyword)
        finally:
            self._depth -= 1

    def _keyword_value(self, keyword: str) -> Value:
        if keyword == "quote":
            if self._at == len(self._words):
                raise AppletError("syntax error")
            self._at += 1
            return self._words[self._at - 1]
        first = self._keyword()
        if keyword == "length":
            return len(str(first))
        second = self._keyword()
        if keyword == "match":
            return self._matched(first, second)
        text = str(first)
        if keyword == "index":
            characters = str(second)
            return next((at for at, char in enumerate(text, start=1) if char in characters), 0)
        start, length = _as_number(second), _as_number(self._keyword())
        if isinstance(start, str) or isinstance(length, str) or not 0 < start <= len(text) or length <= 0:
            return ""
        return text[start - 1 : start - 1 + length]

    def _operand(self) -> Value:
        if self._take("("):
            value = self._either()
            if not self._take(")"):
                raise AppletError("syntax error")
            return value
        if self._at == len(self._words) or self._words[self._at] == ")":
            raise AppletError("syntax error")
        self._at += 1
        return self._words[self._at - 1]


_ORDERS = {"<": {-1}, "<=": {-1, 0}, "=": {0}, "==": {0}, "!=": {-1, 1}, ">=": {0, 1}, ">": {1}}
"""What each comparison allows: less, equal, more."""


def _compared(left: Value, right: Value, operator: str) -> bool:
    """As numbers when both are, otherwise as text."""
    if isinstance(left, int) and isinstance(right, int):
        order = (left > right) - (left < right)
    else:
        first, second = str(left), str(right)
        order = (first > second) - (first < second)
    return order in _ORDERS[operator]


def _calculated(left: Value, right: Value, operator: str) -> int:
    first, second = _as_number(left), _as_number(right)
    if isinstance(first, str) or isinstance(second, str):
        raise AppletError("non-numeric argument")
    if operator == "+":
        return _wrapped(first + second)
    if operator == "-":
        return _wrapped(first - second)
    if operator == "*":
        return _wrapped(first * second)
    if second == 0:
        raise AppletError("division by zero")
    quotient = abs(first) // abs(second) * (1 if (first < 0) == (second < 0) else -1)
    return _wrapped(quotient if operator == "/" else first - quotient * second)
