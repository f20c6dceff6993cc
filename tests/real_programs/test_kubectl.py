"""kubectl, through a real kube-apiserver and a real kubelet, on pods of this runtime: over WebSocket and over SPDY."""

import os
import signal
import socket
import tempfile
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from .cluster import ControlPlane, Kubectl, pod_of
from .conftest import kubelets, servers, until
from .terminal import OnTerminal, wait_for_size

BUSYBOX = "registry.k8s.io/e2e-test-images/busybox:1.29-2"
NGINX = "registry.k8s.io/e2e-test-images/nginx:1.14-2"
READY_SECONDS = 90
SECONDS_MAX = 60


def binary(variable: str) -> str:
    path = os.environ.get(variable, "")
    if not path:
        pytest.skip(f"{variable} names no binary: the real program is optional")
    return path


@pytest.fixture(scope="module", params=["containerd-2.3", "cri-o-1.36"])
def kubeconfig(request: pytest.FixtureRequest) -> Iterator[Path]:
    """A cluster with two pods that stay: `shell`, where commands run, and `web`."""
    kubectl = binary("KUBESIM_KUBECTL")
    with tempfile.TemporaryDirectory(prefix="ks-") as name:
        folder = Path(name)
        plane = ControlPlane(folder, etcd=binary("KUBESIM_ETCD"), apiserver=binary("KUBESIM_APISERVER"))
        with plane.running(), servers(folder) as serve, kubelets(folder) as start_kubelet:
            tool = Kubectl(kubectl, plane.kubeconfig)

            def is_ready() -> bool:
                return tool.done("get", "--raw", "/readyz").returncode == 0

            assert until(is_ready, seconds=READY_SECONDS), plane.log("apiserver")[-4000:]
            address = serve("--profile", request.param, "--cgroup-driver", "cgroupfs")
            kubelet = start_kubelet(address, {}, driver="cgroupfs", kubeconfig=plane.kubeconfig)

            def is_registered() -> bool:
                return "127.0.0.1" in tool.run("get", "nodes")

            assert until(is_registered, seconds=READY_SECONDS), kubelet.log()[-4000:]
            tool.create(
                pod_of("shell", {"name": "c", "image": BUSYBOX, "command": ["sleep", "1h"]}),
                pod_of("web", {"name": "c", "image": NGINX, "ports": [{"containerPort": 80}]}),
            )
            wait_ready(tool, "shell", "web")
            yield plane.kubeconfig


@pytest.fixture(params=["websocket", "spdy"])
def kubectl(request: pytest.FixtureRequest, kubeconfig: Path) -> Kubectl:
    return Kubectl(binary("KUBESIM_KUBECTL"), kubeconfig, websocket=request.param == "websocket")


@pytest.fixture
def pod_name(request: pytest.FixtureRequest) -> str:
    """A name for a pod of one test."""
    text = "".join(letter if letter.isalnum() else "-" for letter in request.node.name.lower())
    return text[:50].strip("-") + f"-{os.urandom(2).hex()}"


def wait_ready(kubectl: Kubectl, *names: str) -> None:
    pods = [f"pod/{name}" for name in names]
    kubectl.run("wait", "--for=condition=Ready", "--timeout=60s", *pods)


# -- exec ---------------------------------------------------------------------------------------------------


def test_exec_keeps_outputs_apart_and_gives_the_exit_code(kubectl: Kubectl) -> None:
    done = kubectl.done("exec", "shell", "--", "sh", "-c", "echo out; echo err >&2; exit 42")
    assert (done.returncode, done.stdout) == (42, b"out\n")
    assert done.stderr == b"err\ncommand terminated with exit code 42\n"
    assert kubectl.run("exec", "shell", "--", "true") == ""


def test_exec_without_stdin_reads_nothing(kubectl: Kubectl) -> None:
    assert kubectl.run("exec", "shell", "--", "wc", "-c", stdin=b"lost").strip() == "0"


@pytest.mark.parametrize("size", [0, 1, 70_000, 20_000_000])
def test_exec_copies_stdin_to_its_end(kubectl: Kubectl, size: int) -> None:
    data = os.urandom(size)
    done = kubectl.done("exec", "-i", "shell", "--", "cat", stdin=data)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == data


def test_exec_takes_input_as_it_comes(kubectl: Kubectl) -> None:
    script = "while read line; do echo got $line; done"
    with kubectl.started("exec", "-i", "shell", "--", "sh", "-c", script) as done:
        assert done.stdin is not None
        assert done.stdout is not None
        for line in (b"one\n", b"two\n"):
            done.stdin.write(line)
            done.stdin.flush()
            assert done.stdout.readline() == b"got " + line
        done.stdin.close()
        assert done.wait(SECONDS_MAX) == 0


