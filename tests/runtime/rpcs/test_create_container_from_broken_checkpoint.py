"""CreateContainer from what is no checkpoint, or not a whole one: a reason, and nothing half made."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable
from typing import Any

import pytest

from kubesim.cri import Code, CriError

BUSYBOX = "registry.example/busybox:1"


# -- archives that are none -------------------------------------------------------------------------------


def repacked(checkpoints: Any, node: Any, **changes: bytes | None) -> None:
    """The archive with members changed, or taken out."""
    found = checkpoints.members(node) | {
        name.replace("__", "/").replace("_", "."): content for name, content in changes.items()
    }
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in found.items():
            if content is not None:
                info = tarfile.TarInfo(name)
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    node.files.write(checkpoints.place, buffer.getvalue())


def restore_error(node: Any, source: str = "/checkpoints/c.tar") -> CriError:
    """The refusal; nothing is left of the container, its name included."""
    config = node.pod_config("other")
    pod = node.run_pod(config)
    error: CriError = node.refused(node.creating(pod, node.container_config(image=source), config))
    assert node.containers(pod_sandbox_id=pod) == []
    assert node.create(pod, node.container_config("true"), config)
    return error


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"spec_dump": None}, 'failed to read "spec.dump": no such file'),
        ({"config_dump": None}, 'failed to read "config.dump": no such file'),
        ({"checkpoint__kubesim_json": None}, "no emulated state"),
        ({"checkpoint__kubesim_json": b"{"}, 'failed to read "checkpoint/kubesim.json"'),
        ({"checkpoint__kubesim_json": b"[" * 100_000}, 'failed to read "checkpoint/kubesim.json"'),
        ({"checkpoint__kubesim_json": b'{"version": 2}'}, "version 2 is not 1"),
        ({"checkpoint__kubesim_json": b'{"version": 1, "extra": 1}'}, "extra"),
        ({"rootfs-diff_tar": b"nonsense" * 64}, 'failed to read "rootfs-diff.tar"'),
    ],
)
def test_an_archive_that_lacks_something_is_refused(
    checkpoints: Any, node: Any, changes: dict[str, bytes | None], message: str
) -> None:
    node.do(checkpoints.taking(node, checkpoints.running(node)))
    repacked(checkpoints, node, **changes)

    error = restore_error(node)

    assert error.code is Code.UNKNOWN
    assert error.message.startswith(f"unpacking of checkpoint archive {checkpoints.place} failed: ")
    assert message in error.message


def changed_state(checkpoints: Any, node: Any, change: Callable[[dict[str, Any]], object]) -> None:
    state = json.loads(checkpoints.members(node)["checkpoint/kubesim.json"])
    change(state)
    repacked(checkpoints, node, checkpoint__kubesim_json=json.dumps(state).encode())


@pytest.mark.parametrize(
    "change",
    [
        lambda state: state["process"].update(argv=[]),
        lambda state: state["process"].update(cwd="relative"),
        lambda state: state["process"].update(argv=["a\0b"]),
        lambda state: state["process"].update(argv=["\ud800"]),
        lambda state: state["process"].update(env=[["A"]]),
        lambda state: state["image"].update(name="\udcff"),
        lambda state: state.update(identity={"uid": -1, "gid": 0, "supplemental_groups": []}),
        lambda state: state.update(identity={"uid": 2**40, "gid": 0, "supplemental_groups": []}),
        lambda state: state.update(checkpointed_at_ns=2**70),
        lambda state: state.update(config={"unknown": 1}),
        lambda state: state.update(config={"log_path": 5}),
        lambda state: state.update(config=[]),
    ],
)
def test_a_state_that_no_container_can_have_is_refused(
    checkpoints: Any, node: Any, change: Callable[[dict[str, Any]], object]
) -> None:
    node.do(checkpoints.taking(node, checkpoints.running(node)))
    changed_state(checkpoints, node, change)

    assert 'failed to read "checkpoint/kubesim.json": ' in restore_error(node).message


def test_a_layer_that_does_not_fit_the_image_is_refused(checkpoints: Any, node: Any) -> None:
    node.do(checkpoints.taking(node, checkpoints.running(node)))
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as layer:
        layer.addfile(tarfile.TarInfo("etc/passwd/below"))
    repacked(checkpoints, node, **{"rootfs-diff_tar": buffer.getvalue()})

    assert "/etc/passwd/below: what lies above it is not a directory" in restore_error(node).message


def test_hostile_members_are_refused(checkpoints: Any, node: Any) -> None:
    node.do(checkpoints.taking(node, checkpoints.running(node)))
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        link = tarfile.TarInfo("spec.dump")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/shadow"
        archive.addfile(link)
    node.files.write(checkpoints.place, buffer.getvalue())
    assert "'spec.dump' is a symlink, which no checkpoint holds" in restore_error(node).message


def test_half_an_archive_is_refused(checkpoints: Any, node: Any) -> None:
    node.do(checkpoints.taking(node, checkpoints.running(node)))
    whole = node.files.read(checkpoints.place)
    node.files.write(checkpoints.place, whole[: len(whole) // 2])

    assert "the archive is truncated" in restore_error(node).message


def test_a_file_that_is_no_archive_is_refused(node: Any) -> None:
    node.files.write("/etc-shadow", b"root:secret\n" * 100)

    error = restore_error(node, "/etc-shadow")

    assert error.message.startswith("unpacking of checkpoint archive /etc-shadow failed: ")
    assert "secret" not in error.message


def test_a_folder_is_no_archive(node: Any) -> None:
    node.files.make_dirs("/folder")

    assert restore_error(node, "/folder").message == (
        "failed to open checkpoint archive /folder for import: open /folder: is a directory"
    )


def test_a_path_without_a_file_is_an_image_name(node: Any) -> None:
    assert restore_error(node, "/nowhere.tar").message == 'failed to resolve image "/nowhere.tar": not found'


def test_a_log_that_cannot_be_written_leaves_no_container(checkpoints: Any, node: Any) -> None:
    pod_config = node.pod_config(log_directory="/logs")
    ctr = checkpoints.running(node, "echo x", pod=node.run_pod(pod_config), log_path="0.log", pod_config=pod_config)
    node.do(checkpoints.taking(node, ctr))
    node.files.write("/blocked", b"a file")
    config = node.pod_config("other", log_directory="/blocked")
    pod = node.run_pod(config)

    error = node.refused(node.creating(pod, node.container_config(image=checkpoints.place, log_path="0.log"), config))

    assert error.message == "restoring container log file /blocked/0.log failed: file exists"
    assert node.containers(pod_sandbox_id=pod) == []
