"""A program on a pseudo terminal of the machine, as a person at a keyboard has it."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time  # noqa: TID251 - a real process lives in real time
from collections.abc import Mapping, Sequence
from typing import Self

START = "import os, sys; os.login_tty(0); os.execv(sys.argv[1], sys.argv[1:])"
"""Makes the terminal the controlling one: only then does a new size reach the program as SIGWINCH."""


def wait_for_size(size: str) -> str:
    """What to type into a shell. A window's size is no input: whether it is there before what is typed, nobody says."""
    return f"until [ \"$(stty size)\" = '{size}' ]; do sleep 0.1; done; echo size $(stty size)\r"


SECONDS_MAX = 30
ENOUGH = 65536


class OnTerminal:
    """Runs `command`; `screen` is all that came so far."""

    def __init__(
        self, command: Sequence[str], *, env: Mapping[str, str] | None = None, rows: int = 24, columns: int = 80
    ) -> None:
        self._master, slave = pty.openpty()
        termios.tcsetwinsize(slave, (rows, columns))
        self._process = subprocess.Popen(
            [sys.executable, "-c", START, *command], stdin=slave, env={**os.environ, **(env or {})}
        )
        os.close(slave)
        self.screen = ""

    def type(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def resize(self, rows: int, columns: int) -> None:
        termios.tcsetwinsize(self._master, (rows, columns))

    def interrupt_program(self) -> None:
        """Kill it from outside, as when its window is closed."""
        self._process.send_signal(signal.SIGKILL)

    def expect(self, text: str, *, since: int = 0) -> str:
        """The screen from `since` on, once it has the text there."""
        end = time.monotonic() + SECONDS_MAX
        while text not in self.screen[since:]:
            assert self._read(end - time.monotonic()), f"no {text!r} in {self.screen[since:]!r}"
        return self.screen[since:]

    def wait(self) -> int:
        """The exit code, when it has ended by itself."""
        end = time.monotonic() + SECONDS_MAX
        while self._read(end - time.monotonic()):
            pass
        return self._process.wait(max(0.1, end - time.monotonic()))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait(SECONDS_MAX)
        os.close(self._master)

    def _read(self, seconds: float) -> bool:
        """Whether anything came; false when the program has left the terminal, and when the time is over."""
        if seconds <= 0 or not select.select([self._master], [], [], seconds)[0]:
            return False
        try:
            data = os.read(self._master, ENOUGH)
        except OSError:  # nobody has the other side open any more
            return False
        self.screen += data.decode(errors="replace")
        return bool(data)
