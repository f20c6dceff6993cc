"""A pod with one container: from its creation to Running, and its deletion."""

from typing import Any


def test_plain_pod_starts_and_is_deleted_with_its_grace_period(story: Any, c: Any) -> None:
    story.pod(c("a"), terminationGracePeriodSeconds=5)
    story.run("5s")
    story.node.delete("default/web")
    story.run("20s")
    # `sleep` as first process does not handle SIGTERM: it lives through the whole grace period.
    story.check(
        story.versions(),
        """
        0.000s phase=Pending
        0.000s phase=Pending a: waiting ContainerCreating
        0.231s phase=Running a: running ready
        5.000s phase=Running deleting a: running ready
        10.170s phase=Failed deleting a: terminated Error(137)
        10.900s deleted phase=Failed deleting a: terminated Error(137)
        """,
    )
    story.check(
        story.versions(conditions=True),
        """
        0.000s phase=Pending
        0.000s phase=Pending PodReadyToStartContainers=False Initialized=True Ready=False(ContainersNotReady)
        0.111s phase=Pending PodReadyToStartContainers=True
        0.231s phase=Running Ready=True
        5.000s phase=Running
        10.170s phase=Failed PodReadyToStartContainers=False Ready=False(PodFailed)
        10.900s phase=Failed
        10.900s deleted
        """,
    )
    story.check(
        story.events(),
        """
        Normal Pulling a: Pulling image "IMAGE"
        Normal Pulled a: Successfully pulled image "IMAGE" in 62ms (62ms including waiting). Image size: N bytes.
        Normal Created a: Container created
        Normal Started a: Container started
        Normal Killing a: Stopping container a
        """,
    )


def test_a_process_that_obeys_sigterm_ends_the_pod_early(story: Any, c: Any) -> None:
    # The pause program ends with 0 on SIGTERM, long before the grace period is over.
    story.pod({"name": "a", "image": "registry.k8s.io/e2e-test-images/agnhost:2.45", "args": ["pause"]})
    story.run("5s")
    story.node.delete("default/web")
    story.run("20s")
    story.check(
        story.versions(),
        """
        0.000s phase=Pending
        0.000s phase=Pending a: waiting ContainerCreating
        0.231s phase=Running a: running ready
        5.000s phase=Running deleting a: running ready
        5.170s phase=Succeeded deleting a: terminated Completed(0)
        5.900s deleted phase=Succeeded deleting a: terminated Completed(0)
        """,
    )


def test_exit_143_on_deletion_is_failed(story: Any, c: Any) -> None:
    story.pod(c("a"))
    story.run("5s")
    story.node.delete("default/web")
    story.run("1s")
    story.node.exit_container("default/web", 143)
    story.run("20s")
    story.check(
        story.versions(),
        """
        0.000s phase=Pending
        0.000s phase=Pending a: waiting ContainerCreating
        0.231s phase=Running a: running ready
        5.000s phase=Running deleting a: running ready
        6.160s phase=Failed deleting a: terminated Error(143)
        6.900s deleted phase=Failed deleting a: terminated Error(143)
        """,
    )
    assert story.status()["startTime"] == story.of("a")["state"]["terminated"]["startedAt"]


def test_no_trace_of_a_deleted_pod_is_left_in_the_runtime(story: Any, c: Any) -> None:
    story.pod(c("a"), c("b"), terminationGracePeriodSeconds=1)
    story.run("5s")
    assert (story.node.runtime.statistics().sandboxes, story.node.runtime.statistics().containers) == (1, 2)
    story.node.delete("default/web")
    story.run("20s")
    assert story.node.pods() == []
    assert (story.node.runtime.statistics().sandboxes, story.node.runtime.statistics().containers) == (0, 0)


def test_running_status_has_all_that_a_user_looks_at(story: Any, c: Any) -> None:
    story.pod(c("a"))
    story.run("5s")
    status = story.status()
    assert status["podIP"] == status["podIPs"][0]["ip"] != ""
    assert (status["hostIP"], status["hostIPs"]) == ("192.0.2.2", [{"ip": "192.0.2.2"}])
    assert (status["qosClass"], status["observedGeneration"]) == ("BestEffort", 1)
    container = story.of("a")
    assert container["containerID"].startswith("containerd://")
    assert container["imageID"].startswith("registry.k8s.io/e2e-test-images/busybox@sha256:")
    assert (container["ready"], container["started"], container["resources"]) == (True, True, {})
    assert container["user"] == {"linux": {"uid": 0, "gid": 0, "supplementalGroups": [0, 10]}}


def test_a_second_pod_of_the_same_name_is_a_new_pod(story: Any, c: Any) -> None:
    story.pod(c("a"))
    story.run("5s")
    first = story.of("a")["containerID"]
    story.node.delete("default/web", grace_seconds=1)
    story.run("10s")
    story.pod(c("a"))
    story.run("5s")
    assert story.is_running("a")
    assert story.of("a")["containerID"] != first
    assert story.of("a")["restartCount"] == 0