def test_exec_of_a_command_that_is_not_there(kubectl: Kubectl) -> None:
    done = kubectl.done("exec", "shell", "--", "nothing")
    assert done.returncode == 1
    assert b"Internal error occurred: error executing command in container: " in done.stderr
    assert b'"nothing": executable file not found in $PATH' in done.stderr


def test_exec_on_a_terminal_is_a_shell_at_the_keyboard(kubectl: Kubectl) -> None:
    with OnTerminal(
        [*kubectl.command, "exec", "-it", "shell", "--", "sh"], env=kubectl.env, rows=33, columns=111
    ) as shell:
        shell.expect("/ # ")
        shell.type(wait_for_size("33 111"))
        shell.expect("\nsize 33 111\r\n")
        shell.resize(44, 122)
        shell.type(wait_for_size("44 122"))
        shell.expect("\nsize 44 122\r\n")
        shell.type("sleep 1000\r")
        shell.expect("sleep 1000\r\n")
        shell.type("\x03")
        shell.expect("^C")
        shell.type("exit 5\r")
        assert shell.wait() == 5
        assert "command terminated with exit code 5" in shell.screen


def test_a_command_outlives_its_window(kubectl: Kubectl) -> None:
    """A runtime does not hang up: what a client leaves behind runs on, as everyone who lost a connection knows."""
    script = "while true; do echo >> /tmp/alive; sleep 0.1; done & echo ready; wait"
    with OnTerminal([*kubectl.command, "exec", "-it", "shell", "--", "sh", "-c", script], env=kubectl.env) as shell:
        shell.expect("ready")
    kubectl.run("exec", "shell", "--", "sh", "-c", "rm /tmp/alive; until [ -e /tmp/alive ]; do sleep 0.1; done")
    kubectl.run("exec", "shell", "--", "pkill", "-f", "while true; do echo")


def test_exec_in_a_container_that_is_not_there(kubectl: Kubectl) -> None:
    done = kubectl.done("exec", "shell", "-c", "other", "--", "true")
    assert done.returncode == 1
    assert b"container other" in done.stderr


# -- attach -------------------------------------------------------------------------------------------------


def test_attach_feeds_the_process_and_ends_with_it(kubectl: Kubectl, pod_name: str) -> None:
    script = "echo ready; read line; echo got $line; cat; echo over >&2"
    ctr = {"name": "c", "image": BUSYBOX, "stdin": True, "stdinOnce": True, "command": ["sh", "-c", script]}
    kubectl.create(pod_of(pod_name, ctr, restartPolicy="Never"))
    wait_ready(kubectl, pod_name)
    done = kubectl.done("attach", "-i", pod_name, stdin=b"one\ntwo\n")
    assert (done.returncode, done.stdout) == (0, b"got one\ntwo\n")
    assert b"over\n" in done.stderr

    def is_over() -> bool:
        return bool(kubectl.pod(pod_name)["status"]["phase"] == "Succeeded")

    assert until(is_over, seconds=SECONDS_MAX)
    assert kubectl.run("logs", pod_name) == "ready\ngot one\ntwo\nover\n"


def test_attach_on_a_terminal(kubectl: Kubectl, pod_name: str) -> None:
    ctr = {"name": "c", "image": BUSYBOX, "stdin": True, "tty": True, "command": ["sh"]}
    kubectl.create(pod_of(pod_name, ctr, restartPolicy="Never"))
    wait_ready(kubectl, pod_name)
    with OnTerminal([*kubectl.command, "attach", "-it", pod_name], env=kubectl.env, rows=31, columns=99) as shell:
        shell.expect("pressing enter")
        shell.type("\r")
        shell.expect("/ # ")
        shell.type(wait_for_size("31 99"))
        shell.expect("\nsize 31 99\r\n")
        shell.type("exit 3\r")
        shell.wait()

    def code() -> Any:
        state = kubectl.pod(pod_name)["status"]["containerStatuses"][0]["state"]
        return state.get("terminated", {}).get("exitCode")

    assert until(code, seconds=SECONDS_MAX) == 3


def test_several_are_attached_at_once(kubectl: Kubectl, pod_name: str) -> None:
    script = "n=0; while true; do n=$((n+1)); echo line $n; sleep 0.2; done"
    kubectl.create(pod_of(pod_name, {"name": "c", "image": BUSYBOX, "command": ["sh", "-c", script]}))
    wait_ready(kubectl, pod_name)
    with ExitStack() as running:
        clients = [running.enter_context(kubectl.started("attach", pod_name)) for _ in range(3)]
        for client in clients:
            assert client.stdout is not None
            first, second = (int(client.stdout.readline().split()[1]) for _ in range(2))
            assert second == first + 1


