"""CheckpointPod."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from kubesim.cri import Code, api
from kubesim.kernel import timeout
from kubesim.runtime.profiles import profile_names
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.files.host_files import MemoryHostFiles

MINUTE_NS = 60_000_000_000
PLACE = "/checkpoints/pod"


@pytest.fixture
def ideal(new_node: Callable[..., Any]) -> Any:
    """A node whose runtime serves the RPC, with a place for a checkpoint."""
    node = new_node("ideal")
    node.files.make_dirs(PLACE)
    return node


async def in_time(call: Any) -> Any:
    """The call with a deadline, as every client of a socket has one."""
    async with timeout(MINUTE_NS):
        return await call


def asked(pod: str, *ctrs: str, path: str = PLACE, **options: str) -> api.CheckpointPodRequest:
    return api.CheckpointPodRequest(pod_sandbox_id=pod, output_path=path, container_ids=ctrs, options=options)


def taking(node: Any, *args: Any, **fields: Any) -> Any:
    return in_time(node.cri.checkpoint_pod(asked(*args, **fields)))


def pod_of_two(node: Any) -> tuple[str, str, str]:
    pod = node.run_pod()
    ctrs = [node.start(pod, "sh", "-c", f"echo {name} > /who; sleep 1000", name=name) for name in ("web", "db")]
    node.advance(1)
    return (pod, *ctrs)


# -- taking one -------------------------------------------------------------------------------------------


def test_each_container_has_its_archive(ideal: Any, checkpoints: Any) -> None:
    pod, web, db = pod_of_two(ideal)

    ideal.do(taking(ideal, pod, web, db))

    assert ideal.files.list_dir(PLACE) == sorted([f"{web}.tar", f"{db}.tar", "pod.dump", "pod.options"])
    assert all(ideal.files.stat(f"{PLACE}/{name}").mode == 0o600 for name in ideal.files.list_dir(PLACE))
    options = json.loads(ideal.files.read(f"{PLACE}/pod.options"))
    assert options["containers"] == [{"name": "web", "archive": f"{web}.tar"}, {"name": "db", "archive": f"{db}.tar"}]
    dump = json.loads(ideal.files.read(f"{PLACE}/pod.dump"))
    assert (dump["id"], dump["config"]["metadata"]["name"]) == (pod, "pod")
    assert {"config.dump", "rootfs-diff.tar"} <= set(checkpoints.members(ideal, f"{PLACE}/{db}.tar"))


def test_the_pod_runs_on_and_no_time_passes(ideal: Any) -> None:
    pod, web, db = pod_of_two(ideal)
    now_ns = ideal.kernel.now_ns

    ideal.do(taking(ideal, pod[:13], db[:13], web))

    assert ideal.kernel.now_ns == now_ns
    assert ideal.pod_status(pod).state == api.SANDBOX_READY
    assert {ideal.status(ctr).state for ctr in (web, db)} == {api.CONTAINER_RUNNING}


def test_only_running_containers_are_captured(ideal: Any) -> None:
    pod, web, db = pod_of_two(ideal)
    done = ideal.start(pod, "true", name="done")
    ideal.create(pod, ideal.container_config("true", name="waiting"))
    ideal.advance(1)

    error = ideal.refused(taking(ideal, pod, web, db, done))
    assert (error.code, error.message) == (
        Code.INVALID_ARGUMENT,
        f'container_ids of sandbox "{pod}": container {done} does not run in the pod',
    )
    ideal.do(taking(ideal, pod, web, db))


# -- refusals ---------------------------------------------------------------------------------------------


def test_a_call_without_a_deadline_is_refused(ideal: Any) -> None:
    error = ideal.refused(ideal.cri.checkpoint_pod(asked(*pod_of_two(ideal))))

    assert (error.code, error.message) == (Code.INVALID_ARGUMENT, "CheckpointPod needs a deadline")


def test_an_option_is_unknown(ideal: Any) -> None:
    error = ideal.refused(taking(ideal, *pod_of_two(ideal), leave="running"))

    assert (error.code, error.message) == (
        Code.INVALID_ARGUMENT,
        'unknown option "leave": CheckpointPod has no options here',
    )


def test_a_pod_that_is_not_there_or_not_ready(ideal: Any) -> None:
    assert ideal.refused(taking(ideal, "f0", "a")).code is Code.NOT_FOUND
    pod, web, db = pod_of_two(ideal)
    ideal.stop_pod(pod)
    error = ideal.refused(taking(ideal, pod, web, db))
    assert (error.code, error.message) == (Code.FAILED_PRECONDITION, f'sandbox "{pod}" is not ready')


@pytest.mark.parametrize(
    ("choose", "fault"),
    [
        (lambda web, db: [], "no container is named"),
        (lambda web, db: [web], "is not named"),
        (lambda web, db: [web, db, web[:13]], "is named twice"),
        (lambda web, db: [web, db, "f0f0"], "container f0f0 does not run in the pod"),
    ],
)
def test_the_running_containers_are_named_each_once(
    ideal: Any, choose: Callable[[str, str], list[str]], fault: str
) -> None:
    pod, web, db = pod_of_two(ideal)

    error = ideal.refused(taking(ideal, pod, *choose(web, db)))

    assert error.code is Code.INVALID_ARGUMENT
    assert fault in error.message
    assert ideal.files.list_dir(PLACE) == []


def test_a_container_of_another_pod_is_not_taken(ideal: Any) -> None:
    pod, web, db = pod_of_two(ideal)
    config = ideal.pod_config("other")
    other = ideal.start(ideal.run_pod(config), "sleep", "1000", pod_config=config)

    assert f"container {other} does not run in the pod" in ideal.refused(taking(ideal, pod, web, db, other)).message


def test_two_containers_of_one_name_cannot_be_told_apart(ideal: Any) -> None:
    pod = ideal.run_pod()
    ctrs = [ideal.start(pod, "sleep", "1000", attempt=attempt) for attempt in (0, 1)]

    error = ideal.refused(taking(ideal, pod, *ctrs))

    assert error.code is Code.FAILED_PRECONDITION
    assert 'two running containers named "ctr"' in error.message


@pytest.mark.parametrize(
    ("path", "code", "fault"),
    [
        ("", Code.INVALID_ARGUMENT, "it is empty"),
        ("pod", Code.INVALID_ARGUMENT, "it is not an absolute path"),
        ("/checkpoints/../pod", Code.INVALID_ARGUMENT, 'it holds ".."'),
        ("/check\0points", Code.INVALID_ARGUMENT, "output_path holds a NUL byte"),
        ("/nowhere", Code.INVALID_ARGUMENT, "no such file or directory"),
        ("/file", Code.INVALID_ARGUMENT, "not a directory"),
        ("/checkpoints", Code.FAILED_PRECONDITION, 'is not empty: it holds "pod"'),
    ],
)
def test_the_output_is_an_empty_directory(ideal: Any, path: str, code: Code, fault: str) -> None:
    ideal.files.write("/file", b"")

    error = ideal.refused(taking(ideal, *pod_of_two(ideal), path=path))

    assert error.code is code
    assert fault in error.message


def test_a_full_disk_leaves_the_directory_empty(ideal: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    pod, web, db = pod_of_two(ideal)
    write = MemoryHostFiles.write
    room = iter(range(2))  # for pod.dump and the first archive

    def full(files: MemoryHostFiles, path: str, data: bytes, mode: int = 0o644) -> None:
        if data and next(room, None) is None:
            write(files, path, data[:100], mode)
            raise FsError("ENOSPC", path)
        write(files, path, data, mode)

    monkeypatch.setattr(MemoryHostFiles, "write", full)
    error = ideal.refused(taking(ideal, pod, web, db))

    assert error.message.endswith("no space left on device")
    assert ideal.files.list_dir(PLACE) == []


def test_windows_has_no_checkpoints(new_node: Callable[..., Any]) -> None:
    node = new_node("ideal", os="windows")

    assert node.refused(taking(node, "f0")).code is Code.UNIMPLEMENTED


@pytest.mark.parametrize("profile", [name for name in profile_names() if name != "ideal"])
def test_no_shipped_runtime_serves_it(new_node: Callable[..., Any], profile: str) -> None:
    node = new_node(profile)

    error = node.refused(taking(node, "f0"))

    assert (error.code, error.message) == (
        Code.UNIMPLEMENTED,
        "unknown method CheckpointPod for service runtime.v1.RuntimeService",
    )
