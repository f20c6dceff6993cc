"""What always holds of the lives of pods: it holds on emulated nodes, and each part of it can be broken."""

from typing import Any

import pytest

import kubesim
from kubesim.cri import api
from kubesim.cri.errors import Code, CriError
from kubesim.cri.methods import METHODS
from kubesim.errors import ExpectationFailed
from kubesim.middleware.journal import JournalEntry
from kubesim.testing.pod_lives import (
    check_lives,
    check_versions,
    deleted_pods_leave_nothing,
    deleted_pods_stay_stopped,
)

BUSYBOX = "registry.k8s.io/e2e-test-images/busybox:1.29-2"
RUNNING: dict[str, Any] = {"running": {}}
WAITING: dict[str, Any] = {"waiting": {"reason": "ContainerCreating"}}


def ended(code: int) -> dict[str, Any]:
    return {"terminated": {"exitCode": code}}


def container(state: dict[str, Any], *, restarts: int = 0, id: str = "x://1", ready: bool = True) -> dict[str, Any]:  # noqa: A002 - the API's word
    return {"name": "a", "state": state, "restartCount": restarts, "containerID": id, "ready": ready}


def version(phase: str, *containers: dict[str, Any], t: float = 0.0, **conditions: str) -> dict[str, Any]:
    listed = [{"type": kind, "status": status} for kind, status in conditions.items()]
    return {"t": t, "status": {"phase": phase, "containerStatuses": list(containers), "conditions": listed}}


GOOD = [
    version("Pending", container(WAITING, id="", ready=False), Ready="False", ContainersReady="False"),
    version("Running", container(RUNNING), Ready="True", ContainersReady="True"),
    version("Running", container(ended(1), ready=False), Ready="False", ContainersReady="False"),
    version("Running", container(RUNNING, restarts=1, id="x://2"), Ready="False", ContainersReady="True"),
    version("Pending", container(WAITING, restarts=2, id="x://2"), Ready="False", ContainersReady="False"),
    version("Running", container(RUNNING, restarts=2, id="x://3"), Ready="True", ContainersReady="True"),
    version("Succeeded", container(ended(0), restarts=2, id="x://3", ready=False), Ready="False"),
]


def test_a_good_life() -> None:
    check_versions(GOOD)
    check_versions([])


def test_a_deadline_may_pass_while_the_kubelet_finishes_with_a_pod() -> None:
    late = version("Failed")
    late["status"]["reason"] = "DeadlineExceeded"
    check_versions([version("Running"), version("Succeeded"), late])
    with pytest.raises(ExpectationFailed, match="was Failed and is Succeeded"):
        check_versions([late, version("Succeeded")])


