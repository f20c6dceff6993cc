"""What becomes of a pod when its containers end by themselves: Never, OnFailure, Always."""

from typing import Any

import pytest

GOLDEN = {
    ("Never", 0): """
        0.000s phase=Pending
        0.000s phase=Pending a: waiting ContainerCreating
        0.231s phase=Running a: running ready
        2.900s phase=Running a: terminated Completed(0)
        4.035s phase=Succeeded a: terminated Completed(0)
        """,
    ("Never", 1): """
        0.000s phase=Pending
        0.000s phase=Pending a: waiting ContainerCreating
        0.231s phase=Running a: running ready
        2.900s phase=Running a: terminated Error(1)
        4.035s phase=Failed a: terminated Error(1)
        """,
    ("OnFailure", 0): """
        0.000s phase=Pending
        0.000s phase=Pending a: waiting ContainerCreating
        0.231s phase=Running a: running ready
        2.900s phase=Running a: terminated Completed(0)
        4.035s phase=Succeeded a: terminated Completed(0)
        """,
    ("OnFailure", 1): """
        0.000s phase=Pending
        0.000s phase=Pending a: waiting ContainerCreating
        0.231s phase=Running a: running ready
        2.900s phase=Running a: terminated Error(1)
        2.958s phase=Running a: running ready last terminated Error(1) restarts=1
        """,
    ("Always", 0): """
        0.000s phase=Pending
        0.000s phase=Pending a: waiting ContainerCreating
        0.231s phase=Running a: running ready
        2.900s phase=Running a: terminated Completed(0)
        2.958s phase=Running a: running ready last terminated Completed(0) restarts=1
        """,
    ("Always", 1): """
        0.000s phase=Pending
        0.000s phase=Pending a: waiting ContainerCreating
        0.231s phase=Running a: running ready
        2.900s phase=Running a: terminated Error(1)
        2.958s phase=Running a: running ready last terminated Error(1) restarts=1
        """,
}


@pytest.mark.parametrize(("policy", "code"), GOLDEN)
def test_exit(story: Any, c: Any, policy: str, code: int) -> None:
    story.pod(c("a"), restartPolicy=policy)
    story.exit(code, after="2s")
    story.run("5s")
    story.check(story.versions(), GOLDEN[policy, code])


def test_conditions_of_a_pod_that_completes(story: Any, c: Any) -> None:
    """Two versions: first the conditions, a second later the phase (00-observed, Status 4)."""
    story.pod(c("a"), restartPolicy="Never")
    story.exit(0)
    story.run("5s")
    story.check(
        story.versions(conditions=True),
        """
        0.000s phase=Pending
        0.000s phase=Pending PodReadyToStartContainers=False Initialized=True Ready=False(ContainersNotReady)
        0.111s phase=Pending PodReadyToStartContainers=True
        0.231s phase=Running Ready=True
        1.900s phase=Running Initialized=True(PodCompleted) Ready=False(PodCompleted)
        3.035s phase=Succeeded PodReadyToStartContainers=False
        """,
    )


def test_one_of_two_containers_ends(story: Any, c: Any) -> None:
    story.pod(c("a"), c("b"), restartPolicy="Never")
    story.exit(3, "b")
    story.run("5s")
    story.exit(0, "a")
    story.run("5s")
    story.check(
        story.versions(),
        """
        0.000s phase=Pending
        0.000s phase=Pending a: waiting ContainerCreating b: waiting ContainerCreating
        0.288s phase=Running a: running ready b: running ready
        1.900s phase=Running a: running ready b: terminated Error(3)
        7.900s phase=Running a: terminated Completed(0) b: terminated Error(3)
        9.035s phase=Failed a: terminated Completed(0) b: terminated Error(3)
        """,
    )


def test_out_of_memory(story: Any, c: Any) -> None:
    story.pod(c("a"), restartPolicy="Never")
    story.run("3s")
    story.node.exit_container("default/web", 137, reason="OOMKilled")
    story.run("5s")
    story.check(
        story.versions(),
        """
        0.000s phase=Pending
        0.000s phase=Pending a: waiting ContainerCreating
        0.231s phase=Running a: running ready
        3.900s phase=Running a: terminated OOMKilled(137)
        5.035s phase=Failed a: terminated OOMKilled(137)
        """,
    )


def test_a_completed_pod_is_gone_at_once_when_it_is_deleted(story: Any, c: Any) -> None:
    story.pod(c("a"), restartPolicy="Never")
    story.exit(0)
    story.run("10s")
    deleted_ns = story.node.now_ns
    story.node.delete("default/web")
    story.run("10ms")
    assert story.node.pods() == []
    story.run("5s")
    # Nothing is stopped twice; what is left is removed.
    story.check(
        story.calls(since_ns=deleted_ns, methods={"StopContainer", "RemoveContainer", "RemovePodSandbox"}),
        """
        11.231s RemoveContainer a/0
        11.234s RemovePodSandbox
        """,
    )
