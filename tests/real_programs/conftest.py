"""Real clients against `kubesim serve`. Their binaries are not ours to ship: name them to run these tests.

KUBESIM_CRICTL=/path/to/crictl KUBESIM_CRITEST=/path/to/critest KUBESIM_KUBELET=/path/to/kubelet \\
    pytest tests/real_programs
"""

import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder whose path is short enough for sockets."""
    with tempfile.TemporaryDirectory(prefix="ks-") as name:
        yield Path(name)


@pytest.fixture
def serve(folder: Path) -> Iterator[Callable[..., str]]:
    """Starts `kubesim serve ARGS...` on a socket; gives its address."""
    servers: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> str:
        address = f"unix://{folder / f'{len(servers)}.sock'}"
        server = subprocess.Popen(
            [sys.executable, "-m", "kubesim", "serve", "--socket", address, *arguments],
            stdout=subprocess.PIPE,
            text=True,
        )
        servers.append(server)
        assert server.stdout is not None
        assert "kubesim serves" in server.stdout.readline()
        return address

    yield start
    for server in servers:
        server.send_signal(signal.SIGTERM)
        assert server.wait(timeout=20) == 0
        assert server.stdout is not None
        server.stdout.close()
