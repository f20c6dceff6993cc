"""`kubesim serve --stream-...`: where streams are served, with which certificate, and what is refused."""

import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from kubesim.cri import api
from kubesim.cri.client import CriClient
from kubesim.kernel import Kernel
from kubesim.server.grpc_client import GrpcCri
from kubesim.server.real_time import run_over_socket
from kubesim.server.streaming.options import StreamTls
from kubesim.server.streaming.tls import server_context

if TYPE_CHECKING:
    Serve = Callable[..., Any]

IMAGE = "docker.io/library/busybox:latest"


def exec_url(address: str) -> str:
    """The URL that Exec answers with for a new container."""

    async def ask(_: Kernel, cri: GrpcCri) -> str:
        client = CriClient(cri)
        image = api.ImageSpec(image=IMAGE)
        await client.pull_image(api.PullImageRequest(image=image))
        pod = api.PodSandboxConfig(metadata=api.PodSandboxMetadata(name="p", uid="u", namespace="n"))
        made = await client.run_pod_sandbox(api.RunPodSandboxRequest(config=pod))
        config = api.ContainerConfig(metadata=api.ContainerMetadata(name="c"), image=image, command=["sleep", "100"])
        created = await client.create_container(
            api.CreateContainerRequest(pod_sandbox_id=made.pod_sandbox_id, config=config, sandbox_config=pod)
        )
        await client.start_container(api.StartContainerRequest(container_id=created.container_id))
        asked = api.ExecRequest(container_id=created.container_id, cmd=["true"], stdout=True)
        return str((await client.exec(asked)).url)

    return run_over_socket(address, ask)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def refused(folder: Path, *arguments: str) -> tuple[int, str]:
    """Exit code and last line of a `serve` that does not start."""
    done = subprocess.run(
        [sys.executable, "-m", "kubesim", "serve", *arguments],
        cwd=folder, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    return done.returncode, done.stderr.strip().rpartition("\n")[2]


def test_streams_are_served_where_they_are_asked_for(serve: "Serve") -> None:
    port = free_port()
    server = serve("--stream-address", f"tcp://127.0.0.1:{port}")
    assert exec_url(server.address).startswith(f"http://127.0.0.1:{port}/exec/")


def test_with_a_certificate_the_urls_are_https(serve: "Serve") -> None:
    server = serve("--stream-tls", "--stream-idle-timeout", "10m")
    assert exec_url(server.address).startswith("https://127.0.0.1:")


def test_a_server_that_is_told_to_stop_cuts_streams(serve: "Serve") -> None:
    server = serve()
    host, _, port = exec_url(server.address).split("/")[2].rpartition(":")
    with socket.create_connection((host, int(port)), 20) as connection:
        connection.sendall(b"POST /exec/")
        assert server.stop() == (0, "")
        try:
            assert connection.recv(1) == b""
        except ConnectionResetError:
            connection.close()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--stream-address", "127.0.0.1:1"], "kubesim: --stream-address: "),
        (["--stream-address", "unix:///tmp/s"], '"unix:///tmp/s" is no TCP address; use tcp://127.0.0.1:PORT'),
        (
            ["--stream-address", "tcp://0.0.0.0:0"],
            "can be reached from other machines; use tcp://127.0.0.1:PORT, or add",
        ),
        (["--stream-idle-timeout", "5"], 'kubesim: --stream-idle-timeout: time: missing unit in duration "5"'),
        (["--stream-idle-timeout", "0s"], '"0s" is no time to wait; expected e.g. "4h"'),
        (["--stream-tls", "one.pem"], "kubesim: --stream-tls: takes no file or two, not 1; name a certificate and its"),
        (["--stream-tls", "a.pem", "b.pem"], "kubesim: a.pem: cannot be read: No such file or directory; name a"),
    ],
)
def test_what_cannot_be_served_is_said_at_the_start(arguments: list[str], message: str, folder: Path) -> None:
    code, text = refused(folder, "--socket", f"unix://{folder}/k.sock", *arguments)

    assert code == 2
    assert message in text
    assert list(folder.iterdir()) == []


def test_files_that_are_no_certificate_are_named(folder: Path) -> None:
    for name in ("a.pem", "b.pem"):
        (folder / name).write_text("nothing like that\n")
    code, text = refused(folder, "--socket", f"unix://{folder}/k.sock", "--stream-tls", "a.pem", "b.pem")

    assert code == 2
    assert "no usable certificate with its key: " in text
    assert "a.pem must hold a certificate and b.pem its key without a password, both in PEM" in text


def test_two_nodes_cannot_share_a_port(folder: Path) -> None:
    nodes = [part for name in "ab" for part in ("--node", f"{name}=unix://{folder}/{name}.sock")]
    code, text = refused(folder, *nodes, "--stream-address", "tcp://127.0.0.1:12345")

    assert code == 2
    assert "2 nodes cannot share the port 12345; use port 0, which gives each node its own" in text


def test_a_taken_port_is_said(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        place = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
        code, text = refused(folder, "--socket", f"unix://{folder}/k.sock", "--stream-address", place)

    assert code == 2
    assert f"--stream-address {place}: cannot listen there: Address already in use; name another port" in text


def test_a_certificate_without_the_package_that_makes_one(monkeypatch: pytest.MonkeyPatch) -> None:
    from kubesim.errors import InputError

    monkeypatch.setitem(sys.modules, "cryptography", None)
    with pytest.raises(InputError, match=r"pip install 'kubesim\[tls\]'"):
        server_context(StreamTls(), "127.0.0.1")