# -- logs ---------------------------------------------------------------------------------------------------


def test_logs_of_now_and_of_the_time_before(kubectl: Kubectl, pod_name: str) -> None:
    script = "if [ -e /d/x ]; then echo again; sleep 1000; fi; touch /d/x; echo first; echo last >&2; exit 1"
    volume = {"name": "d", "emptyDir": {}}
    ctr = {"name": "c", "image": BUSYBOX, "command": ["sh", "-c", script]}
    ctr["volumeMounts"] = [{"name": "d", "mountPath": "/d"}]
    kubectl.create(pod_of(pod_name, ctr, volumes=[volume]))
    assert until(lambda: kubectl.done("logs", pod_name).stdout == b"again\n", seconds=SECONDS_MAX)
    assert kubectl.run("logs", "--previous", pod_name) == "first\nlast\n"
    assert kubectl.run("logs", "--previous", "--tail=1", pod_name) == "last\n"
    assert "Z first\n" in kubectl.run("logs", "--previous", "--timestamps", pod_name)


def test_logs_are_followed_to_the_end(kubectl: Kubectl, pod_name: str) -> None:
    script = "for n in 1 2 3 4 5; do echo line $n; sleep 0.3; done"
    ctr = {"name": "c", "image": BUSYBOX, "command": ["sh", "-c", script]}
    kubectl.create(pod_of(pod_name, ctr, restartPolicy="Never"))
    assert until(lambda: kubectl.done("logs", pod_name).returncode == 0, seconds=SECONDS_MAX)
    assert kubectl.run("logs", "-f", pod_name) == "".join(f"line {n}\n" for n in range(1, 6))


# -- cp -----------------------------------------------------------------------------------------------------


def test_cp_there_and_back(kubectl: Kubectl, tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "deep").mkdir(parents=True)
    (source / "deep/data").write_bytes(os.urandom(3_000_000))
    (source / "empty").touch()
    (source / "text").write_text("hello\n")
    folder = f"/tmp/{os.urandom(4).hex()}"
    kubectl.run("exec", "shell", "--", "mkdir", folder)
    kubectl.run("cp", str(source), f"shell:{folder}/there")
    listed = kubectl.run("exec", "shell", "--", "find", f"{folder}/there", "-type", "f").split()
    assert sorted(listed) == [f"{folder}/there/{name}" for name in ("deep/data", "empty", "text")]
    kubectl.run("cp", f"shell:{folder}/there", str(tmp_path / "back"))
    for name in ("deep/data", "empty", "text"):
        assert (tmp_path / "back" / name).read_bytes() == (source / name).read_bytes()


# -- port-forward -------------------------------------------------------------------------------------------


@contextmanager
def forwarded(kubectl: Kubectl, *ports: str) -> Iterator[tuple[int, Callable[[], str]]]:
    """A port-forward to `web`: the port that it took, and what ends it and tells its complaints."""
    with kubectl.started("port-forward", "pod/web", *ports) as client:
        assert client.stdout is not None
        line = client.stdout.readline().decode()
        assert line.startswith("Forwarding from 127.0.0.1:"), line

        def complaints() -> str:
            client.send_signal(signal.SIGINT)
            return client.communicate(timeout=SECONDS_MAX)[1].decode()

        yield int(line.removeprefix("Forwarding from 127.0.0.1:").split()[0]), complaints


def test_port_forward_reaches_a_server(kubectl: Kubectl) -> None:
    with forwarded(kubectl, ":80") as (port, complaints):
        for _ in range(20):
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=SECONDS_MAX) as answer:
                assert b"Welcome to nginx!" in answer.read()
        with socket.create_connection(("127.0.0.1", port)) as one, socket.create_connection(("127.0.0.1", port)) as two:
            for connection in (two, one):
                connection.settimeout(SECONDS_MAX)
                connection.sendall(b"GET / HTTP/1.0\r\nHost: a\r\n\r\n")
                assert connection.makefile("rb").read().startswith(b"HTTP/1.1 200 OK\r\n")
        assert complaints() == ""


def test_port_forward_to_a_port_that_nobody_has(kubectl: Kubectl) -> None:
    with forwarded(kubectl, ":81") as (port, complaints):
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.settimeout(SECONDS_MAX)
            assert connection.recv(1) == b""
        said = complaints()
    assert "error forwarding port 81 to pod" in said
    assert "connection refused" in said
