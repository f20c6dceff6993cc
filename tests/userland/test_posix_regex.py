"""POSIX regular expressions: what matches, and what is none."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

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
        ("[[:digit:]]+-[a-c]", ["12-b"], ["12-d", "x-b"]),
        ("[]x]", ["]", "x"], ["["]),
        ("[^]x]", ["a"], ["]", "x", ""]),
        (r"[\n]", ["\\", "n"], ["\n"]),
        ("[a-]", ["-", "a"], ["b"]),
        ("a**", ["", "aa"], []),
        ("a)", ["a)"], ["a"]),
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
        ("*a", ["*a"], ["a"]),
        ("^*a", ["*a"], ["a"]),
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
        ("(a", True, "Unmatched ( or \\("),
        (r"\(a", False, "Unmatched ( or \\("),
        (r"a\)", False, "Unmatched ( or \\("),
        ("[a", True, "Unmatched [, [^, [:, [., or [="),
        ("[]", True, "Unmatched [, [^, [:, [., or [="),
        ("[[:nothing:]]", True, "Invalid character class name"),
        ("[[:alpha", True, "Unmatched [, [^, [:, [., or [="),
        ("[[.ab.]]", True, "Invalid collation character"),
        ("[", True, "Invalid regular expression"),
        ("[z-a]", True, "Invalid range end"),
        ("+a", True, "Invalid preceding regular expression"),
        ("*a", True, "Invalid preceding regular expression"),
        ("^*a", True, "Invalid preceding regular expression"),
        ("(?a)", True, "Invalid preceding regular expression"),
        ("{2}", True, "Invalid preceding regular expression"),
        ("a**", False, "Invalid preceding regular expression"),
        ("a{x", True, "Unmatched \\{"),
        (r"a\{2", False, "Unmatched \\{"),
        (r"a\{3,2\}", False, "Invalid content of \\{\\}"),
        ("a{1x}", True, "Invalid content of \\{\\}"),
        ("a{32768}", True, "Regular expression too big"),
        ("a\\", True, "Trailing backslash"),
        (r"a\1", True, "Invalid back reference"),
        (r"(a\1)", True, "Invalid back reference"),
    ],
)
def test_what_is_none_is_refused(pattern: str, is_extended: bool, message: str) -> None:
    with pytest.raises(BadRegex) as refused:
        compile_regex(pattern, is_extended=is_extended)

    assert str(refused.value) == message


@pytest.mark.parametrize(
    ("pattern", "is_extended", "found"),
    [
        ("*a", True, "a"),
        ("+a", True, "a"),
        ("^*a", True, "a"),
        ("(?a)", True, "a"),
        ("{2}b", True, "2}b"),
        ("a{x", True, "a{x"),
        (r"\{2\}b", False, "{2}b"),
    ],
)
def test_grep_leaves_out_what_repeats_nothing(pattern: str, is_extended: bool, found: str) -> None:
    text = "a{x" if "x" in pattern else "{2}b" if "2" in pattern else "a"
    match = compile_regex(pattern, is_extended=is_extended, is_lenient=True).search(text)

    assert match is not None
    assert match[0] == found


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        ("a|ab", "abc", "ab"),
        ("(a|ab)(c|bcd)", "abcd", "abcd"),
        ("(a|ab)(c|bcd)?", "abcd", "abcd"),
        ("a?(ab)?", "ab", "ab"),
        ("x*", "aaa", ""),
        ("(a|b$|bc)+", "abcb", "abcb"),
        ("a$|ab", "abx", "ab"),
    ],
)
def test_the_longest_of_the_leftmost_matches_counts(pattern: str, text: str, found: str) -> None:
    match = compile_regex(pattern, is_extended=True).search(text)

    assert match is not None
    assert match[0] == found


def test_a_search_that_goes_on_forgets_what_was_before() -> None:
    anchored = compile_regex("^a", is_extended=False)
    word = compile_regex(r"\<a", is_extended=False)
    match, offset = word.search_again("aaa", 1)

    assert anchored.search_again("aaa", 1) == (None, 0)
    assert match is not None
    assert match.start() + offset == 1


@pytest.mark.skipif(shutil.which("grep") is None, reason="there is no grep on this machine")
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    pattern=st.lists(
        st.sampled_from(["a", "b", "*", "(", ")", "[ab]", "[^a]", "{2}", "{1,2}", "|", "+", "?", ".", "^", "$"]),
        min_size=1,
        max_size=6,
    ).map("".join)
)
def test_the_same_lines_match_as_with_the_real_grep(pattern: str) -> None:
    try:
        compiled = compile_regex(pattern, is_extended=True)
    except BadRegex:
        assume(False)
    lines = ["", "a", "b", "ab", "ba", "aab", "abab", "a(b)", "a|b", "a+b", "^a", "b$"]
    said = subprocess.run(
        ["grep", "-E", "--", pattern],
        input="\n".join(lines),
        capture_output=True,
        text=True,
        check=False,
        env={"LC_ALL": "C", "PATH": os.environ["PATH"]},
    )
    assume(said.returncode < 2)

    assert said.stdout == "".join(f"{line}\n" for line in lines if compiled.search(line) is not None)
