"""Whatever the text, the shell reads it or says why not; and what it quotes it reads back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kubesim.images.tree import file_node
from kubesim.images.tree_builder import build_tree
from kubesim.kernel import Kernel
from kubesim.userland.applets import APPLETS
from kubesim.userland.files.filesystem import FileSystem
from kubesim.userland.processes.process import ROOT, ProcessSpec, ProcessTable
from kubesim.userland.shell.parser import Parser, parse_script
from kubesim.userland.shell.quoting import traced
from kubesim.userland.shell.syntax import ShellSyntaxError, Simple

if TYPE_CHECKING:
    from conftest import World

_IMAGE = build_tree(
    [
        *((f"/bin/{name}", file_node(mode=0o755, program=f"busybox:{name}")) for name in APPLETS),
        ("/etc/passwd", file_node(b"root:x:0:0::/root:\n")),
    ]
)

PIECES = (
    *("if", "then", "else", "elif", "fi", "while", "until", "do", "done", "for", "in", "case", "esac", "{", "}", "!"),
    *("(", ")", "((", "))", "$(", "$((", "${", "`", "'", '"', "\\", "$", "#", "\n", ";", ";;", "&", "&&", "|", "||"),
    *("<", ">", ">>", "<<", "<<-", "<&", ">|", "2>", "=", "x=", "x", "y z", "1", "*", "?", "[a", "]", "~", " ", "\t"),
    *("EOF", "EOF\n", "f()", "a|b", "$x", "$@", '"$@"', "${x:-", "${x#", "#}", "echo", "exit", "true", "$?", "é", "\0"),
)

scripts = st.one_of(st.text(max_size=60), st.lists(st.sampled_from(PIECES), max_size=24).map("".join))


def _problem(text: str) -> ShellSyntaxError | None:
    """What is wrong with a script."""
    try:
        parse_script(text)
    except ShellSyntaxError as error:
        return error
    return None


@settings(max_examples=400)
@given(scripts)
def test_any_text_is_a_script_or_a_syntax_error(text: str) -> None:
    problem = _problem(text)

    assert problem is None or (problem.message and "\n" not in problem.message)


@settings(max_examples=200)
@given(scripts)
def test_what_is_incomplete_can_be_completed_or_says_no_more(text: str) -> None:
    """A text that is refused for good stays refused, whatever comes after it."""
    problem = _problem(text)

    if problem is not None and not problem.is_incomplete:
        assert _problem(f"{text}\n:") is not None


@pytest.mark.parametrize("opening", ["(", "{ ", "$(", '"$(', "${x:-", "$((", "if ", "while ", "case x in x) ", "! ("])
@pytest.mark.parametrize("count", [5, 100, 20_000])
def test_nesting_is_bounded(opening: str, count: int) -> None:
    with pytest.raises(ShellSyntaxError):
        parse_script(opening * count)


@pytest.mark.parametrize(
    "text",
    ["a " * 50_000, "a;" * 50_000, "''" * 50_000, "\\a" * 50_000, '"$x"' * 20_000, "a|" * 20_000 + "a", "#\n" * 50_000],
)
def test_long_scripts_are_read_in_bounded_work(text: str) -> None:
    assert parse_script(text) is not None


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30))
def test_what_is_quoted_reads_back(word: str) -> None:
    command = Parser(f"echo {traced(word) or repr('')}").next_command()

    assert isinstance(command, Simple)
    assert command.plain_words == ("echo", word)


@settings(max_examples=150)
@given(
    st.lists(
        st.sampled_from(
            [piece for piece in PIECES if piece not in ("\0", "exit")]
            + ["; ", "echo a; ", "x=$y ", "true && ", "wait "]
        ),
        max_size=14,
    ).map("".join)
)
def test_whatever_runs_ends_or_waits_and_leaves_nothing(text: str) -> None:
    kernel = Kernel()
    table = ProcessTable(kernel)
    spec = ProcessSpec(
        argv=("sh", "-c", text),
        env=(("PATH", "/bin"),),
        credentials=ROOT,
        is_init=True,
        stdout=lambda data: None,
        stderr=lambda data: None,
    )
    files = FileSystem(_IMAGE, clock=lambda: kernel.now_ns)
    process = table.start(files, spec, hostname="pod")
    kernel.run_until(kernel.now_ns + 10_000_000_000, events_max=100_000)
    process.kill_tree()
    kernel.run_until(kernel.now_ns)

    assert process.status is not None
    assert table.processes() == []
    assert table.cgroup.memory_bytes == 0


def test_a_syntax_error_is_found_when_it_is_reached(world: World) -> None:
    command = world.sh("echo one\necho two; fi\necho three")

    assert (command.out, command.err, command.code) == ("one\n", 'sh: syntax error: unexpected "fi"\n', 2)
