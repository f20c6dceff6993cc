"""Arithmetic and patterns, against slower and more obvious twins."""

from __future__ import annotations

import fnmatch
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kubesim.userland.shell.arithmetic import ArithmeticFailed, compute, wrapped
from kubesim.userland.shell.parameter_operators import trimmed
from kubesim.userland.shell.patterns import escaped, has_wildcards, matches, unescaped
from kubesim.userland.shell.variables import Variables

numbers = st.integers(0, 100)
expressions = st.recursive(
    numbers.map(str),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(("+", "-", "*", "&", "|", "^", "<", ">", "==", "!=", "<=", ">=")), inner).map(
            lambda parts: f"({parts[0]} {parts[1]} {parts[2]})"
        ),
        st.tuples(st.sampled_from(("-", "~", "+")), inner).map(lambda parts: f"{parts[0]} {parts[1]}"),
    ),
    max_leaves=8,
)


@settings(max_examples=300)
@given(expressions)
def test_expressions_of_whole_numbers_are_what_python_says(text: str) -> None:
    assert compute(text, Variables({})) == wrapped(int(eval(text)))  # made of numbers and operators above


@given(st.integers(-(2**63), 2**63 - 1), st.integers(-(2**63), 2**63 - 1))
def test_numbers_wrap_at_64_bits(a: int, b: int) -> None:
    variables = Variables({"a": str(a), "b": str(b)})

    assert compute("a + b", variables) == wrapped(a + b)
    assert compute("a * b", variables) == wrapped(a * b)
    if b:
        quotient, rest = compute("a / b", variables), compute("a % b", variables)
        assert wrapped(quotient * b + rest) == a
        assert abs(rest) < abs(b)


def _computed(text: str) -> tuple[int | None, str | None]:
    """The value of an expression, or what is wrong with it."""
    try:
        return compute(text, Variables({"a": "3", "b": "a+1"})), None
    except ArithmeticFailed as error:
        return None, str(error)


@settings(max_examples=300)
@given(st.text("0123456789abx+-*/%()<>=!&|^~?:, #.", max_size=20))
def test_any_text_is_an_expression_or_an_error(text: str) -> None:
    number, problem = _computed(text)

    assert (problem is None) != (number is None)
    assert number is None or -(2**63) <= number < 2**63


@pytest.mark.parametrize(
    "text", ["(" * 1000, "-" * 1000 + "1", "1" + "+1" * 5000, "a=" * 1000 + "1", "1?" * 500, "!" * 1001 + "0"]
)
def test_long_expressions_are_bounded(text: str) -> None:
    assert _computed(text)[1] in (None, "arithmetic syntax error")


def test_assignments_are_seen_by_the_shell() -> None:
    variables = Variables({})

    assert compute("x = y = 3, x += y * 2, x++ + ++y", variables) == 13
    assert (variables.get("x"), variables.get("y")) == ("10", "4")


patterns = st.text("ab*?[]!-\\", max_size=8)
texts = st.text("ab]-!\\", max_size=6)


@settings(max_examples=500)
@given(patterns.filter(lambda pattern: "\\" not in pattern and "[" not in pattern), texts)
def test_patterns_match_as_fnmatch_does(pattern: str, text: str) -> None:
    assert matches(pattern, text) == (re.fullmatch(fnmatch.translate(pattern), text) is not None)


@given(texts)
def test_an_escaped_text_matches_itself_only(text: str) -> None:
    assert matches(escaped(text), text)
    assert not matches(escaped(text), f"{text}a")
    assert unescaped(escaped(text)) == text
    assert not has_wildcards(escaped(text))


@settings(max_examples=300)
@given(patterns, texts)
def test_trimming_takes_the_shortest_or_the_longest_part(pattern: str, text: str) -> None:
    heads = [cut for cut in range(len(text) + 1) if matches(pattern, text[:cut])]
    tails = [cut for cut in range(len(text) + 1) if matches(pattern, text[cut:])]

    assert trimmed(text, pattern, "#") == (text[heads[0] :] if heads else text)
    assert trimmed(text, pattern, "##") == (text[heads[-1] :] if heads else text)
    assert trimmed(text, pattern, "%") == (text[: tails[-1]] if tails else text)
    assert trimmed(text, pattern, "%%") == (text[: tails[0]] if tails else text)


def test_a_pattern_of_many_stars_takes_bounded_work() -> None:
    assert not matches("*a" * 40 + "b", "a" * 2000)
