"""RestorePod."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from kubesim.cri import Code, CriError, api
from kubesim.kernel import timeout
from kubesim.runtime.profiles import profile_names
from kubesim.runtime.timings import Timings

MINUTE_NS = 60_000_000_000
PLACE = "/checkpoints/pod"


async def in_time(call: Any) -> Any:
    """The call with a deadline, as every client of a socket has one."""
    async with timeout(MINUTE_NS):
        return await call


@pytest.fixture
def ideal(new_node: Callable[..., Any]) -> Any:
    """A node with the checkpoint of a pod of two containers, `web` and `db`."""
    return with_checkpoint(new_node("ideal"))


def with_checkpoint(node: Any) -> Any:
    node.files.make_dirs(PLACE)
    pod_config = node.pod_config(log_directory="/logs")
    pod = node.run_pod(pod_config)
    ctrs = [
        node.start(
            pod,
            "sh",
            "-c",
            f"echo {name} >> /who; echo said {name}; rm -f /etc/group; sleep 1000",
            name=name,
            log_path=f"{name}.log",
            pod_config=pod_config,
        )
        for name in ("web", "db")
    ]
    node.advance(1)
    node.do(
        in_time(
            node.cri.checkpoint_pod(api.CheckpointPodRequest(pod_sandbox_id=pod, output_path=PLACE, container_ids=ctrs))
        )
    )
    node.remove_pod(pod)
    return node


def asked(node: Any, *names: str, path: str = PLACE, handler: str = "", **options: str) -> api.RestorePodRequest:
    return api.RestorePodRequest(
        checkpoint_path=path,
        config=node.pod_config("again", log_directory="/again"),
        runtime_handler=handler,
        options=options,
        container_configs=[node.container_config(name=name, log_path=f"{name}.log") for name in names or ("web", "db")],
    )


def restoring(node: Any, *names: str, **fields: Any) -> Any:
    return in_time(node.cri.restore_pod(asked(node, *names, **fields)))


def refusal(node: Any, *names: str, **fields: Any) -> CriError:
    """The error of a restore, which leaves nothing behind."""
    error: CriError = node.refused(restoring(node, *names, **fields))
    assert_nothing_is_left(node)
    return error


def assert_nothing_is_left(node: Any) -> None:
    assert (node.pods(), node.containers()) == ([], [])
    daemon = node.runtime._daemon
    assert (len(daemon.sandbox_names), len(daemon.container_names)) == (0, 0)
    assert daemon.processes.processes() == []
    assert node.files.kind("/again/web.log") is None


# -- restoring --------------------------------------------------------------------------------------------


def test_the_containers_wait_to_be_started(ideal: Any) -> None:
    answer = ideal.do(restoring(ideal))

    assert [row.name for row in answer.restored_containers] == ["web", "db"]
    assert ideal.pod_status(answer.pod_sandbox_id).state == api.SANDBOX_READY
    for row in answer.restored_containers:
        status = ideal.status(row.container_id)
        assert (status.metadata.name, status.state) == (row.name, api.CONTAINER_CREATED)
    ideal.advance(100)
    assert {ctr.state for ctr in ideal.containers()} == {api.CONTAINER_CREATED}


def test_each_container_has_its_own_files_and_log(ideal: Any, checkpoints: Any) -> None:
    answer = ideal.do(restoring(ideal, "db", "web"))

    for row in answer.restored_containers:
        ideal.do(ideal.starting(row.container_id))
        ideal.advance(1)
        assert checkpoints.out(ideal, row.container_id, "cat /who") == f"{row.name}\n{row.name}\n"
        assert checkpoints.out(ideal, row.container_id, "ls /etc") == "hostname\nhosts\npasswd\nresolv.conf\n"
        lines = ideal.files.read(f"/again/{row.name}.log").splitlines()
        assert [line.partition(b" F ")[2] for line in lines] == [f"said {row.name}".encode()] * 2


def test_the_configs_are_those_of_the_request(ideal: Any) -> None:
    ideal.files.make_dirs("/volume")
    request = asked(ideal)
    request.container_configs[0].labels["fresh"] = "yes"
    request.container_configs[0].mounts.add(container_path="/data", host_path="/volume")

    answer = ideal.do(in_time(ideal.cri.restore_pod(request)))

    status = ideal.status(answer.restored_containers[0].container_id)
    assert dict(status.labels) == {"fresh": "yes"}
    assert dict(status.annotations) == {}
    assert [mount.container_path for mount in status.mounts] == ["/data"]
    assert status.log_path == "/again/web.log"


def test_one_checkpoint_makes_many_pods(ideal: Any) -> None:
    ids = set()
    for name in ("one", "two"):
        request = asked(ideal)
        request.config.metadata.name = name
        ids.add(ideal.do(in_time(ideal.cri.restore_pod(request))).pod_sandbox_id)

    assert len(ids) == 2
    assert len(ideal.containers()) == 4


def test_events_tell_of_the_pod_and_its_containers(ideal: Any) -> None:
    events = ideal.events()
    events.clear()

    answer = ideal.do(restoring(ideal))

    web, db = (row.container_id for row in answer.restored_containers)
    assert [(event.container_id, event.container_event_type) for event in events] == [
        (answer.pod_sandbox_id, api.CONTAINER_CREATED_EVENT),
        (answer.pod_sandbox_id, api.CONTAINER_STARTED_EVENT),
        (web, api.CONTAINER_CREATED_EVENT),
        (db, api.CONTAINER_CREATED_EVENT),
    ]


# -- refusals ---------------------------------------------------------------------------------------------


def test_a_call_without_a_deadline_is_refused(ideal: Any) -> None:
    error = ideal.refused(ideal.cri.restore_pod(asked(ideal)))

    assert (error.code, error.message) == (Code.INVALID_ARGUMENT, "RestorePod needs a deadline")
    assert_nothing_is_left(ideal)


def test_an_option_is_unknown(ideal: Any) -> None:
    assert refusal(ideal, keep="yes").message == 'unknown option "keep": RestorePod has no options here'


def test_an_unknown_handler_is_refused(ideal: Any) -> None:
    error = refusal(ideal, handler="kata")

    assert error.message.endswith('no runtime for "kata" is configured')


@pytest.mark.parametrize(
    ("names", "fault"),
    [
        (["web"], "container 'db' of the checkpoint has no config"),
        (["web", "db", "more"], "the checkpoint has no container 'more'"),
        (["web", "db", "web"], "two configs have the name 'web'"),
    ],
)
def test_each_container_of_the_checkpoint_has_one_config(ideal: Any, names: list[str], fault: str) -> None:
    error = refusal(ideal, *names)

    assert (error.code, error.message) == (Code.INVALID_ARGUMENT, f"container_configs: {fault}")


@pytest.mark.parametrize(
    ("path", "fault"),
    [
        ("", "it is empty"),
        ("pod", "it is not an absolute path"),
        ("/checkpoints/../x", 'it holds ".."'),
        ("/check\0points", "checkpoint_path holds a NUL byte"),
        ("/nowhere", "pod.options: no such file or directory"),
        ("/checkpoints", "pod.options: no such file or directory"),
    ],
)
def test_a_path_without_a_checkpoint(ideal: Any, path: str, fault: str) -> None:
    error = refusal(ideal, path=path)

    assert error.code is Code.INVALID_ARGUMENT
    assert fault in error.message


def changed_options(node: Any, change: Callable[[dict[str, Any]], object]) -> None:
    options = json.loads(node.files.read(f"{PLACE}/pod.options"))
    change(options)
    node.files.write(f"{PLACE}/pod.options", json.dumps(options).encode())


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda options: options.update(version=7), "version 7 is not 1"),
        (lambda options: options.clear(), "is not that of a pod checkpoint"),
        (lambda options: options.update(more=1), "is not that of a pod checkpoint"),
        (lambda options: options["containers"][0].update(archive="../../etc/shadow"), "names its archives wrongly"),
        (lambda options: options["containers"][0].update(name="db"), "names its archives wrongly"),
        (lambda options: options["containers"][0].update(archive="a" * 64 + ".tar"), "no such file or directory"),
        (
            lambda options: options["containers"][0].update(archive=options["containers"][1]["archive"]),
            "is of container 'db', not of 'web'",
        ),
    ],
)
def test_options_that_lie_are_refused(ideal: Any, change: Callable[[dict[str, Any]], object], fault: str) -> None:
    changed_options(ideal, change)

    assert fault in refusal(ideal).message


def test_nonsense_in_place_of_the_options_is_not_shown(ideal: Any) -> None:
    for text in (b"", b"secret", b"[" * 100_000, b"\xff"):
        ideal.files.write(f"{PLACE}/pod.options", text)
        message = refusal(ideal).message
        assert message.endswith("pod.options is not that of a pod checkpoint")


def test_a_broken_archive_is_found_before_anything_is_made(ideal: Any) -> None:
    events = ideal.events()
    events.clear()
    archive = json.loads(ideal.files.read(f"{PLACE}/pod.options"))["containers"][1]["archive"]
    whole = ideal.files.read(f"{PLACE}/{archive}")
    ideal.files.write(f"{PLACE}/{archive}", whole[: len(whole) // 2])

    assert "the archive is truncated" in refusal(ideal).message
    assert events == []


def test_a_container_that_cannot_be_made_takes_the_pod_with_it(ideal: Any) -> None:
    request = asked(ideal)
    request.container_configs[1].linux.security_context.privileged = True

    error = ideal.refused(in_time(ideal.cri.restore_pod(request)))

    assert "no privileged container allowed in sandbox" in error.message
    assert_nothing_is_left(ideal)


def test_a_log_that_cannot_be_written_takes_the_pod_with_it(ideal: Any) -> None:
    ideal.files.make_dirs("/again/db.log")

    error = refusal(ideal)

    assert error.message == "restoring container log file /again/db.log failed: is a directory"


def test_a_name_that_is_taken_keeps_its_pod(ideal: Any) -> None:
    first = ideal.do(restoring(ideal))

    error = ideal.refused(restoring(ideal))

    assert error.message.endswith(f'is reserved for "{first.pod_sandbox_id}"')
    assert len(ideal.containers()) == 2


@pytest.mark.parametrize("milliseconds", [50, 112, 118, 122])
def test_a_cancelled_restore_leaves_nothing(new_node: Callable[..., Any], milliseconds: int) -> None:
    # The sandbox takes 111 ms, each container 7.1 ms.
    node = with_checkpoint(new_node("ideal", timings=Timings.measured()))
    task = node.spawn(restoring(node))
    node.advance(milliseconds / 1000)
    assert not task.is_done

    task.cancel()
    node.advance(0)
    task.cancel()
    node.advance(5)

    assert task.is_done
    assert_nothing_is_left(node)


@pytest.mark.parametrize("profile", [name for name in profile_names() if name != "ideal"])
def test_no_shipped_runtime_serves_it(new_node: Callable[..., Any], profile: str) -> None:
    node = new_node(profile)

    error = node.refused(restoring(node))

    assert (error.code, error.message) == (
        Code.UNIMPLEMENTED,
        "unknown method RestorePod for service runtime.v1.RuntimeService",
    )
