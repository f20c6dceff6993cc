"""crictl exec, attach and port-forward over both transports. No released runtime serves what it wants of WebSocket."""

import json
import os
import signal
import socket
import subprocess
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Timer

import pytest

from .cluster import free_ports
from .terminal import OnTerminal, wait_for_size

BUSYBOX = "registry.k8s.io/e2e-test-images/busybox:1.29-2"
NGINX = "registry.k8s.io/e2e-test-images/nginx:1.14-2"
SECONDS_MAX = 60


class Streams:
    """crictl on one socket with one transport, and a pod."""

    def __init__(self, path: str, address: str, transport: str, folder: Path) -> None:
        # Without a file of its own it looks for others, and says where there is none.
        (folder / "crictl.yaml").write_text("")
        self._crictl = [path, "-c", str(folder / "crictl.yaml"), "-r", address, "-i", address, "-t", "20s"]
        self._transport = transport
        self._folder = folder
        self.is_cri_o = "RuntimeName:  cri-o" in self.run("version")
        pod = {"metadata": {"name": "p", "namespace": "n", "uid": "u"}, "log_directory": str(folder / "logs")}
        (folder / "pod.json").write_text(json.dumps(pod))
        self.pod = self.run("runp", str(folder / "pod.json")).strip()

    def run(self, *arguments: str) -> str:
        done = subprocess.run([*self._crictl, *arguments], capture_output=True, timeout=SECONDS_MAX, check=False)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode()

    def start(self, name: str, image: str = BUSYBOX, **fields: object) -> str:
        """The id of a running container."""
        config = {"metadata": {"name": name}, "image": {"image": image}, "log_path": f"{name}.log", **fields}
        (self._folder / "container.json").write_text(json.dumps(config))
        pod = str(self._folder / "pod.json")
        created = self.run("create", "--with-pull", self.pod, str(self._folder / "container.json"), pod)
        return self.run("start", created.strip()).strip()

    def command(self, subcommand: str, *arguments: str) -> list[str]:
        """The command line of one of the three."""
        return [*self._crictl, subcommand, "--transport", self._transport, *arguments]

    def done(self, subcommand: str, *arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        command = self.command(subcommand, *arguments)
        return subprocess.run(command, input=stdin, capture_output=True, timeout=SECONDS_MAX, check=False)

    @contextmanager
    def started(self, subcommand: str, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
        """One that runs on. It is killed at the end, and when it takes too long."""
        pipe = subprocess.PIPE
        with subprocess.Popen(self.command(subcommand, *arguments), stdin=pipe, stdout=pipe, stderr=pipe) as client:
            patience = Timer(SECONDS_MAX, client.kill)
            patience.start()
            try:
                yield client
            finally:
                patience.cancel()
                client.kill()


def binary() -> str:
    path = os.environ.get("KUBESIM_CRICTL", "")
    if not path:
        pytest.skip("KUBESIM_CRICTL names no binary: the real program is optional")
    return path


@pytest.fixture(params=["containerd-2.3 spdy", "cri-o-1.36 spdy", "ideal spdy", "ideal websocket"])
def crictl(request: pytest.FixtureRequest, serve: Callable[..., str], folder: Path) -> Streams:
    profile, transport = request.param.split()
    return Streams(binary(), serve("--profile", profile), transport, folder)


def test_exec_with_and_without_input(crictl: Streams) -> None:
    ctr = crictl.start("c", command=["sleep", "1h"])
    done = crictl.done("exec", ctr, "sh", "-c", "echo out; echo err >&2; exit 3")
    assert done.stdout == b"out\n"
    assert done.returncode == 1
    assert done.stderr.startswith(b"err\n")
    assert b"command terminated with exit code 3" in done.stderr

    data = os.urandom(5_000_000)
    done = crictl.done("exec", "-i", ctr, "cat", stdin=data)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == data

    done = crictl.done("exec", ctr, "nothing")
    assert done.returncode == 1
    assert b"nothing" in done.stderr
    assert b"executable file not found in" in done.stderr


def test_exec_on_a_terminal(crictl: Streams) -> None:
    ctr = crictl.start("c", command=["sleep", "1h"])
    with OnTerminal(crictl.command("exec", "-it", ctr, "sh"), rows=33, columns=111) as shell:
        shell.expect("/ # ")
        shell.type(wait_for_size("33 111"))
        shell.expect("\nsize 33 111\r\n")
        shell.resize(44, 122)
        shell.type(wait_for_size("44 122"))
        shell.expect("\nsize 44 122\r\n")
        shell.type("exit\r")
        assert shell.wait() == 0


def test_attach_with_input(crictl: Streams) -> None:
    script = "echo ready; read line; echo got $line; cat; echo over >&2"
    ctr = crictl.start("c", stdin=True, stdin_once=True, command=["sh", "-c", script])
    with crictl.started("attach", "-i", ctr) as client:
        stdout, stderr = client.communicate(b"one\ntwo\n", timeout=SECONDS_MAX)
    assert client.returncode == 0, stderr
    assert stdout == b"got one\ntwo\n"
    assert b"over\n" in stderr
    assert json.loads(crictl.run("inspect", ctr))["status"]["state"] == "CONTAINER_EXITED"
    assert crictl.run("logs", ctr) == "ready\ngot one\ntwo\n"


def test_attach_on_a_terminal_and_leave_it(crictl: Streams) -> None:
    ctr = crictl.start("c", stdin=True, tty=True, command=["sh"])
    with OnTerminal(crictl.command("attach", "-it", ctr), rows=31, columns=99) as shell:
        shell.type("\r")
        shell.expect("/ # ")
        shell.type(wait_for_size("31 99"))
        shell.expect("\nsize 31 99\r\n")
        shell.type("\x10\x11")
        if crictl.is_cri_o:
            # With its input ended, a CRI-O goes on with the output of a terminal, and so its client does not come back.
            shell.interrupt_program()
        shell.wait()
    assert json.loads(crictl.run("inspect", ctr))["status"]["state"] == "CONTAINER_RUNNING"


def test_port_forward(crictl: Streams) -> None:
    crictl.start("web", image=NGINX)
    port, other = free_ports(2)
    with crictl.started("port-forward", crictl.pod, f"{port}:80", f"{other}:81") as client:
        assert client.stdout is not None
        assert client.stdout.readline().startswith(b"Forwarding from ")
        for _ in range(3):
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=SECONDS_MAX) as answer:
                assert b"Welcome to nginx!" in answer.read()
        with socket.create_connection(("127.0.0.1", other)) as connection:
            connection.settimeout(SECONDS_MAX)
            assert connection.recv(1) == b""
        client.send_signal(signal.SIGINT)
        _, complaints = client.communicate(timeout=SECONDS_MAX)
    assert b"error forwarding port 81 to pod" in complaints
    assert b"refused" in complaints


@pytest.mark.parametrize("profile", ["containerd-2.3", "cri-o-1.36"])
def test_websocket_is_refused_as_the_runtime_does(serve: Callable[..., str], folder: Path, profile: str) -> None:
    crictl = Streams(binary(), serve("--profile", profile), "websocket", folder)
    ctr = crictl.start("c", command=["sleep", "1h"])
    for done in (
        crictl.done("exec", ctr, "true"),
        crictl.done("attach", ctr),
        crictl.done("port-forward", crictl.pod, "0:80"),
    ):
        assert done.returncode == 1
        assert b"websocket: bad handshake" in done.stderr
