"""Conversations with `sh` on a terminal, byte for byte.

Each file of `sessions/` is held against our shell, and against Debian's busybox 1.35 where the machine has it. New ones
are recorded from the real one: write a file with the keys only, then

    KUBESIM_RECORD_SESSIONS=1 pytest tests/userland/test_interactive_shell.py -k real
"""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

from .terminal_session import WAIT_SECONDS, EmulatedShell, RealShell, Session, without_banner

SESSIONS = sorted((Path(__file__).parent / "sessions").glob("*.txt"))
ATTEMPTS = 3
"""A machine that is busy may answer keys that come in the middle of something in another order."""
SETTLE_SECONDS = 0.1
IS_RECORDING = os.environ.get("KUBESIM_RECORD_SESSIONS") == "1"


@cache
def real_busybox() -> tuple[str, str]:
    """Debian's busybox 1.35, or "" and why there is none."""
    path = shutil.which("busybox")
    if path is None:
        return "", "no busybox on this machine"
    banner = subprocess.run([path], capture_output=True, text=True, check=False, timeout=20).stdout.partition("\n")[0]
    if "v1.35" not in banner or "Debian" not in banner:
        return "", f"not Debian's busybox 1.35: {banner}"
    return path, ""


@pytest.mark.parametrize("path", SESSIONS, ids=lambda path: path.stem)
def test_our_shell_answers_as_recorded(path: Path) -> None:
    session = Session.read(path)
    shell = EmulatedShell()

    for number, step in enumerate(session.steps):
        assert (number, shell.type(step.keys, step.seconds)) == (number, step.screen)
    assert shell.code == session.code


@pytest.mark.parametrize("path", SESSIONS, ids=lambda path: path.stem)
def test_the_real_shell_answers_as_recorded(path: Path, tmp_path: Path) -> None:
    busybox, why_not = real_busybox()
    if not busybox:
        pytest.skip(why_not)
    session = Session.read(path)
    programs, home = tmp_path / "bin", tmp_path / "home"
    programs.mkdir()
    home.mkdir()
    applets = subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True, timeout=20).stdout
    for name in applets.split():
        (programs / name).symlink_to(busybox)
    for attempt in range(1, ATTEMPTS + 1):
        screens, code = _played(session, RealShell(busybox, home, programs))
        if IS_RECORDING:
            for step, screen in zip(session.steps, screens, strict=True):
                step.screen = screen
            session.code = code
            path.write_text(session.text(), encoding="ascii")
        is_alike = (screens, code) == ([step.screen for step in session.steps], session.code)
        if is_alike or attempt == ATTEMPTS:
            break
    assert screens == [step.screen for step in session.steps]
    assert code == session.code


def _played(session: Session, shell: RealShell) -> tuple[list[bytes], int | None]:
    """What the real one shows after each step, and its exit code."""
    screens = []
    for index, step in enumerate(session.steps):
        wanted = b"" if IS_RECORDING else step.screen
        first = without_banner if not index else bytes
        seconds = step.seconds if IS_RECORDING or step.seconds != WAIT_SECONDS else SETTLE_SECONDS
        screen = shell.type(step.keys, seconds, lambda seen, w=wanted, f=first: len(f(seen)) >= len(w))
        screens.append(first(screen))
    return screens, shell.end()


def test_the_default_prompt_names_the_directory() -> None:
    shell = EmulatedShell(PS1="\\w \\$ ")

    assert shell.type() == b"~/home # \x1b[6n"


def test_a_hang_up_ends_the_shell_and_its_jobs() -> None:
    shell = EmulatedShell()
    shell.type(b"sleep 100\n")
    sleeper = next(process for process in shell.world.table.processes() if process.name == "sleep")
    shell.terminal.hang_up()
    shell.world.advance(1)

    assert sleeper.status is not None
    assert (sleeper.status.signal, shell.process.status is not None) == (1, True)
    assert shell.world.table.processes() == []


def test_the_size_of_the_window_reaches_the_shell() -> None:
    shell = EmulatedShell()
    shell.type()
    shell.terminal.resize(40, 132)

    assert b"40 132\r\n" in shell.type(b"stty size\n")
