"""Applets that work on text, against what Python says, and on text that nobody meant."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kubesim.userland.processes.process import BytesFile

if TYPE_CHECKING:
    from conftest import World

WORDS = st.lists(st.text(alphabet="abc", min_size=1, max_size=4), min_size=1, max_size=20)
QUICK = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
LINES = st.lists(st.text(alphabet="ab \t:0", max_size=6), max_size=12).map(
    lambda lines: "".join(f"{line}\n" for line in lines)
)


@QUICK
@given(
    script=st.text(alphabet="s/a\\()*[]^$,;{}!0123+pdDnNhHgGxyaicrwbtT:q=l#\n &I", max_size=16),
    text=LINES,
    flag=st.sampled_from(["-e", "-ne", "-Ee"]),
)
def test_sed_ends_whatever_its_script_is(world: World, script: str, text: str, flag: str) -> None:
    command = world.start("sed", flag, script, stdin=BytesFile(text.encode()), cwd="/tmp")
    world.advance(1)  # a script may well go round for ever

    assert command.code in (None, 0, 1)
    assert "Traceback" not in command.err


@QUICK
@given(text=LINES, words=st.lists(st.text(alphabet="ab.*[]^$\\|+?(){}1,", max_size=5), min_size=1, max_size=3))
def test_expr_and_grep_end_whatever_they_are_asked(world: World, text: str, words: list[str]) -> None:
    searched = world.run("grep", "-E", "--", words[0], stdin=BytesFile(text.encode()))
    calculated = world.run("expr", *words)

    assert searched.code in (0, 1, 2)
    assert calculated.code in (0, 1, 2)


@QUICK
@given(
    text=st.text(alphabet="abcxyz\n", max_size=30),
    old=st.text(alphabet="abc", min_size=1, max_size=3),
    new=st.text(alphabet="xyz", min_size=1, max_size=3),
)
def test_tr_replaces_as_a_table_does(world: World, text: str, old: str, new: str) -> None:
    table = {ord(char): new[min(at, len(new) - 1)] for at, char in enumerate(old)}
    replaced = world.run("tr", old, new, stdin=BytesFile(text.encode()))
    deleted = world.run("tr", "-d", old, stdin=BytesFile(text.encode()))

    assert replaced.out == text.translate(table)
    assert deleted.out == "".join(char for char in text if char not in old)


@QUICK
@given(text=LINES, field=st.integers(min_value=1, max_value=4))
def test_cut_takes_the_field_that_split_finds(world: World, text: str, field: int) -> None:
    expected = "".join(
        f"{line if ':' not in line else ([*line.split(':'), '', '', '', ''][field - 1])}\n"
        for line in text.splitlines()
    )

    assert world.run("cut", "-d:", f"-f{field}", stdin=BytesFile(text.encode())).out == expected


@QUICK
@given(words=WORDS, count=st.integers(1, 5))
def test_xargs_passes_every_word_once(world: World, words: list[str], count: int) -> None:
    command = world.run("xargs", "-n", str(count), stdin=BytesFile(" ".join(words).encode()))

    assert command.out.split() == words
    assert len(command.out.splitlines()) == -(-len(words) // count)


@pytest.mark.parametrize("argv", [["sed", "p"], ["grep", "-v", "x"], ["tee"], ["cut", "-c1-5"], ["tr", "a", "b"]])
def test_what_streams_never_waits_for_the_end(world: World, argv: list[str]) -> None:
    command = world.sh(f"while :; do echo line; done | {' '.join(argv)} | head -n 1")

    assert command.out.endswith("\n")
    assert command.code == 0
