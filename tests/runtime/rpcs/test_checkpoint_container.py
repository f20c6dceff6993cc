"""CheckpointContainer."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kubesim.cri import Code, api
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.files.host_files import MemoryHostFiles, RealHostFiles

BUSYBOX = "registry.example/busybox:1"


# -- taking one -------------------------------------------------------------------------------------------


def test_the_archive_has_the_layout_of_a_real_one(checkpoints: Any, node: Any) -> None:
    pod_config = node.pod_config(log_directory="/logs")
    pod = node.run_pod(pod_config)
    ctr = checkpoints.running(node, "echo hello; rm /etc/group", pod=pod, log_path="0.log", pod_config=pod_config)

    node.do(checkpoints.taking(node, ctr))

    found = checkpoints.members(node)
    assert set(found) == {
        "config.dump",
        "spec.dump",
        "status.dump",
        "container.log",
        "rootfs-diff.tar",
        "checkpoint/kubesim.json",
    }
    assert node.files.stat(checkpoints.place).mode == 0o600
    config = json.loads(found["config.dump"])
    assert config["id"] == ctr
    assert config["rootfsImageName"] == BUSYBOX
    assert config["rootfsImageRef"] == node.status(ctr).image_ref
    assert config["restored"] is False
    assert json.loads(found["status.dump"])["state"] == api.CONTAINER_RUNNING
    assert json.loads(found["spec.dump"])["process"]["args"][:2] == ["sh", "-c"]
    assert found["container.log"].endswith(b" stdout F hello\n")
    with tarfile.open(fileobj=io.BytesIO(found["rootfs-diff.tar"])) as layer:
        assert "etc/.wh.group" in layer.getnames()


def test_the_container_runs_on_and_no_time_passes(checkpoints: Any, node: Any) -> None:
    ctr = checkpoints.running(node)
    before, now_ns = node.status(ctr), node.kernel.now_ns

    node.do(checkpoints.taking(node, ctr))

    assert node.status(ctr) == before
    assert node.kernel.now_ns == now_ns
    assert checkpoints.out(node, ctr, "echo alive") == "alive\n"


def test_the_same_state_gives_the_same_bytes(checkpoints: Any, node: Any) -> None:
    ctr = checkpoints.running(node, "echo a > /b; mkdir -p /c/d")

    node.do(checkpoints.taking(node, ctr, "/checkpoints/1.tar"))
    node.do(checkpoints.taking(node, ctr, "/checkpoints/2.tar"))

    assert node.files.read("/checkpoints/1.tar") == node.files.read("/checkpoints/2.tar")


def test_an_archive_that_is_there_is_replaced(checkpoints: Any, node: Any) -> None:
    ctr = checkpoints.running(node)
    node.files.write(checkpoints.place, b"older" * 100_000)

    node.do(checkpoints.taking(node, ctr))

    assert "spec.dump" in checkpoints.members(node)
    assert node.files.list_dir("/checkpoints") == ["c.tar"]


def test_a_name_may_be_as_long_as_any_file_name(checkpoints: Any, new_node: Callable[..., Any], tmp_path: Path) -> None:
    node = new_node()
    ctr = checkpoints.running(node)
    node.runtime._daemon.host_files = RealHostFiles()
    name = "n" * 251 + ".tar"

    node.do(checkpoints.taking(node, ctr, f"{tmp_path}/{name}"))

    assert [path.name for path in tmp_path.iterdir()] == [name]
    error = node.refused(checkpoints.taking(node, ctr, f"{tmp_path}/n{name}"))
    assert error.message == f"open {tmp_path}/n{name}: file name too long"
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("place", ["/dev/null", "/dev"])
def test_only_a_file_gives_way(checkpoints: Any, node: Any, place: str) -> None:
    ctr = checkpoints.running(node)
    node.runtime._daemon.host_files = RealHostFiles()

    error = node.refused(checkpoints.taking(node, ctr, place))

    assert error.message in ("open /dev/null: not a regular file", "open /dev: is a directory")
    assert Path("/dev/null").is_char_device()


# -- refusals ---------------------------------------------------------------------------------------------


def test_what_is_not_there(checkpoints: Any, node: Any, crio: Any) -> None:
    error = node.refused(checkpoints.taking(node, "f0"))
    assert error.code is Code.NOT_FOUND
    assert error.message == (
        'an error occurred when trying to find container the container status "f0": an error occurred when try to '
        'find container "f0": not found'
    )
    error = crio.refused(checkpoints.taking(crio, "f0"))
    assert error.code is Code.NOT_FOUND
    assert error.message == (
        'could not find container "f0": container with ID starting with f0 not found: ID does not exist'
    )


def test_what_does_not_run(checkpoints: Any, node: Any, crio: Any) -> None:
    ctr = node.create(node.run_pod(), node.container_config("true"))
    error = node.refused(checkpoints.taking(node, ctr))
    assert (error.code, error.message) == (
        Code.UNKNOWN,
        f'container "{ctr}" is in CONTAINER_CREATED state. only CONTAINER_RUNNING containers can be checkpointed',
    )
    node.do(node.starting(ctr))
    node.advance(1)
    assert "is in CONTAINER_EXITED state" in node.refused(checkpoints.taking(node, ctr)).message
    ctr = crio.create(crio.run_pod(), crio.container_config("true"))
    error = crio.refused(checkpoints.taking(crio, ctr))
    assert (error.code, error.message) == (Code.UNKNOWN, f"container {ctr} is not running")


@pytest.mark.parametrize(
    ("location", "message"),
    [
        ("", 'checkpoint location "": it is empty'),
        ("c.tar", 'checkpoint location "c.tar": it is not an absolute path'),
        ("/checkpoints/../etc/c.tar", 'it holds ".."'),
        ("/checkpoints/c\0.tar", "location holds a NUL byte"),
    ],
)
def test_a_location_that_is_none(checkpoints: Any, node: Any, location: str, message: str) -> None:
    error = node.refused(checkpoints.taking(node, checkpoints.running(node), location))

    assert error.code is Code.INVALID_ARGUMENT
    assert message in error.message
    assert node.files.list_dir("/checkpoints") == []


def test_a_folder_that_is_not_there(checkpoints: Any, node: Any, crio: Any) -> None:
    error = node.refused(checkpoints.taking(node, checkpoints.running(node), "/nowhere/c.tar"))
    assert (error.code, error.message) == (Code.UNKNOWN, "open /nowhere/c.tar: no such file or directory")
    ctr = checkpoints.running(crio)
    assert crio.refused(checkpoints.taking(crio, ctr, "/nowhere/c.tar")).message == (
        f"failed to write file system changes of container {ctr}: error creating checkpoint export file "
        '"/nowhere/c.tar": open /nowhere/c.tar: no such file or directory'
    )
    assert node.files.kind("/nowhere") is None


def test_a_folder_in_place_of_the_file(checkpoints: Any, node: Any) -> None:
    error = node.refused(checkpoints.taking(node, checkpoints.running(node), "/checkpoints"))

    assert error.message == "open /checkpoints: is a directory"


def test_a_full_disk_leaves_no_part_of_an_archive(checkpoints: Any, node: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    ctr = checkpoints.running(node)
    node.files.write(checkpoints.place, b"the one before")
    write = MemoryHostFiles.write

    def full(files: MemoryHostFiles, path: str, data: bytes, mode: int = 0o644) -> None:
        write(files, path, data[:100], mode)
        if data:
            raise FsError("ENOSPC", path)

    monkeypatch.setattr(MemoryHostFiles, "write", full)
    error = node.refused(checkpoints.taking(node, ctr))

    assert error.message == f"write {checkpoints.place}: no space left on device"
    assert node.files.list_dir("/checkpoints") == ["c.tar"]
    assert node.files.read(checkpoints.place) == b"the one before"


@pytest.mark.parametrize(
    ("profile", "code", "message"),
    [
        ("containerd-1.6", Code.UNIMPLEMENTED, "method CheckpointContainer not implemented"),
        ("containerd-1.7", Code.UNIMPLEMENTED, "method CheckpointContainer not implemented"),
        ("cri-o-1.28", Code.UNKNOWN, "checkpoint/restore support not available"),
        ("cri-o-1.29", Code.UNKNOWN, "checkpoint/restore support not available"),
    ],
)
def test_versions_without_it(
    checkpoints: Any, new_node: Callable[..., Any], profile: str, code: Code, message: str
) -> None:
    node = new_node(profile)

    error = node.refused(checkpoints.taking(node, checkpoints.running(node)))

    assert (error.code, error.message) == (code, message)


def test_windows_has_no_checkpoints(checkpoints: Any, new_node: Callable[..., Any]) -> None:
    node = new_node(os="windows")

    assert node.refused(checkpoints.taking(node, "f0")).code is Code.UNIMPLEMENTED
