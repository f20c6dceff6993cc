"""Conversations with a shell on a terminal, as files: what is typed, and every byte that the screen then gets.

    # what it is about
    > echo hi\\n              keys, typed at once; escapes as in Python's bytes
    wait 1.5                 let so many seconds pass after these keys (0.3 without such a line)
    | echo hi\\r\\n            what the screen gets, a line for each of its lines
    | hi\\r\\n
    | home # \\x1b[6n
    = 0                      exit code; absent when the shell still runs

The files are recorded from Debian's busybox 1.35; see test_interactive_shell.
"""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from kubesim.userland.files.open_file import SinkFile
from kubesim.userland.processes.process import ROOT, Process, ProcessSpec
from kubesim.userland.terminals.terminal import Terminal

from .conftest import World

ROWS, COLUMNS = 24, 80
WAIT_SECONDS = 0.3
ROUND_SECONDS = 0.1
PATIENCE_ROUNDS = 100
"""How often the real one may be silent for so long before it has printed what it has to."""
BUSY_ROUNDS = 20
"""How often it may be silent and still have something to do. A program that never rests is waited for in vain."""
ENVIRONMENT = {"TERM": "xterm", "PS1": "\\W # "}
"""A prompt that is the same whoever runs the tests."""


@dataclass(slots=True)
class Step:
    """Keys, and what they lead to. The first step of a session has no keys."""

    keys: bytes = b""
    seconds: float = WAIT_SECONDS
    screen: bytes = b""


@dataclass(slots=True)
class Session:
    """A whole conversation."""

    comments: list[str] = field(default_factory=list)
    steps: list[Step] = field(default_factory=lambda: [Step()])
    code: int | None = None

    @classmethod
    def read(cls, path: Path) -> Session:
        session = cls()
        for line in path.read_text(encoding="ascii").splitlines():
            kind, _, rest = line.partition(" ")
            match kind:
                case "#":
                    session.comments.append(line)
                case ">":
                    session.steps.append(Step(keys=_unescaped(rest)))
                case "wait":
                    session.steps[-1].seconds = float(rest)
                case "|":
                    session.steps[-1].screen += _unescaped(rest)
                case "=":
                    session.code = int(rest)
                case _:
                    raise ValueError(f"{path}: {line!r} begins with none of: # > wait | =")
        return session

    def text(self) -> str:
        """The session as its file has it."""
        return "".join(f"{line}\n" for line in self._lines())

    def _lines(self) -> Iterator[str]:
        yield from self.comments
        for index, step in enumerate(self.steps):
            if index:
                yield f"> {_escaped(step.keys)}"
            if step.seconds != WAIT_SECONDS:
                yield f"wait {step.seconds:g}"
            for line in _lines(step.screen):
                yield f"| {_escaped(line)}"
        if self.code is not None:
            yield f"= {self.code}"


def _lines(screen: bytes) -> list[bytes]:
    *whole, rest = screen.split(b"\n")
    return [line + b"\n" for line in whole] + ([rest] if rest else [])


def _escaped(data: bytes) -> str:
    return data.decode("latin-1").encode("unicode_escape").decode("ascii")


def _unescaped(text: str) -> bytes:
    return text.encode("ascii").decode("unicode_escape").encode("latin-1")


class EmulatedShell:
    """A shell of ours on a terminal of ours."""

    def __init__(self, *argv: str, rows: int = ROWS, columns: int = COLUMNS, **env: str) -> None:
        self.world = World()
        self._output: list[bytes] = []
        self.terminal = Terminal(SinkFile(self._output.append), rows=rows, columns=columns)
        self.world.files.make_directories("/root/home")
        spec = ProcessSpec(
            argv=argv or ("sh",),
            env=tuple({"PATH": "/bin", "HOME": "/root/home", **ENVIRONMENT, **env}.items()),
            cwd="/root/home",
            credentials=ROOT,
            terminal=self.terminal,
        )
        self.process: Process = self.world.table.start(self.world.files, spec, hostname="a")

    def type(self, keys: bytes = b"", seconds: float = WAIT_SECONDS) -> bytes:
        """Type, let time pass, and give what the screen got."""
        assert self.terminal.type(keys) == b""
        self.world.advance(seconds)
        screen = b"".join(self._output)
        self._output.clear()
        return screen

    @property
    def code(self) -> int | None:
        """Exit code; None while it runs."""
        return None if self.process.status is None else self.process.status.code


class RealShell:
    """Debian's busybox on a pseudo terminal of the machine."""

    def __init__(self, busybox: str, home: Path, programs: Path) -> None:
        self._master, slave = pty.openpty()
        termios.tcsetwinsize(slave, (ROWS, COLUMNS))
        env = {"PATH": str(programs), "HOME": str(home), **ENVIRONMENT}
        start = f"import os; os.login_tty(0); os.execve({busybox!r}, ['sh'], {env!r})"
        self._process = subprocess.Popen([sys.executable, "-c", start], stdin=slave, cwd=home)
        os.close(slave)
        self._is_over = False

    def type(self, keys: bytes, seconds: float, is_enough: Callable[[bytes], bool]) -> bytes:
        """Type, wait until the screen shows enough and all is at rest, and a moment more; what the screen got."""
        if keys:
            os.write(self._master, keys)
        screen = b""
        quiet_rounds = 0
        while not is_enough(screen) and quiet_rounds < PATIENCE_ROUNDS and not self._is_over:
            data = self._read(ROUND_SECONDS)
            screen += data
            quiet_rounds += not data
        for _ in range(BUSY_ROUNDS):
            while (data := self._read(seconds)) and not self._is_over:
                screen += data
            if self._is_over or self._is_at_rest():
                break
        return screen

    def _is_at_rest(self) -> bool:
        """Whether all of its processes sleep: one that has begun and does not run yet would miss the next keys."""
        states = set()
        for file in Path("/proc").glob("[0-9]*/stat"):
            try:
                state, _, _, session = file.read_text().rpartition(") ")[2].split()[:4]
            except OSError:
                continue  # it has ended meanwhile
            if int(session) == self._process.pid:
                states.add(state)
        return states <= {"S", "T", "Z"}

    def _read(self, seconds: float) -> bytes:
        if not select.select([self._master], [], [], seconds)[0]:
            return b""
        try:
            data = os.read(self._master, 65536)
        except OSError:
            data = b""
        self._is_over = not data
        return data

    def end(self) -> int | None:
        """Hang up; the exit code, None when it still ran."""
        try:
            return self._process.wait(WAIT_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(PATIENCE_ROUNDS * ROUND_SECONDS)
            return None
        finally:
            os.close(self._master)


def without_banner(screen: bytes) -> bytes:
    """What a shell says first, without the banner of a busybox that was built to have one."""
    _, banner, rest = screen.partition(b"list of built-in commands.\r\n\r\n")
    return rest if banner else screen
