"""The line discipline, and one terminal with processes on it."""

import pytest

from kubesim.userland.files.fs_error import FsError
from kubesim.userland.files.open_file import SinkFile
from kubesim.userland.files.pipe import Pipe
from kubesim.userland.processes.process import ROOT, ProcessSpec
from kubesim.userland.processes.signals import SIGINT, SIGQUIT, SIGTSTP
from kubesim.userland.terminals.input_line import LINE_BYTES_MAX, READY_BYTES_MAX, InputLine
from kubesim.userland.terminals.settings import Settings
from kubesim.userland.terminals.terminal import Terminal

from .conftest import World
from .terminal_session import EmulatedShell


def line_of(*modes: str) -> InputLine:
    return InputLine(Settings().with_modes(*modes))


def all_of(line: InputLine) -> list[bytes]:
    read = []
    while (data := line.read(100_000)) is not None:
        read.append(data)
    return read


@pytest.mark.parametrize(
    ("modes", "typed", "read", "echo"),
    [
        ((), b"abc\n", [b"abc\n"], b"abc\n"),
        ((), b"abc\r", [b"abc\n"], b"abc\n"),
        (("-icrnl",), b"a\rb\n", [b"a\rb\n"], b"a^Mb\n"),
        (("igncr",), b"a\rb\n", [b"ab\n"], b"ab\n"),
        (("inlcr", "-icanon"), b"a\n", [b"a\r"], b"a^M"),
        ((), b"abc", [], b"abc"),
        ((), b"a\nb\n", [b"a\n", b"b\n"], b"a\nb\n"),
        ((), b"ab\x7fc\n", [b"ac\n"], b"ab\b \bc\n"),
        ((), b"\x7fa\n", [b"a\n"], b"a\n"),
        ((), b"a\x01\x7fb\n", [b"ab\n"], b"a^A\b \b\b \bb\n"),
        ((), "ä\x7fb\n".encode(), [b"b\n"], "ä\b \bb\n".encode()),
        ((), b"ab\x15c\n", [b"c\n"], b"ab\b \b\b \bc\n"),
        (("-echoke",), b"ab\x15c\n", [b"c\n"], b"ab^U\nc\n"),
        ((), b"ab cd \x17e\n", [b"ab e\n"], b"ab cd \b \b\b \b\b \be\n"),
        ((), b"a\x16\x03b\n", [b"a\x03b\n"], b"a^\b^Cb\n"),
        ((), b"ab\x12c\n", [b"abc\n"], b"ab^R\nabc\n"),
        ((), b"ab\x04", [b"ab"], b"ab"),
        ((), b"\x04", [b""], b""),
        ((), b"ab\x04\x04", [b"ab", b""], b"ab"),
        (("-echo",), b"ab\x7f\n", [b"a\n"], b""),
        (("-echo", "echonl"), b"ab\n", [b"ab\n"], b"\n"),
        (("-icanon",), b"a\x7f\x04", [b"a\x7f\x04"], b"a^?^D"),
        (("-icanon", "-echo", "-isig", "-icrnl"), b"a\r\x03", [b"a\r\x03"], b""),
        ((), b"\tx\x1b\n", [b"\tx\x1b\n"], b"\tx^[\n"),
        (("-echoctl",), b"\x01\n", [b"\x01\n"], b"\x01\n"),
    ],
)
def test_what_becomes_of_typed_bytes(modes: tuple[str, ...], typed: bytes, read: list[bytes], echo: bytes) -> None:
    line = line_of(*modes)

    assert line.type(typed) == b""
    assert (all_of(line), bytes(line.echo), line.signals) == (read, echo, [])


@pytest.mark.parametrize(("key", "signal"), [(b"\x03", SIGINT), (b"\x1c", SIGQUIT), (b"\x1a", SIGTSTP)])
def test_signals_forget_what_was_typed_unless_told_not_to(key: bytes, signal: int) -> None:
    forgets, keeps, ignores = line_of(), line_of("noflsh"), line_of("-isig")
    for line in (forgets, keeps, ignores):
        line.type(b"one\ntw" + key + b"o\n")

    assert (all_of(forgets), forgets.signals) == ([b"o\n"], [signal])
    assert (all_of(keeps), keeps.signals) == ([b"one\n", b"two\n"], [signal])
    assert (all_of(ignores), ignores.signals) == ([b"one\n", b"tw" + key + b"o\n"], [])


def test_a_line_is_read_in_parts_and_no_further_than_its_end() -> None:
    line = line_of()
    line.type(b"abcdef\ngh\n")

    assert [line.read(4), line.read(4), line.read(4), line.read(4)] == [b"abcd", b"ef\n", b"gh\n", None]


def test_a_half_typed_line_can_be_read_once_lines_do_not_count() -> None:
    line = line_of()
    line.type(b"half")
    assert line.read(10) is None
    line.change(Settings().with_modes("-icanon"))

    assert line.read(10) == b"half"


