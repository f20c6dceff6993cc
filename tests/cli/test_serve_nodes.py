"""`kubesim serve` with several nodes, and on TCP: separate worlds in one process, one line each when all answer."""

import contextlib
import json
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kubesim.cri import api
from kubesim.cri.client import CriClient
from kubesim.cri.errors import Code, CriError
from kubesim.kernel import Kernel, sleep
from kubesim.server.grpc_client import GrpcCri
from kubesim.server.real_time import run_over_socket


@pytest.fixture
def start(folder: Path) -> Iterator[Callable[..., tuple[Any, list[str]]]]:
    """Starts `kubesim serve ARGS...`; the process, and the given number of lines it printed."""
    started: list[subprocess.Popen[str]] = []

    def begin(*arguments: str, lines: int) -> tuple[Any, list[str]]:
        command = [sys.executable, "-m", "kubesim", "serve", *arguments]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=folder)
        started.append(process)
        assert process.stdout is not None
        return process, [process.stdout.readline() for _ in range(lines)]

    yield begin
    for process in started:
        process.terminate()
        process.communicate(timeout=20)


def live(address: str, *, pods: int) -> dict[str, Any]:
    """Pull an image, run some pods, and report what the runtime then shows."""

    async def story(kernel: Kernel, cri: GrpcCri) -> dict[str, Any]:
        client = CriClient(cri)
        for number in range(pods):
            metadata = api.PodSandboxMetadata(name=f"p{number}", uid="u", namespace="n")
            await client.run_pod_sandbox(api.RunPodSandboxRequest(config=api.PodSandboxConfig(metadata=metadata)))
        listed = await client.list_pod_sandbox(api.ListPodSandboxRequest())
        info = await client.image_fs_info(api.ImageFsInfoRequest())
        return {"pods": [row.id for row in listed.items], "fs": info.image_filesystems[0].fs_id.mountpoint}

    return run_over_socket(address, story)


def test_nodes_are_separate_worlds(start: Callable[..., Any], folder: Path) -> None:
    (folder / "sub").mkdir()
    places = [f"unix://{folder}/a.sock", f"unix://{folder}/sub/b.sock"]
    process, lines = start(
        "--node", f"a={places[0]}", "--node", f"b={places[1]}", "--node", "c=tcp://127.0.0.1:0",
        "--journal", "calls.jsonl", lines=3,
    )  # fmt: skip

    assert lines[:2] == [
        f"kubesim serves {name} as containerd-2.3 (containerd v2.3.4) on {place}\n"
        for name, place in zip("ab", places, strict=True)
    ]
    port = re.fullmatch(r"kubesim serves c as containerd-2\.3 \(.*\) on (tcp://127\.0\.0\.1:\d+)\n", lines[2])
    assert port is not None
    places.append(port[1])
    shown = [live(place, pods=count) for count, place in enumerate(places)]

    assert [len(node["pods"]) for node in shown] == [0, 1, 2], "nobody sees the pods of another"
    assert len({pod for node in shown for pod in node["pods"]}) == 3, "ids are drawn apart"
    assert [node["fs"] for node in shown] == [str(folder), str(folder / "sub"), str(folder)]
    assert [(folder / name).stat().st_mode & 0o777 for name in ("a.sock", "sub/b.sock")] == [0o660, 0o660]
    process.terminate()
    assert process.communicate(timeout=20) == ("", None)
    assert process.returncode == 0
    calls = [json.loads(line) for line in (folder / "calls.jsonl").read_text().splitlines()]
    runs = [call["node"] for call in calls if call["method"] == "RunPodSandbox"]
    assert runs == ["b", "c", "c"]
    assert sorted(path.name for path in folder.rglob("*")) == ["calls.jsonl", "sub"]


def test_a_journal_of_one_node_without_a_name_names_none(start: Callable[..., Any], folder: Path) -> None:
    process, _ = start("--socket", f"unix://{folder}/k.sock", "--journal", "calls.jsonl", lines=1)
    live(f"unix://{folder}/k.sock", pods=0)
    process.terminate()
    process.communicate(timeout=20)

    assert all("node" not in json.loads(line) for line in (folder / "calls.jsonl").read_text().splitlines())


def test_an_answer_that_cannot_be_written_down_is_refused(start: Callable[..., Any], folder: Path) -> None:
    process, _ = start("--socket", f"unix://{folder}/k.sock", "--journal", "/dev/full", lines=1)

    with pytest.raises(CriError) as refused:
        live(f"unix://{folder}/k.sock", pods=0)
    process.terminate()
    printed, _ = process.communicate(timeout=20)

    assert (refused.value.code, refused.value.message) == (
        Code.UNAVAILABLE,
        "kubesim: /dev/full: the journal cannot be written: No space left on device",
    )
    assert (process.returncode, printed) == (0, "")


def test_a_port_in_use_leaves_no_other_node_behind(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
        done = subprocess.run(
            [sys.executable, "-m", "kubesim", "serve", "--node", f"a={folder}/a.sock", "--node", f"b={address}"],
            capture_output=True, text=True, timeout=60, check=False, cwd=folder,
        )  # fmt: skip

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"kubesim: {address}: cannot listen there: Address already in use; name another port, or 0 for a free one\n"
    )
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--socket", "/k", "--node", "a=/k"], "kubesim serve: argument --node: not allowed with argument --socket"),
        ([], "kubesim serve: one of the arguments --socket --node is required"),
        (["--socket", "tcp://0.0.0.0:0"], "kubesim: --socket: tcp://0.0.0.0:0 can be reached from other machines"),
    ],
)
def test_one_line_says_what_is_wrong(arguments: list[str], text: str, folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "kubesim", "serve", *arguments],
        capture_output=True, text=True, timeout=60, check=False, cwd=folder,
    )  # fmt: skip

    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert done.stderr.startswith(text)


def test_it_may_open_as_many_files_as_the_system_allows(start: Callable[..., Any], folder: Path) -> None:
    process, _ = start("--socket", f"unix://{folder}/k.sock", lines=1)

    (row,) = [line for line in Path(f"/proc/{process.pid}/limits").read_text().splitlines() if "open files" in line]
    soft, hard = row.split()[3:5]
    assert soft == hard


def test_it_stops_in_silence_with_streams_open(start: Callable[..., Any], folder: Path) -> None:
    address = f"unix://{folder}/k.sock"
    process, _ = start("--socket", address, lines=1)

    async def listen_and_stop(kernel: Kernel, cri: GrpcCri) -> None:
        client = CriClient(cri)

        async def listen() -> None:
            with contextlib.suppress(CriError):
                async for _ in client.get_container_events(api.GetEventsRequest()):
                    pass

        for number in range(50):
            kernel.spawn(listen(), name=f"listener {number}")
        metadata = api.PodSandboxMetadata(name="p", uid="u", namespace="n")
        await client.run_pod_sandbox(api.RunPodSandboxRequest(config=api.PodSandboxConfig(metadata=metadata)))
        process.terminate()
        await sleep(2_000_000_000)

    run_over_socket(address, listen_and_stop)
    assert process.communicate(timeout=20) == ("", None)
    assert process.returncode == 0