@pytest.mark.parametrize(
    ("versions", "message"),
    [
        ([version("Failed"), version("Running", t=2.5)], "at 2.500 s: the phase was Failed and is Running"),
        ([version("Succeeded"), version("Failed")], "the phase was Succeeded and is Failed"),
        (
            [version("Running", container(RUNNING, restarts=2)), version("Running", container(RUNNING, restarts=1))],
            "container a: restartCount was 2 and is 1",
        ),
        ([version("Running", Ready="True", ContainersReady="False")], "Ready is True and ContainersReady False"),
        (
            [version("Failed", Ready="True", ContainersReady="True")],
            "the phase is Failed, Ready True and ContainersReady True",
        ),
        (
            [version("Running", container(RUNNING, ready=False), ContainersReady="True")],
            "ContainersReady is True, and ['a'] are not ready",
        ),
        (
            [version("Running", container(WAITING, id="", ready=False))],
            "the phase is Running, and container a has never run",
        ),
        ([version("Succeeded", container(ended(3), ready=False))], "the phase is Succeeded, and container a is"),
        ([version("Succeeded", container(RUNNING, ready=False))], "the phase is Succeeded, and container a is"),
    ],
)
def test_a_life_that_cannot_be(versions: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(ExpectationFailed) as failed:
        check_versions(versions)
    assert message in str(failed.value)


SANDBOX = api.RunPodSandboxRequest(
    config=api.PodSandboxConfig(metadata=api.PodSandboxMetadata(name="web", namespace="default", uid="u"))
)


class Told:
    """A node that tells what a test says: nothing is left in its API."""

    def __init__(self, *calls: tuple[str, Any, Any]) -> None:
        self.journal = [
            JournalEntry(
                time_ns=at,
                end_ns=at,
                rpc=METHODS[method],
                request_bytes=request.SerializeToString(),
                response_bytes=None if isinstance(answer, CriError) else answer.SerializeToString(),
                error=answer if isinstance(answer, CriError) else None,
            )
            for at, (method, request, answer) in enumerate(calls)
        ]

    def pods(self) -> list[dict[str, Any]]:
        return []

    def versions(self, key: str) -> list[dict[str, Any]]:
        return GOOD


RUN = ("RunPodSandbox", SANDBOX, api.RunPodSandboxResponse(pod_sandbox_id="s"))
CREATE = (
    "CreateContainer",
    api.CreateContainerRequest(pod_sandbox_id="s"),
    api.CreateContainerResponse(container_id="c"),
)
START = ("StartContainer", api.StartContainerRequest(container_id="c"), api.StartContainerResponse())
STOP = ("StopContainer", api.StopContainerRequest(container_id="c"), api.StopContainerResponse())
STOP_SANDBOX = ("StopPodSandbox", api.StopPodSandboxRequest(pod_sandbox_id="s"), api.StopPodSandboxResponse())
REMOVE = ("RemovePodSandbox", api.RemovePodSandboxRequest(pod_sandbox_id="s"), api.RemovePodSandboxResponse())
LIST = ("ListContainers", api.ListContainersRequest(), api.ListContainersResponse())


def test_a_pod_that_was_ended_and_removed() -> None:
    check_lives(Told(RUN, CREATE, START, LIST, STOP, STOP_SANDBOX, LIST, REMOVE))


def test_a_sandbox_that_was_never_made_need_not_be_removed() -> None:
    check_lives(Told((RUN[0], RUN[1], CriError(Code.UNKNOWN, "no")), STOP_SANDBOX))


def test_a_call_after_the_last_stop() -> None:
    with pytest.raises(ExpectationFailed, match="default/web: StartContainer at 3 ns, after its last StopPodSandbox"):
        deleted_pods_stay_stopped(Told(RUN, CREATE, STOP_SANDBOX, START))
    deleted_pods_stay_stopped(Told(RUN, CREATE, STOP_SANDBOX, START, STOP))


def test_a_pull_after_the_last_stop() -> None:
    pull = api.PullImageRequest(image=api.ImageSpec(image="i"), sandbox_config=SANDBOX.config)
    pulled = ("PullImage", pull, api.PullImageResponse(image_ref="r"))
    with pytest.raises(ExpectationFailed, match="default/web: PullImage at 2 ns, after its last StopPodSandbox"):
        deleted_pods_stay_stopped(Told(RUN, STOP_SANDBOX, pulled))
    somebody_elses = api.PullImageRequest(image=api.ImageSpec(image="i"))
    deleted_pods_stay_stopped(Told(RUN, pulled, STOP_SANDBOX, (pulled[0], somebody_elses, pulled[2])))


def test_a_sandbox_that_is_left() -> None:
    with pytest.raises(ExpectationFailed, match=r"default/web: gone from the API, and its sandboxes \['s'\] were not"):
        deleted_pods_leave_nothing(Told(RUN, CREATE, START, STOP, STOP_SANDBOX))
    refused = (REMOVE[0], REMOVE[1], CriError(Code.UNAVAILABLE, "no"))
    with pytest.raises(ExpectationFailed):
        deleted_pods_leave_nothing(Told(RUN, STOP_SANDBOX, refused))


def test_the_pods_of_a_node() -> None:
    with kubesim.Node() as node:
        for name in ("stays", "goes"):
            spec = {"containers": [{"name": "a", "image": BUSYBOX, "command": ["sleep", "1h"]}]}
            node.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec})
        node.advance("5s")
        check_lives(node)
        node.delete("default/goes", grace_seconds=1)
        node.advance("10s")
        check_lives(node)
        (sandbox,) = [entry for entry in node.journal if entry.method == "RemovePodSandbox"]
        assert sandbox.error is None
