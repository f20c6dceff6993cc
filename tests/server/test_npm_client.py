"""A SPDY/3.1 client that is not ours, of spdy-transport from npm, on the streams of a served node."""

import base64
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .streamed_node import NGINX, StreamedNode, streamed_node

CLIENT = Path(__file__).with_name("spdy_client") / "client.js"
MODULES = Path(sys.prefix) / "spdy-client" / "node_modules"
"""Where scripts/setup puts them."""

PROTOCOLS = ["v5.channel.k8s.io", "v4.channel.k8s.io", "v3.channel.k8s.io", "v2.channel.k8s.io", "channel.k8s.io"]
SECONDS_MAX = 30


@pytest.fixture(scope="module")
def node() -> Iterator[StreamedNode]:
    if shutil.which("node") is None:
        pytest.skip("there is no node on the PATH")
    if not MODULES.is_dir():
        pytest.skip("spdy-transport is not installed: scripts/setup does it where npm is")
    with tempfile.TemporaryDirectory(prefix="ks-") as name, streamed_node(Path(name), "containerd-2.3") as node:
        yield node


@pytest.fixture(scope="module")
def container(node: StreamedNode) -> str:
    return node.start("sleep", "1h")


def answer_of(**wanted: Any) -> dict[str, Any]:
    """What the client got; bytes are base64, as in the question."""
    done = subprocess.run(
        ["node", str(CLIENT)],
        input=json.dumps(wanted),
        env={**os.environ, "NODE_PATH": str(MODULES)},
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def packed(data: bytes) -> str:
    return base64.b64encode(data).decode()


def unpacked(text: str) -> bytes:
    return base64.b64decode(text)


def test_a_command_gets_input_and_gives_outputs_and_a_status(node: StreamedNode, container: str) -> None:
    url = node.exec_url(container, ["sh", "-c", "cat; echo err >&2; exit 3"], stdin=True, stdout=True, stderr=True)
    answer = answer_of(
        url=url, protocols=PROTOCOLS, streams=["stdin", "stdout", "stderr"], stdin=packed(b"to cat"),
    )  # fmt: skip
    assert answer["protocol"] == "v4.channel.k8s.io"
    assert (unpacked(answer["stdout"]), unpacked(answer["stderr"])) == (b"to cat", b"err\n")
    status = json.loads(unpacked(answer["error"]))
    assert (status["status"], status["reason"]) == ("Failure", "NonZeroExitCode")
    assert status["details"]["causes"] == [{"reason": "ExitCode", "message": "3"}]


@pytest.mark.parametrize("protocol", PROTOCOLS[1:])
def test_success_in_each_version(node: StreamedNode, container: str, protocol: str) -> None:
    answer = answer_of(
        url=node.exec_url(container, ["echo", "hi"], stdout=True), protocols=[protocol], streams=["stdout"]
    )
    assert (answer["protocol"], unpacked(answer["stdout"])) == (protocol, b"hi\n")
    error = unpacked(answer["error"])
    assert json.loads(error)["status"] == "Success" if protocol.startswith("v4") else error == b""


def test_megabytes_go_in_and_come_out(node: StreamedNode, container: str) -> None:
    data = os.urandom(4 << 20)
    url = node.exec_url(container, ["cat"], stdin=True, stdout=True)
    answer = answer_of(url=url, protocols=PROTOCOLS, streams=["stdin", "stdout"], stdin=packed(data))
    assert unpacked(answer["stdout"]) == data


def test_a_terminal_has_the_size_of_the_window(node: StreamedNode, container: str) -> None:
    url = node.exec_url(container, ["sh"], stdin=True, stdout=True, tty=True)
    answer = answer_of(
        url=url,
        protocols=PROTOCOLS,
        streams=["stdin", "stdout", "resize"],
        resize=[{"Width": 101, "Height": 37}],
        stdin=packed(b"stty size; exit\n"),
    )
    assert b"37 101\r\n" in unpacked(answer["stdout"])


def test_several_connections_are_forwarded_at_once(node: StreamedNode) -> None:
    node.start(image=NGINX)
    request = packed(b"GET / HTTP/1.0\r\nHost: a\r\n\r\n")
    connections = [{"port": port, "send": request} for port in (80, 81, 80)]
    answer = answer_of(url=node.forward_url(), connections=connections)
    assert answer["protocol"] == "portforward.k8s.io"
    served, refused, again = answer["connections"]
    assert unpacked(served["data"]).startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"Welcome to nginx!" in unpacked(again["data"])
    assert (unpacked(served["error"]), unpacked(again["error"])) == (b"", b"")
    assert unpacked(refused["data"]) == b""
    assert b"connection refused" in unpacked(refused["error"])
