"""Our shell beside others that read the same text: itself, the real dash, fnmatch, and arithmetic done another way."""

from __future__ import annotations

import fnmatch
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from kubesim.images.tree import file_node
from kubesim.images.tree_builder import build_tree
from kubesim.kernel import Kernel
from kubesim.userland.applets import APPLETS
from kubesim.userland.files.filesystem import FileSystem
from kubesim.userland.processes.process import ROOT, ProcessSpec, ProcessTable
from kubesim.userland.shell.arithmetic import ArithmeticFailed, compute, wrapped
from kubesim.userland.shell.parameter_operators import replaced, section
from kubesim.userland.shell.parser import parse_script
from kubesim.userland.shell.patterns import matches
from kubesim.userland.shell.syntax import ShellSyntaxError
from kubesim.userland.shell.variables import Variables

_TREE = build_tree([(f"/bin/{name}", file_node(mode=0o755, program=f"busybox:{name}")) for name in APPLETS])

values = st.text(st.characters(exclude_characters="\0\n", exclude_categories=["Cs"]), max_size=12).map(
    lambda text: text.strip()
)


def _ours(script: str, *words: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error."""
    kernel = Kernel()
    stdout: list[bytes] = []
    stderr: list[bytes] = []
    spec = ProcessSpec(
        argv=("sh", "-c", script, "sh", *words),
        env=(("PATH", "/bin"),),
        credentials=ROOT,
        stdout=stdout.append,
        stderr=stderr.append,
    )
    process = ProcessTable(kernel).start(FileSystem(_TREE, clock=lambda: kernel.now_ns), spec, hostname="pod")
    kernel.run_until(kernel.now_ns + 10_000_000_000, goal=lambda: process.status is not None, events_max=200_000)
    assert process.status is not None
    return process.status.code, b"".join(stdout).decode(), b"".join(stderr).decode()


# -- what is printed for reading is read back ---------------------------------------------------------------------


@settings(max_examples=60)
@given(values)
@pytest.mark.parametrize(
    "script",
    [
        'v=$1; t=$(set | grep ^v=); v=; eval "$t"; printf "%s" "$v"',
        'export v="$1"; t=$(export -p | grep "export v="); v=; eval "$t"; printf "%s" "$v"',
        'readonly v="$1"; t=$(readonly -p | grep "readonly v="); sh -c "$t; printf %s \\"\\$v\\""',
        'alias v="$1"; t=$(alias v); unalias v; eval "x=${t#v=}"; printf "%s" "$x"',
        'trap -- ": $1" USR1; t=$(trap); t=${t#trap -- }; eval "x=${t% USR1}"; printf "%s" "${x#: }"',
        't=$({ set -x; PS4=; : "$1"; } 2>&1 | tail -n 1); eval "x=${t#: }"; printf "%s" "$x"',
    ],
)
def test_what_the_shell_lists_it_reads_back(script: str, value: str) -> None:
    code, stdout, _ = _ours(script, value)

    assert (code, stdout) == (0, value)


# -- arithmetic ---------------------------------------------------------------------------------------------------

_BINARY = ("+", "-", "*", "/", "%", "<<", ">>", "&", "|", "^", "&&", "||", "<", "<=", ">", ">=", "==", "!=", ",")


def _divided(a: int, b: int) -> int:
    """Towards zero, as C divides; Python goes down."""
    if b == 0:
        raise ZeroDivisionError
    return abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)


def _apply(operator: str, a: int, b: int) -> int:
    plain = {
        "+": a + b, "-": a - b, "*": a * b, "&": a & b, "|": a | b, "^": a ^ b, "<": a < b, "<=": a <= b, ">": a > b,
        ">=": a >= b, "==": a == b, "!=": a != b, "&&": bool(a and b), "||": bool(a or b), ",": b,
        "<<": a << (b % 64), ">>": a >> (b % 64),
    }  # fmt: skip
    if operator in ("/", "%"):
        quotient = _divided(a, b)
        return wrapped(quotient if operator == "/" else a - b * quotient)
    return wrapped(int(plain[operator]))


trees = st.recursive(
    st.integers(0, 2**40).map(lambda number: (str(number), number)),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(_BINARY), inner),
        st.tuples(st.sampled_from(("-", "~", "!", "+")), inner),
        st.tuples(inner, st.just("?"), inner, inner),
    ),
    max_leaves=10,
)


def _written(tree: tuple) -> str:  # type: ignore[type-arg]
    if len(tree) == 2 and isinstance(tree[1], int):
        return tree[0]
    if len(tree) == 2:
        return f"{tree[0]} ({_written(tree[1])})"
    if len(tree) == 4:
        return f"(({_written(tree[0])}) ? ({_written(tree[2])}) : ({_written(tree[3])}))"
    return f"({_written(tree[0])}) {tree[1]} ({_written(tree[2])})"


def _worth(tree: tuple) -> int:  # type: ignore[type-arg]
    if len(tree) == 2 and isinstance(tree[1], int):
        return tree[1]
    if len(tree) == 2:
        a = _worth(tree[1])
        return wrapped({"-": -a, "~": ~a, "!": int(not a), "+": a}[tree[0]])
    if len(tree) == 4:
        return _worth(tree[2]) if _worth(tree[0]) else _worth(tree[3])
    a = _worth(tree[0])
    if tree[1] == "&&" and not a:
        return 0
    if tree[1] == "||" and a:
        return 1
    return _apply(tree[1], a, _worth(tree[2]))


@settings(max_examples=400)
@given(trees)
def test_arithmetic_is_that_of_sixty_four_bits(tree: tuple) -> None:  # type: ignore[type-arg]
    text = _written(tree)
    assume(_depth(text) < 10)
    try:
        expected = _worth(tree)
    except ZeroDivisionError:
        with pytest.raises(ArithmeticFailed, match="divide by zero"):
            compute(text, Variables({}))
    else:
        assert compute(text, Variables({})) == expected


def _depth(text: str) -> int:
    """Parentheses within each other, as far as they count for the limit of nesting."""
    deepest = depth = 0
    for character in text:
        depth += (character == "(") - (character == ")")
        deepest = max(deepest, depth)
    return 2 * deepest


# -- patterns -------------------------------------------------------------------------------------------------------

brackets = st.lists(st.sampled_from(("a", "b", "a-c", "x")), min_size=1, max_size=3).map("".join)
patterns = st.lists(
    st.one_of(
        st.sampled_from(("a", "b", "c", "*", "?")),
        brackets.map(lambda inside: f"[{inside}]"),
        brackets.map(lambda inside: f"[!{inside}]"),
    ),
    max_size=6,
).map("".join)
texts = st.text("abcx-", max_size=7)


@settings(max_examples=500)
@given(patterns, texts)
def test_brackets_match_as_fnmatch_does(pattern: str, text: str) -> None:
    assert matches(pattern, text) == fnmatch.fnmatchcase(text, pattern)


@settings(max_examples=300)
@given(patterns.filter(bool), texts, st.text("XY", max_size=2))
def test_replacing_is_that_of_a_regular_expression(pattern: str, text: str, replacement: str) -> None:
    translated = fnmatch.translate(pattern)
    inner = translated.removeprefix("(?s:").removesuffix(r")\Z")
    # Python's expression is greedy, which is the longest match for patterns without alternatives.
    wanted = re.compile(f"(?s:{inner})")
    found = "".join(
        re.sub(wanted, lambda match: replacement if match[0] else "", text, count=0) if not wanted.match("") else []
    )
    assume(not wanted.match(""))
    assert replaced(text, pattern, replacement, is_everywhere=True) == found


@given(st.text("abcé", max_size=6), st.integers(-8, 8), st.integers(0, 8))
def test_a_section_is_a_slice_of_bytes(text: str, offset: int, count: int) -> None:
    data = text.encode()
    start = offset if offset >= 0 else len(data) + offset
    expected = data[start : start + count] if 0 <= start < len(data) else b""

    assert section(text, f"{offset}:{count}", int).encode(errors="surrogateescape") == expected


# -- the parser -----------------------------------------------------------------------------------------------------

_CORPUS = [
    block.partition("\n---- ")[0]
    for path in sorted((Path(__file__).parent / "corpus").iterdir())
    for block in path.read_text(encoding="utf-8").split("\n====\n")
]


@settings(max_examples=400)
@given(st.data())
def test_scripts_with_a_mistake_are_read_or_refused(data: st.DataObject) -> None:
    script = data.draw(st.sampled_from(_CORPUS))
    start = data.draw(st.integers(0, len(script)))
    end = data.draw(st.integers(start, min(len(script), start + 4)))
    put = data.draw(
        st.sampled_from(("", "'", '"', "`", "$(", "${", "(", ")", "}", "<<E\n", "\\", "\0", "\udc80", ";;"))
    )
    changed = script[:start] + put + script[end:]
    message = "it is a script"
    try:
        parse_script(changed, aliases={"e": "echo ", "a": "if true; then"})
    except ShellSyntaxError as error:
        message = error.message
    assert message


# -- dash -----------------------------------------------------------------------------------------------------------

_words = st.sampled_from(
    ("a", '"$x"', "$x", "'b c'", "$y", '"$@"', "$#", "${x:-d}", "$((1+2))", "${x#a}", "*", "~", '""')
)
_simple = st.lists(_words, max_size=3).map(lambda words: " ".join(["echo", *words]))
_commands = st.one_of(
    _simple,
    st.sampled_from(("true", "false", "x=$y", "y='a  b'", "set -- p q", "(exit 3)", "x=$(echo s)", "shift $#", ":")),
)
_scripts = st.recursive(
    _commands,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from((" && ", " || ", "; ", "\n")), inner).map("".join),
        st.tuples(inner, inner, inner).map(lambda c: f"if {c[0]}; then {c[1]}; else {c[2]}; fi"),
        st.tuples(st.lists(_words, max_size=3), inner).map(lambda p: f"for x in {' '.join(p[0])}; do {p[1]}; done"),
        inner.map(lambda c: f"({c})"),
        inner.map(lambda c: f"{{ {c}; }}"),
        inner.map(lambda c: f'x=$({c}); echo "[$x]$?"'),
        st.tuples(_words, inner).map(lambda p: f"case {p[0]} in a*) {p[1]};; *) echo other;; esac"),
        inner.map(lambda c: f"f() {{ {c}; }}; f r s; echo $?"),
    ),
    max_leaves=8,
)


@pytest.mark.skipif(shutil.which("dash") is None, reason="dash is not on this machine (apt-get install dash)")
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(_scripts)
def test_small_scripts_do_what_they_do_in_dash(script: str) -> None:
    script = f"cd /; set -f; x=ab; y='c  d'; HOME=/root; {script}\necho \"$? [$x] [$y]\""
    code, stdout, _ = _ours(script)
    real = subprocess.run(["dash", "-c", script], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)

    assert (code, stdout) == (real.returncode, real.stdout)


@pytest.mark.parametrize(
    ("script", "output"),
    [
        ("(echo $((case a in a) echo;; esac)))\necho $?", "2\n"),
        ("(x=$((1) + 2)); echo never)\necho $?", "2\n"),
        ("echo $(((1)))", "1\n"),
    ],
)
def test_an_odd_parenthesis_in_arithmetic_is_wrong_when_it_is_computed(script: str, output: str) -> None:
    """As in dash, which reads on to `))`."""
    assert _ours(script)[:2] == (0, output)
