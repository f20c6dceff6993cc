"""The frame around the subcommands: help, version, exit codes, pipes, progress."""

import argparse
import errno
import io
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import kubesim
from kubesim.cli import entry, main, progress
from kubesim.errors import ExpectationFailed, InputError, SimulationStalled


def test_no_command_prints_the_help_and_is_bad_input(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "COMMAND" in capsys.readouterr().err


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"kubesim {kubesim.__version__}\n"


@pytest.mark.parametrize("command", sorted(entry.COMMANDS))
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([command, "--help"])

    assert caught.value.code == 0
    assert f"usage: kubesim {command}" in capsys.readouterr().out


@pytest.mark.parametrize("command", sorted(entry.COMMANDS))
def test_the_help_of_a_command_loads_neither_grpc_nor_msgspec(command: str) -> None:
    code = (
        "import sys\nfrom kubesim.cli import main\n"
        f"try:\n    main([{command!r}, '--help'])\nexcept SystemExit:\n    pass\n"
        "print([name for name in ('grpc', 'google.protobuf', 'msgspec', 'yaml') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)

    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InputError("what", where="where", hint="hint"), 2),
        (SimulationStalled("what"), 2),
        (ExpectationFailed("what"), 1),
    ],
)
def test_errors_become_one_line_and_an_exit_code(
    error: Exception, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from kubesim.cli import profiles

    def fail(options: object) -> int:
        raise error

    monkeypatch.setattr(profiles, "run", fail)

    assert main(["profiles"]) == code
    assert capsys.readouterr().err == f"kubesim: {error}\n"


def test_an_interrupt_is_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    from kubesim.cli import profiles

    def interrupt(options: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(profiles, "run", interrupt)

    assert main(["profiles"]) == 130


@pytest.mark.parametrize("arguments", [["profiles", "containerd-2.3"], ["--version"], ["images", "ls"]])
def test_a_reader_that_goes_away_is_no_error(arguments: list[str]) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "kubesim", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    errors = process.stderr.read()
    process.stderr.close()

    assert (process.wait(timeout=60), errors) == (0, "")


@pytest.mark.parametrize("arguments", [["profiles", "containerd-2.3"], ["--version"], ["images", "ls", "-o", "json"]])
def test_a_full_disk_is_one_line(arguments: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "kubesim", *arguments], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60,
            check=False,
        )  # fmt: skip

    text = "kubesim: stdout: cannot be written: No space left on device; write to another place\n"
    assert (done.returncode, done.stderr) == (2, text)


def test_an_error_of_another_file_is_not_blamed_on_stdout(monkeypatch: pytest.MonkeyPatch) -> None:
    from kubesim.cli import profiles

    def fail(options: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device", "somewhere")

    monkeypatch.setattr(profiles, "run", fail)

    with pytest.raises(OSError, match="somewhere"):
        main(["profiles"])


class Terminal(io.StringIO):
    """A stderr that is a terminal, and says when it was written to."""

    def __init__(self) -> None:
        super().__init__()
        self.written = threading.Event()

    def isatty(self) -> bool:
        return True

    def flush(self) -> None:
        self.written.set()


def test_progress_is_shown_on_a_terminal_once_it_takes_long(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(progress, "PATIENCE_SECONDS", 0.0)
    with progress.working("working hard"):
        assert terminal.written.wait(timeout=30)

    assert terminal.getvalue() == "\rworking hard ...\r\033[K"


def test_quick_work_shows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(progress, "PATIENCE_SECONDS", 3600.0)
    with progress.working("working hard"):
        pass

    assert terminal.getvalue() == ""


def test_nothing_is_shown_where_no_terminal_is(monkeypatch: pytest.MonkeyPatch) -> None:
    pipe = io.StringIO()
    monkeypatch.setattr(sys, "stderr", pipe)
    monkeypatch.setattr(progress, "PATIENCE_SECONDS", 0.0)
    with progress.working("working hard"):
        pass

    assert pipe.getvalue() == ""


def test_a_message_cannot_move_the_cursor(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def run(_options: argparse.Namespace) -> int:
        raise InputError("it says \x1b[2J\x07\x9b1A\nand \u00e9", where="registry.example")

    monkeypatch.setattr("kubesim.cli.profiles.run", run)
    assert main(["profiles"]) == 2
    assert capsys.readouterr().err == "kubesim: registry.example: it says \\x1b[2J\\x07\\x9b1A\nand \u00e9\n"