def test_a_line_is_bounded_and_so_is_what_waits() -> None:
    line = line_of()
    assert line.type(b"x" * (LINE_BYTES_MAX + 2) + b"\n") == b""
    assert line.read(LINE_BYTES_MAX + 10) == b"x" * LINE_BYTES_MAX + b"\n"
    assert line.echo.count(b"\a") == 2

    raw = line_of("-icanon", "-echo", "-isig", "-icrnl")
    assert raw.type(b"y" * (READY_BYTES_MAX + 5)) == b"y" * 5
    assert raw.type(b"z") == b"z"
    raw.read(10)
    assert raw.type(b"z") == b""


class OnTerminal:
    """A world with one command on a terminal whose screen is a list."""

    def __init__(self, *argv: str) -> None:
        self.world = World()
        self.screen: list[bytes] = []
        self.is_closed = False
        self.terminal = Terminal(SinkFile(self.screen.append, self._closed), rows=24, columns=80)
        spec = ProcessSpec(argv=argv, env=(("PATH", "/bin"),), credentials=ROOT, terminal=self.terminal)
        self.process = self.world.table.start(self.world.files, spec, hostname="a")
        self.world.advance(1)

    def _closed(self) -> None:
        self.is_closed = True

    def text(self) -> str:
        text = b"".join(self.screen).decode()
        self.screen.clear()
        return text

    def names_in_pts(self) -> list[str]:
        return self.world.files.as_root().list_directory("/dev/pts")


def test_output_gets_carriage_returns_unless_told_not_to() -> None:
    there = OnTerminal("sh", "-c", "echo a; stty -onlcr; echo b; stty onlcr -opost; echo c")

    assert there.text() == "a\r\nb\nc\n"


@pytest.mark.parametrize(
    ("script", "shown"),
    [
        ("tty", "/dev/pts/0\r\n"),
        ("echo x > /dev/tty", "x\r\n"),
        ("echo x > /dev/pts/0", "x\r\n"),
        ("echo x > /dev/console", "x\r\n"),
        ("setsid sh -c 'echo x > /dev/tty'; sleep 0.1", "sh: can't create /dev/tty: No such device or address\r\n"),
        ("tty < /dev/null", "not a tty\r\n"),
        ("ls -l /dev/pts/0 | cut -c1-21", "crw--w----    1 root \r\n"),
    ],
)
def test_names_of_the_terminal(script: str, shown: str) -> None:
    assert OnTerminal("sh", "-c", script).text() == shown


def test_a_slow_screen_makes_the_program_wait() -> None:
    world = World()
    pipe = Pipe()
    reader, writer = pipe.ends()
    terminal = Terminal(writer)
    spec = ProcessSpec(argv=("yes",), env=(("PATH", "/bin"),), credentials=ROOT, terminal=terminal)
    world.table.start(world.files, spec, hostname="a")
    world.advance(10)
    taken = 0
    for _ in range(5):
        taken += len(reader.read_now(1_000_000) or b"")
        world.advance(1)

    assert 5 * 60_000 < taken <= 5 * 70_000


def test_a_hang_up_ends_reads_fails_writes_and_tells_the_session() -> None:
    there = OnTerminal("sh", "-c", 'trap "" HUP; read x; echo "code $?" > /log; echo more || echo failed >> /log')
    there.terminal.hang_up()
    there.world.advance(1)

    assert there.world.sh("cat /log").out == "code 1\nfailed\n"
    assert OnTerminal("sleep", "9").process.status is None
    hung_up = OnTerminal("sleep", "9")
    hung_up.terminal.hang_up()
    hung_up.world.advance(0)
    assert hung_up.process.status is not None
    assert hung_up.process.status.signal == 1
    assert hung_up.terminal.type(b"x") == b""
    with pytest.raises(FsError, match="Input/output error"):
        hung_up.terminal.write(b"x")


def test_the_last_one_to_close_it_frees_its_number() -> None:
    there = OnTerminal("sh", "-c", "ls -1 /dev/pts; sleep 5")
    assert there.text() == "0\r\nptmx\r\n"
    there.world.advance(10)

    assert there.is_closed
    assert there.world.sh("ls /dev/pts").out == "ptmx\n"


def test_sizes_are_told_to_the_foreground_only_when_they_change() -> None:
    shell = EmulatedShell("sh", "-c", "trap 'echo W; stty size' WINCH; while :; do sleep 1; done")
    shell.type()
    shell.terminal.resize(24, 80)
    assert shell.type(seconds=3) == b""
    shell.terminal.resize(30, 100)

    assert shell.type(seconds=3) == b"W\r\n30 100\r\n"


def test_signals_reach_the_foreground_group_alone() -> None:
    shell = EmulatedShell()
    shell.type(b"sleep 100 & sleep 200\n")
    shell.type(b"\x03")
    left = [process.argv for process in shell.world.table.processes()]

    assert left == [["sh"], ["sleep", "100"]]
