"""`$((...))`: whole numbers of 64 bits, the operators of C, and variables.

An expression is parsed once and kept: a loop that counts computes the same text again and again. Mirrors busybox:
shell/math.c, texts included.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Protocol, TypeAlias

NESTING_MAX = 16
RECURSION_MAX = 20
"""Variables whose value is an expression with variables, and so on."""

_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+#[0-9A-Za-z@_]+|0[xX][0-9A-Fa-f]+|\d+)|(?P<name>[A-Za-z_]\w*)"
    r"|(?P<operator>\*\*|<<=|>>=|\|\||&&|\+\+|--|<<|>>|[-+*/%&|^=!<>]=|[-+*/%&|^=!<>~?:(),]))",
    re.ASCII,
)

_LEVELS: tuple[tuple[str, ...], ...] = (
    ("||",),
    ("&&",),
    ("|",),
    ("^",),
    ("&",),
    ("==", "!="),
    ("<=", ">=", "<", ">"),
    ("<<", ">>"),
    ("+", "-"),
    ("*", "/", "%"),
)

_ASSIGNING = ("=", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "<<=", ">>=")


class ArithmeticFailed(Exception):
    """The text is no expression, or cannot be computed."""


class Variables(Protocol):
    """Where names get their values from, and where assignments go."""

    def get(self, name: str) -> str | None:
        """The text of a variable; None when it is not set."""

    def set(self, name: str, value: str) -> None:
        """Assign. May raise what the shell raises for a read-only variable."""


Compute: TypeAlias = Callable[[Variables, int], int]
"""Takes the variables and the depth of recursion."""


def compute(text: str, variables: Variables) -> int:
    """The value of an expression; an empty one is 0. Raises ArithmeticFailed."""
    return _compiled(text)(variables, 0)


def wrapped(number: int) -> int:
    """A number as 64 bits hold it."""
    return (number + 2**63) % 2**64 - 2**63


@lru_cache(maxsize=1024)
def _compiled(text: str) -> Compute:
    return _Compiler(text).compile()


def _tokens(text: str) -> list[tuple[str, str]]:
    found = []
    position = 0
    text = text.rstrip()
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None or match.lastgroup is None:
            raise ArithmeticFailed("arithmetic syntax error")
        found.append((match.lastgroup, match[match.lastgroup]))
        position = match.end()
    return found


class _Compiler:
    """Recursive descent over the tokens of one expression; the result is a function."""

    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._next = 0
        self._depth = 0

    def compile(self) -> Compute:
        """All of it."""
        if not self._tokens:
            return lambda _variables, _depth: 0
        result = self._comma()
        if self._next < len(self._tokens):
            raise self._error()
        return result

    @staticmethod
    def _error() -> ArithmeticFailed:
        return ArithmeticFailed("arithmetic syntax error")

    def _peek(self) -> str:
        return self._tokens[self._next][1] if self._next < len(self._tokens) else ""

    def _accept(self, *operators: str) -> str:
        if self._next < len(self._tokens):
            kind, text = self._tokens[self._next]
            if kind == "operator" and text in operators:
                self._next += 1
                return text
        return ""

    def _comma(self) -> Compute:
        self._depth += 1
        if self._depth > NESTING_MAX:
            raise self._error()
        steps = [self._ternary()]
        while self._accept(","):
            steps.append(self._ternary())
        self._depth -= 1
        return steps[0] if len(steps) == 1 else lambda variables, depth: [step(variables, depth) for step in steps][-1]

    def _ternary(self) -> Compute:
        """Assignment and `?:`, which both group from right to left."""
        self._depth += 1
        if self._depth > NESTING_MAX:
            raise self._error()
        start = self._next
        condition = self._binary(0)
        if self._next == start + 1 and self._tokens[start][0] == "name":
            operator = self._accept(*_ASSIGNING)
            if operator:
                assignment = _assign(self._tokens[start][1], operator[:-1], self._ternary())
                self._depth -= 1
                return assignment
        if self._accept("?"):
            yes = self._comma()
            if not self._accept(":"):
                raise self._error()
            no = self._ternary()
            self._depth -= 1
            return lambda variables, depth: (yes if condition(variables, depth) else no)(variables, depth)
        self._depth -= 1
        return condition

    def _binary(self, level: int) -> Compute:
        if level == len(_LEVELS):
            return self._power()
        first = self._binary(level + 1)
        rest: list[tuple[str, Compute]] = []
        while operator := self._accept(*_LEVELS[level]):
            rest.append((operator, self._binary(level + 1)))
        return _chain(first, rest)

    def _power(self) -> Compute:
        base = self._unary()
        if self._accept("**"):
            self._depth += 1
            if self._depth > NESTING_MAX:
                raise self._error()
            power = _chain(base, [("**", self._power())])
            self._depth -= 1
            return power
        return base

    def _unary(self) -> Compute:
        signs: list[str] = []
        while operator := self._accept("!", "~", "+", "-", "++", "--"):
            is_name = self._next < len(self._tokens) and self._tokens[self._next][0] == "name"
            if operator in ("++", "--") and is_name:
                name = self._tokens[self._next][1]
                self._next += 1
                return _signed(signs, _stepped(name, operator))
            # Two signs that do not belong to a variable are two signs.
            signs += operator if operator in ("++", "--") else [operator]
        return _signed(signs, self._primary())

    def _primary(self) -> Compute:
        if self._accept("("):
            result = self._comma()
            if not self._accept(")"):
                raise self._error()
            return result
        if self._next >= len(self._tokens):
            raise self._error()
        kind, text = self._tokens[self._next]
        self._next += 1
        if kind == "number":
            number = _number(text)
            return lambda _variables, _depth: number
        if kind != "name":
            raise self._error()
        operator = self._accept("++", "--")
        if operator:
            changed = _stepped(text, operator)
            step = 1 if operator == "++" else -1
            return lambda variables, depth: wrapped(changed(variables, depth) - step)
        return lambda variables, depth: _value(text, variables, depth)


_TOO_LARGE = 2**64
"""What 64 bits do not hold counts as 0. Mirrors busybox: shell/math.c, evaluate_string."""


def _number(text: str) -> int:
    base, sign, digits = text.partition("#")
    try:
        if sign:
            return wrapped(int(digits, int(base)))
        if text[:2] in ("0x", "0X"):
            return wrapped(int(text, 16))
        number = int(text, 8 if text[0] == "0" else 10) if len(text) < 100 else _TOO_LARGE
        return wrapped(number) if number < _TOO_LARGE else 0
    except ValueError:
        raise ArithmeticFailed("arithmetic syntax error") from None


def _value(name: str, variables: Variables, depth: int) -> int:
    text = variables.get(name)
    if not text:
        return 0
    if text.isascii() and text.isdecimal() and text[0] != "0":
        return _number(text)
    if depth >= RECURSION_MAX:
        raise ArithmeticFailed("expression recursion loop detected")
    return _compiled(text)(variables, depth + 1)


def _assign(name: str, operator: str, value: Compute) -> Compute:
    if not operator:

        def put(variables: Variables, depth: int) -> int:
            number = value(variables, depth)
            variables.set(name, str(number))
            return number

        return put
    combined = _chain(lambda variables, depth: _value(name, variables, depth), [(operator, value)])
    return _assign(name, "", combined)


def _stepped(name: str, operator: str) -> Compute:
    step = 1 if operator == "++" else -1
    return _assign(name, "+", lambda _variables, _depth: step)


def _signed(signs: list[str], value: Compute) -> Compute:
    if not signs:
        return value
    apply = [_SIGNS[sign] for sign in reversed(signs)]

    def signed(variables: Variables, depth: int) -> int:
        number = value(variables, depth)
        for sign in apply:
            number = sign(number)
        return number

    return signed


_SIGNS: dict[str, Callable[[int], int]] = {
    "!": lambda a: int(not a),
    "~": lambda a: ~a,
    "-": lambda a: wrapped(-a),
    "+": lambda a: a,
}


def _chain(first: Compute, rest: list[tuple[str, Compute]]) -> Compute:
    """Operators of one level, from left to right; a loop, because a sum may have thousands of terms."""
    if not rest:
        return first
    if rest[0][0] in ("&&", "||"):
        operands = [first, *(operand for _, operand in rest)]
        if rest[0][0] == "&&":
            return lambda variables, depth: int(all(operand(variables, depth) for operand in operands))
        return lambda variables, depth: int(any(operand(variables, depth) for operand in operands))
    if len(rest) == 1:
        apply, right = _BINARY[rest[0][0]], rest[0][1]
        return lambda variables, depth: apply(first(variables, depth), right(variables, depth))
    steps = [(_BINARY[operator], operand) for operator, operand in rest]

    def computed(variables: Variables, depth: int) -> int:
        number = first(variables, depth)
        for apply, operand in steps:
            number = apply(number, operand(variables, depth))
        return number

    return computed


def _divided(a: int, b: int) -> int:
    if b == 0:
        raise ArithmeticFailed("divide by zero")
    quotient = abs(a) // abs(b)
    return wrapped(quotient if (a < 0) == (b < 0) else -quotient)


def _powered(a: int, b: int) -> int:
    if b < 0:
        raise ArithmeticFailed("exponent less than 0")
    return wrapped(pow(a, b, 2**64))


_BINARY: dict[str, Callable[[int, int], int]] = {
    "**": _powered,
    "*": lambda a, b: wrapped(a * b),
    "/": _divided,
    "%": lambda a, b: wrapped(a - b * _divided(a, b)),
    "+": lambda a, b: wrapped(a + b),
    "-": lambda a, b: wrapped(a - b),
    # A machine shifts by the lowest six bits of the count.
    "<<": lambda a, b: wrapped(a << (b & 63)),
    ">>": lambda a, b: a >> (b & 63),
    "<": lambda a, b: int(a < b),
    ">": lambda a, b: int(a > b),
    "<=": lambda a, b: int(a <= b),
    ">=": lambda a, b: int(a >= b),
    "==": lambda a, b: int(a == b),
    "!=": lambda a, b: int(a != b),
    "&": lambda a, b: a & b,
    "|": lambda a, b: a | b,
    "^": lambda a, b: a ^ b,
}
