"""POSIX regular expressions: what matches, and what is none."""

from __future__ import annotations

import pytest

from kubesim.userland.posix_regex import BadRegex, compile_regex


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        ("a+b", ["aab"], ["a+b", "b"]),
        (r"a\+b", ["a+b"], ["aab"]),
        ("(ab|cd)e", ["abe", "xcdey"], ["ab"]),
        ("^ab$", ["ab"], ["xab", "abx"]),
        ("a{2}", ["aa"], ["a"]),
        ("a{2,}b", ["aaab"], ["ab"]),
        ("a{,2}b", ["b", "aab"], []),
        ("a{x", ["a{x"], ["a"]),
        ("[[:digit:]]+-[a-c]", ["12-b"], ["12-d", "x-b"]),
        ("[]x]", ["]", "x"], ["["]),
        ("[^]x]", ["a"], ["]", "x", ""]),
        (r"[\n]", ["\\", "n"], ["\n"]),
        ("[a-]", ["-", "a"], ["b"]),
        ("*a", ["*a"], ["a"]),
        ("^*a", ["*a"], ["a"]),
        ("a**", ["", "aa"], []),
        ("^a+?$", ["", "a", "aa"], ["ab"]),
        ("^(a*)+$", ["", "aa"], ["b"]),
        (r"\<cat\>", ["a cat"], ["concatenate"]),
        (r"(.)\1", ["xx"], ["xy"]),
        ("a.c", ["abc", "a.c"], ["ac"]),
        ("", ["", "anything"], []),
    ],
)
def test_extended(pattern: str, yes: list[str], no: list[str]) -> None:
    compiled = compile_regex(pattern, is_extended=True)
    assert [line for line in yes if compiled.search(line) is None] == []
    assert [line for line in no if compiled.search(line) is not None] == []


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        ("a+b", ["a+b"], ["aab"]),
        (r"a\+b", ["aab"], ["a+b"]),
        ("(a)", ["(a)"], ["a"]),
        (r"\(ab\)\{2\}", ["abab"], ["ab"]),
        (r"a\|b", ["a", "b"], ["|"]),
        ("a{2}", ["a{2}"], ["aa"]),
        ("x^y$z", ["x^y$z"], ["xyz"]),
        (r"\(^a\)", ["ab"], ["ba"]),
        (r"\(a$\)", ["ba"], ["ab"]),
        ("^$", [""], ["a"]),
        (r"\*", ["*"], ["a"]),
        (r"\.", ["."], ["a"]),
    ],
)
def test_basic(pattern: str, yes: list[str], no: list[str]) -> None:
    compiled = compile_regex(pattern, is_extended=False)
    assert [line for line in yes if compiled.search(line) is None] == []
    assert [line for line in no if compiled.search(line) is not None] == []


def test_case_is_ignored_on_request() -> None:
    assert compile_regex("AB", is_extended=False, ignore_case=True).search("xaby")
    assert not compile_regex("AB", is_extended=False).search("xaby")


@pytest.mark.parametrize(
    ("pattern", "is_extended", "message"),
    [
        ("(a", True, "Missing ')'"),
        ("a)", True, "Missing ')'"),
        (r"\(a", False, "Missing ')'"),
        ("[a", True, "Missing ']'"),
        ("[]", True, "Missing ']'"),
        ("[[:nothing:]]", True, "Unknown character class name"),
        ("[[:alpha", True, "Unknown character class name"),
        ("[z-a]", True, "Invalid character range"),
        ("+a", True, "Repetition not preceded by valid expression"),
        ("(?a)", True, "Repetition not preceded by valid expression"),
        (r"a\{2", False, "Invalid contents of {}"),
        (r"a\{3,2\}", False, "Invalid contents of {}"),
        ("a{256}", True, "Invalid contents of {}"),
        ("a\\", True, "Trailing backslash"),
        (r"a\1", True, "Invalid regexp"),
    ],
)
def test_what_is_none_is_refused(pattern: str, is_extended: bool, message: str) -> None:
    with pytest.raises(BadRegex, match="^" + message.replace("(", r"\(").replace(")", r"\)").replace("]", r"\]") + "$"):
        compile_regex(pattern, is_extended=is_extended)
