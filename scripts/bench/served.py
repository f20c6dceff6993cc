"""Servers in processes of their own, for the benchmarks: `kubesim serve`, and bare ones to compare it with."""

from __future__ import annotations

import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter, sleep  # noqa: TID251 - a benchmark lives in real time

ROOT = Path(__file__).resolve().parents[2]
SERVICE = "runtime.v1.RuntimeService"
READY_SECONDS = 30.0

BARE = """
import asyncio, sys, grpc, grpc.aio
async def answer(request, context):
    return b""
async def main():
    server = grpc.aio.server()
    handler = grpc.unary_unary_rpc_method_handler(answer)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(sys.argv[2], {"Version": handler}),))
    server.add_insecure_port("unix:" + sys.argv[1])
    await server.start()
    await server.wait_for_termination()
asyncio.run(main())
"""
"""A grpc.aio server with an empty handler: what no server on this library can beat."""


class Server:
    """A process that listens on a unix socket."""

    def __init__(self, command: list[str], path: Path) -> None:
        self.address = f"unix:{path}"
        self._path = path
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=ROOT)

    def wait_until_it_listens(self) -> None:
        """Return as soon as the socket takes a connection."""
        end = perf_counter() + READY_SECONDS
        while True:
            with socket.socket(socket.AF_UNIX) as probe:
                try:
                    probe.connect(str(self._path))
                except OSError:
                    if perf_counter() > end or self._process.poll() is not None:
                        raise
                else:
                    return
            sleep(0.001)

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._process.pid

    def cpu_ns(self) -> int:
        """CPU time of all its threads so far."""
        tasks = Path(f"/proc/{self._process.pid}/task").glob("*/schedstat")
        return sum(int(task.read_text().split()[0]) for task in tasks)

    def stop(self) -> None:
        """End the process."""
        self._process.terminate()
        self._process.wait()


def kubesim(folder: Path, name: str, *arguments: str) -> Server:
    """`kubesim serve`."""
    path = folder / f"{name}.sock"
    return Server([sys.executable, "-m", "kubesim", "serve", "--socket", f"unix://{path}", *arguments], path)


def bare(folder: Path, name: str) -> Server:
    """The bare server."""
    path = folder / f"{name}.sock"
    return Server([sys.executable, "-c", BARE, str(path), SERVICE], path)


@contextmanager
def running(server: Server) -> Iterator[Server]:
    """The server, listening, until the block ends."""
    try:
        server.wait_until_it_listens()
        yield server
    finally:
        server.stop()


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder whose path is short enough for sockets."""
    with tempfile.TemporaryDirectory(prefix="ks-") as name:
        yield Path(name)
