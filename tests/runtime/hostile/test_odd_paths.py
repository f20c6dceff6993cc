"""Odd paths against a real disk: what the disk refuses becomes a refusal of the runtime."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kubesim.cri import Code, CriError, api
from kubesim.userland.files.host_files import RealHostFiles

PATHS = [
    "", ".", "//", "plain", "ü", "line\nbreak", "\x1b[2J", "a/./b", "nul\0byte", "x" * 256, "é" * 130, "d/" * 2_500,
    "file/x", "fifo", "fifo/x", "loop", "loop/x", "dangling", "dangling/x",
]  # fmt: skip


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A folder with a file, a pipe without a reader, a link to itself and one to nowhere."""
    (tmp_path / "file").touch()
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "dangling").symlink_to(tmp_path / "none")
    yield tmp_path
    # Thousands of folders deep: pytest, which removes old ones at the end of some later run, recurses and gives up.
    subprocess.run(["rm", "-rf", *tmp_path.iterdir()], check=True)


def live(node: Any, pod_config: api.PodSandboxConfig, config: api.ContainerConfig) -> CriError | None:
    """A container from its creation to its removal; the refusal, if there is one."""
    try:
        pod = node.run_pod(pod_config)
        container = node.create(pod, config, pod_config)
        node.do(node.starting(container))
        node.advance(1)
        node.do(node.cri.reopen_container_log(api.ReopenContainerLogRequest(container_id=container)))
    except CriError as error:
        return error
    finally:
        for row in node.pods():
            node.remove_pod(row.id)
        assert node.pods() == node.containers() == []
    return None


@pytest.mark.parametrize("profile", ["containerd-2.3", "cri-o-1.36"])
@pytest.mark.parametrize("path", PATHS, ids=lambda path: ascii(path)[:20])
def test_odd_paths_are_taken_or_refused(path: str, profile: str, disk: Path, new_node: Callable[..., Any]) -> None:
    node = new_node(profile, host_files=RealHostFiles())
    script = ("sh", "-c", "ls /m; echo x > /m/f; sleep 100")
    mounts = [api.Mount(host_path=f"{disk}/{path}", container_path="/m")]
    plain = node.pod_config(log_directory=str(disk / "logs"))
    refusals = [
        live(node, plain, node.container_config(*script, log_path="a.log", mounts=mounts)),
        live(node, plain, node.container_config(*script, log_path=path)),
        live(node, node.pod_config(log_directory=f"{disk}/{path}"), node.container_config(*script, log_path="a.log")),
    ]
    for refusal in refusals:
        assert refusal is None or refusal.code in (Code.UNKNOWN, Code.INVALID_ARGUMENT), refusal
    if path in ("plain", "ü", "a/./b"):
        assert refusals == [None] * 3
    if "\0" in path or len(path) > 2_000:
        assert None not in refusals
