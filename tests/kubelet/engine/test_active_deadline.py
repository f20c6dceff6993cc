"""activeDeadlineSeconds: the pod fails, whatever its containers do."""

from typing import Any

from kubesim.testing.pod_lives import check_lives


def test_deadline(story: Any, c: Any) -> None:
    story.pod(c("a"), activeDeadlineSeconds=8, terminationGracePeriodSeconds=2)
    story.run("20s")
    story.check(
        story.versions(),
        """
        0.000s phase=Pending
        0.000s phase=Pending a: waiting ContainerCreating
        0.231s phase=Running a: running ready
        12.070s phase=Failed reason=DeadlineExceeded a: terminated Error(137)
        """,
    )
    story.check(
        story.versions(conditions=True),
        """
        0.000s phase=Pending
        0.000s phase=Pending PodReadyToStartContainers=False Initialized=True Ready=False(ContainersNotReady)
        0.111s phase=Pending PodReadyToStartContainers=True
        0.231s phase=Running Ready=True
        8.900s phase=Running Ready=False(PodFailed)
        12.070s phase=Failed PodReadyToStartContainers=False
        """,
    )
    assert story.status()["message"] == "Pod was active on the node longer than the specified deadline"


def test_events_of_a_deadline(story: Any, c: Any) -> None:
    """The event is written each time a status is made after the deadline: four times (00-observed, Status 9)."""
    story.pod(c("a"), activeDeadlineSeconds=8, terminationGracePeriodSeconds=2)
    story.run("20s")
    assert (
        "Normal DeadlineExceeded (x4): Pod was active on the node longer than the specified deadline"
        in story.events().splitlines()
    )


def test_the_deadline_counts_although_nothing_ever_ran(story: Any, c: Any) -> None:
    story.pod(c("a", image="registry.k8s.io/e2e-test-images/absent:1"), activeDeadlineSeconds=5)
    story.run("20s")
    assert (story.status()["phase"], story.status().get("reason")) == ("Failed", "DeadlineExceeded")


def test_a_pod_that_ends_in_time_is_not_touched(story: Any, c: Any) -> None:
    story.pod(c("a"), activeDeadlineSeconds=8, restartPolicy="Never")
    story.exit(0)
    story.run("20s")
    assert (story.status()["phase"], story.status().get("reason")) == ("Succeeded", None)


def test_the_deadline_counts_on_over_a_restart_of_the_kubelet(story: Any, c: Any) -> None:
    story.pod(c("a"), activeDeadlineSeconds=8, terminationGracePeriodSeconds=2)
    story.run("5s")
    story.node.restart_kubelet()
    story.run("8s")
    assert (story.status()["phase"], story.status().get("reason")) == ("Failed", "DeadlineExceeded")


def test_a_container_that_never_came_to_its_turn_goes_on_waiting(story: Any, c: Any) -> None:
    """The last status goes by the copy of the pod that the worker was woken with: its init container still ran.

    A kubelet 1.36 was seen to do so over `kubesim serve`.
    """
    init = c("one", "sh", "-c", 'trap "exit 0" TERM; while true; do sleep 1; done')
    story.pod(c("a"), initContainers=[init], activeDeadlineSeconds=6, terminationGracePeriodSeconds=2)
    story.run("20s")
    status = story.status()
    assert (status["phase"], status["reason"]) == ("Failed", "DeadlineExceeded")
    assert status["initContainerStatuses"][0]["state"]["terminated"]["reason"] == "Completed"
    assert status["containerStatuses"][0]["state"] == {"waiting": {"reason": "PodInitializing"}}


def test_a_deadline_seen_with_the_deletion_is_told_in_two_steps(story: Any, c: Any) -> None:
    """A worker that waits for a volume sees neither; the end that follows is told once nothing can run any more."""
    missing = {"name": "v", "secret": {"secretName": "missing"}}
    story.pod(c("a", volumeMounts=[{"name": "v", "mountPath": "/v"}]), activeDeadlineSeconds=6, volumes=[missing])
    story.run("20s")
    story.node.delete("default/web")
    story.run("5s")
    told = [
        (version["status"]["phase"], version["status"].get("reason"), one["reason"])
        for version in story.node.versions("default/web")
        for one in version["status"].get("conditions", ())
        if one["type"] == "Ready"
    ]
    assert told[2:4] == [("Pending", None, "PodFailed"), ("Failed", "DeadlineExceeded", "PodFailed")]


def test_a_deadline_that_passes_while_the_kubelet_finishes_with_a_pod_changes_its_terminal_phase(
    story: Any, c: Any
) -> None:
    """Seen on a kubelet 1.36, in one of forty pods whose containers ended shortly before their deadline."""
    story.run("400ms")
    story.pod(c("a", "sleep", "6"), activeDeadlineSeconds=8, restartPolicy="Never")
    story.run("20s")
    story.check(
        story.versions(),
        """
        0.000s phase=Pending
        0.000s phase=Pending a: waiting ContainerCreating
        0.231s phase=Running a: running ready
        6.500s phase=Running a: terminated Completed(0)
        7.635s phase=Succeeded a: terminated Completed(0)
        8.500s phase=Failed reason=DeadlineExceeded a: terminated Completed(0)
        """,
    )
    check_lives(story.node)
