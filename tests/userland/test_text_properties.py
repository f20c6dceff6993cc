"""Applets that work on text, against what Python says, and on text that nobody meant."""

from __future__ import annotations

import base64
import hashlib
import math
import zlib
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


@QUICK
@given(data=st.binary(max_size=300), width=st.integers(0, 80))
def test_base64_is_that_of_the_standard_library(world: World, data: bytes, width: int) -> None:
    world.files.as_root().write("/tmp/data", data)
    encoded = world.run("base64", "-w", str(width), "/tmp/data")
    world.files.as_root().write("/tmp/letters", encoded.out.encode())
    decoded = world.run("base64", "-d", "/tmp/letters")

    assert encoded.out.replace("\n", "") == base64.b64encode(data).decode()
    assert all(len(line) <= (width or 1000) for line in encoded.out.splitlines())
    assert b"".join(decoded.stdout) == data


@QUICK
@given(data=st.binary(max_size=200))
def test_sums_are_those_of_the_standard_library(world: World, data: bytes) -> None:
    world.files.as_root().write("/tmp/data", data)
    said = world.sh("for sum in md5 sha1 sha256 sha512; do ${sum}sum < /tmp/data; done; crc32 < /tmp/data").out.split()

    assert said[:-1:2] == [hashlib.new(name, data).hexdigest() for name in ("md5", "sha1", "sha256", "sha512")]
    assert said[-1] == f"{zlib.crc32(data):08x}"


@pytest.mark.parametrize(
    ("script", "out"),
    [
        ("printf 123456789 | cksum", "930766865 9\n"),
        ("printf 'hello world\\n' | sum", "03762     1 \n"),
        ("printf 'hello world\\n' | sum -s", "1126 1 \n"),
        ("printf a > /tmp/a; cksum /tmp/a", "1220704766 1 /tmp/a\n"),
        ("printf a > /tmp/a; sum /tmp/a /tmp/a", "00097     1 /tmp/a\n00097     1 /tmp/a\n"),
        ("printf '' | cksum", "4294967295 0\n"),
        ("A=1 B=2 printenv A B", "1\n2\n"),
        ("A=1 printenv A nothing || echo none", "1\nnone\n"),
        ("env -i X=1 Y=2 /bin/printenv", "X=1\nY=2\n"),
    ],
)
def test_what_debians_busybox_lacks(world: World, script: str, out: str) -> None:
    assert world.sh(script).out == out


@QUICK
@given(lines=st.lists(st.text(alphabet="abAB01 -", max_size=5), max_size=15))
def test_sort_orders_as_bytes_and_numbers(world: World, lines: list[str]) -> None:
    data = "".join(f"{line}\n" for line in lines).encode()

    assert world.run("sort", stdin=BytesFile(data)).out.splitlines() == sorted(lines)
    assert world.run("sort", "-r", stdin=BytesFile(data)).out.splitlines() == sorted(lines, reverse=True)
    assert world.run("sort", "-u", stdin=BytesFile(data)).out.splitlines() == sorted(set(lines))
    numbers = "".join(f"{len(line)} {line}\n" for line in lines).encode()
    by_number = world.run("sort", "-s", "-k1,1n", stdin=BytesFile(numbers)).out.splitlines()
    assert by_number == [f"{len(line)} {line}" for line in sorted(lines, key=len)]


@QUICK
@given(number=st.integers(min_value=2, max_value=2**64 - 1))
def test_factors_multiply_to_the_number(world: World, number: int) -> None:
    name, *factors = world.run("factor", str(number)).out.split()

    assert name == f"{number}:"
    assert math.prod(map(int, factors)) == number
    assert factors == sorted(factors, key=int)


@QUICK
@given(
    old=st.lists(st.sampled_from(["a", "b", "c", ""]), max_size=12),
    new=st.lists(st.sampled_from(["a", "b", "c", ""]), max_size=12),
    context=st.integers(0, 3),
)
def test_what_diff_prints_makes_one_file_of_the_other(
    world: World, old: list[str], new: list[str], context: int
) -> None:
    files = world.files.as_root()
    files.write("/tmp/old", "".join(f"{line}\n" for line in old).encode())
    files.write("/tmp/new", "".join(f"{line}\n" for line in new).encode())
    command = world.run("diff", f"-U{context}", "/tmp/old", "/tmp/new")

    assert command.code == int(old != new)
    assert patched(old, command.out.splitlines()[2:]) == new


def patched(old: list[str], hunks: list[str]) -> list[str]:
    """The old lines with the hunks of a unified difference carried out."""
    result: list[str] = []
    at = 0
    for line in hunks:
        if line.startswith("@@"):
            first, _, count = line.split()[1][1:].partition(",")
            start = int(first) - (count != "0")
            result += old[at:start]
            at = start
        elif line.startswith("+"):
            result.append(line[1:])
        else:
            assert old[at] == line[1:]
            at += 1
            if line.startswith(" "):
                result.append(line[1:])
    return result + old[at:]
