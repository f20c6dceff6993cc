"""RemovePodSandbox."""

from __future__ import annotations

from typing import Any

import pytest

from kubesim.cri import Code, api


def removing(node: Any, pod: str) -> Any:
    return node.cri.remove_pod_sandbox(api.RemovePodSandboxRequest(pod_sandbox_id=pod))


@pytest.mark.parametrize("profile", ["containerd-2.3", "cri-o-1.36"])
@pytest.mark.parametrize("unknown", ["0" * 64, "5b6d0fc7-5a5e-4b59-8f6c-0f5b0f6e7a11"])
def test_what_is_not_there_is_fine(new_node: Any, profile: str, unknown: str) -> None:
    node = new_node(profile)
    node.run_pod()
    before = node.pods()

    assert node.do(removing(node, unknown)) == api.RemovePodSandboxResponse()
    assert node.pods() == before, "what is there is not touched"


@pytest.mark.parametrize(
    ("profile", "message"),
    [
        ("containerd-2.3", 'an error occurred when try to find sandbox "": prefix can\'t be empty'),
        ("cri-o-1.36", "PodSandboxId should not be empty"),
    ],
)
def test_an_empty_id_is_refused(new_node: Any, profile: str, message: str) -> None:
    node = new_node(profile)
    error = node.refused(removing(node, ""))
    assert (error.code, error.message) == (Code.UNKNOWN, message)


def test_removal_takes_the_containers_along(node: Any) -> None:
    pod = node.run_pod()
    node.start(pod, "sleep", "1000", name="running")
    node.create(pod, node.container_config("true", name="created"))
    node.remove_pod(pod)
    statistics = node.runtime.statistics()
    assert (statistics.sandboxes, statistics.containers) == (0, 0)
    assert len(node.runtime._daemon.container_names) == 0
    assert node.runtime._daemon.processes.processes() == []


def test_two_removals_at_once_are_both_answered(measured: Any) -> None:
    pod = measured.run_pod()
    measured.start(pod, "sleep", "1000")
    tasks = [measured.spawn(removing(measured, pod)) for _ in range(2)]
    measured.advance(5)
    assert [task.is_done for task in tasks] == [True, True]
    outcomes = {str(task.error) for task in tasks}
    # The slower of the two may meet a container that the other one is just removing.
    assert "None" in outcomes
    assert measured.pods() == []
