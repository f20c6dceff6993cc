"""A served runtime on a socket with a short path."""

import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True, kw_only=True)
class Server:
    """A running `kubesim serve`; `greeting` is what it printed first."""

    process: subprocess.Popen[str]
    address: str
    greeting: str

    def stop(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
        """Send a signal; the exit code and what was printed since."""
        self.process.send_signal(number)
        stdout, _ = self.process.communicate(timeout=20)
        return self.process.returncode, stdout


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder whose path is short enough for sockets."""
    with tempfile.TemporaryDirectory(prefix="ks-") as name:
        yield Path(name)


@pytest.fixture
def serve(folder: Path) -> Iterator[Callable[..., Server]]:
    """Starts `kubesim serve ARGS...` on the socket k.sock in `folder`."""
    started: list[Server] = []

    def start(*arguments: str) -> Server:
        address = f"unix://{folder}/k.sock"
        command = [sys.executable, "-m", "kubesim", "serve", "--socket", address, *arguments]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=folder)
        assert process.stdout is not None
        started.append(Server(process=process, address=address, greeting=process.stdout.readline()))
        return started[-1]

    yield start
    for server in started:
        if server.process.poll() is None:
            server.stop()
        assert server.process.stdout is not None
        server.process.stdout.close()
