"""Deletion with unusual grace periods: 0, 1, and a second, shorter one."""

from typing import Any

STOPS = {"StopContainer", "StopPodSandbox", "RemoveContainer", "RemovePodSandbox"}


def test_force_delete(story: Any, c: Any) -> None:
    """The object is gone at once; the container has two seconds more (00-observed, Status 8)."""
    story.pod(c("a"))
    story.run("5s")
    story.node.delete("default/web", grace_seconds=0)
    assert story.node.pods() == []
    assert story.node.runtime.statistics().running == 1
    story.run("10s")
    story.check(
        story.versions(),
        """
        0.000s phase=Pending
        0.000s phase=Pending a: waiting ContainerCreating
        0.231s phase=Running a: running ready
        5.000s phase=Running deleting a: running ready
        5.000s deleted phase=Running deleting a: running ready
        """,
    )
    story.check(
        story.calls(methods=STOPS),
        """
        5.000s StopContainer a/0 timeout=2
        7.035s StopPodSandbox
        7.170s RemoveContainer a/0
        7.173s StopPodSandbox
        7.173s RemovePodSandbox
        """,
    )


def test_force_delete_while_it_is_being_deleted(story: Any, c: Any) -> None:
    """A stop that runs is not cut short: the container lives its full grace period."""
    story.pod(c("a"), terminationGracePeriodSeconds=10)
    story.run("5s")
    story.node.delete("default/web")
    story.run("1s")
    story.node.delete("default/web", grace_seconds=0)
    assert story.node.pods() == []
    story.run("20s")
    story.check(
        story.calls(methods=STOPS),
        """
        5.000s StopContainer a/0 timeout=10
        15.035s StopPodSandbox
        15.170s RemoveContainer a/0
        15.173s StopPodSandbox
        15.173s RemovePodSandbox
        """,
    )


def test_grace_of_one_second_is_two_for_the_runtime(story: Any, c: Any) -> None:
    story.pod(c("a"))
    story.run("5s")
    story.node.delete("default/web", grace_seconds=1)
    story.run("10s")
    story.check(
        story.calls(methods=STOPS),
        """
        5.000s StopContainer a/0 timeout=2
        7.035s StopPodSandbox
        7.900s RemoveContainer a/0
        7.903s StopPodSandbox
        7.903s RemovePodSandbox
        """,
    )


def test_a_second_shorter_deletion_changes_the_object_only(story: Any, c: Any) -> None:
    """00-observed, Status 7. The API server keeps 1 s: what is left of the shorter grace since the first DELETE."""
    story.pod(c("a"), terminationGracePeriodSeconds=30)
    story.run("12s")
    story.node.delete("default/web")
    story.run("3s")
    story.node.delete("default/web", grace_seconds=3)
    assert story.node.pod("default/web")["metadata"]["deletionGracePeriodSeconds"] == 1
    story.run("40s")
    story.check(
        story.versions(),
        """
        0.000s phase=Pending
        0.000s phase=Pending a: waiting ContainerCreating
        0.231s phase=Running a: running ready
        12.000s phase=Running deleting a: running ready
        42.170s phase=Failed deleting a: terminated Error(137)
        42.900s deleted phase=Failed deleting a: terminated Error(137)
        """,
    )


def test_a_pod_that_asks_for_no_grace(story: Any, c: Any) -> None:
    """terminationGracePeriodSeconds 0 makes a plain DELETE a forced one."""
    story.pod(c("a"), terminationGracePeriodSeconds=0)
    story.run("5s")
    story.node.delete("default/web")
    assert story.node.pods() == []
    story.run("10s")
    assert story.node.runtime.statistics().containers == 0


def test_deletion_waits_for_a_start(story: Any, c: Any) -> None:
    """A postStart hook keeps the worker of its pod busy: the grace period begins when it is over."""
    story.pod(
        c("a", lifecycle={"postStart": {"exec": {"command": ["sleep", "20"]}}}),
        c("b"),
        terminationGracePeriodSeconds=2,
    )
    story.run("5s")
    story.node.delete("default/web")
    story.run("30s")
    assert story.node.pods() == []
    story.check(
        story.events() + "\n" + story.calls(methods=STOPS),
        """
        Normal Pulling a: Pulling image "IMAGE"
        Normal Pulled a: Successfully pulled image "IMAGE" in 62ms (62ms including waiting). Image size: N bytes.
        Normal Created a: Container created
        Normal Started a: Container started
        Normal Pulled b: Container image "IMAGE" already present on machine and can be accessed by the pod
        Normal Created b: Container created
        Normal Started b: Container started
        Normal Killing b: Stopping container b
        Normal Killing a: Stopping container a
        20.318s StopContainer b/0 timeout=2
        20.318s StopContainer a/0 timeout=2
        22.353s StopPodSandbox
        22.900s RemoveContainer b/0
        22.903s RemoveContainer a/0
        22.905s StopPodSandbox
        22.905s RemovePodSandbox
        """,
    )


def test_deletion_while_a_start_fails(story: Any, c: Any) -> None:
    failing = {"postStart": {"exec": {"command": ["sh", "-c", "sleep 10; exit 1"]}}}
    story.pod(c("a", lifecycle=failing), terminationGracePeriodSeconds=2)
    story.run("5s")
    story.node.delete("default/web")
    story.run("20s")
    assert story.node.pods() == []
    story.check(
        story.events() + "\n" + story.calls(methods=STOPS),
        """
        Normal Pulling a: Pulling image "IMAGE"
        Normal Pulled a: Successfully pulled image "IMAGE" in 62ms (62ms including waiting). Image size: N bytes.
        Normal Created a: Container created
        Normal Started a: Container started
        Warning FailedPostStartHook a: PostStartHook failed
        Normal Killing a: FailedPostStartHook
        10.260s StopContainer a/0 timeout=2
        12.900s StopPodSandbox
        13.900s RemoveContainer a/0
        13.903s StopPodSandbox
        13.903s RemovePodSandbox
        """,
    )


def test_deletion_while_a_volume_is_awaited(story: Any, c: Any) -> None:
    story.pod(
        c("a", volumeMounts=[{"name": "h", "mountPath": "/data"}]),
        volumes=[{"name": "h", "hostPath": {"path": "/srv/missing", "type": "Directory"}}],
    )
    story.run("30s")
    story.node.delete("default/web")
    story.run("3s")
    story.check(
        story.versions(),
        """
        0.000s phase=Pending
        0.000s phase=Pending a: waiting ContainerCreating
        30.000s phase=Pending deleting a: waiting ContainerCreating
        31.900s phase=Failed deleting a: terminated ContainerStatusUnknown(137)
        31.900s deleted phase=Failed deleting a: terminated ContainerStatusUnknown(137)
        """,
    )


def test_deletion_in_the_middle_of_a_sandbox_start(story: Any, c: Any) -> None:
    story.pod(c("a"))
    story.run("50ms")
    story.node.delete("default/web", grace_seconds=1)
    story.run("20s")
    assert story.node.pods() == []
    assert (story.node.runtime.statistics().sandboxes, story.node.runtime.statistics().containers) == (0, 0)


def test_deletion_in_the_middle_of_a_pull(story: Any, c: Any) -> None:
    story.pod(c("a"))
    story.run("120ms")
    story.node.delete("default/web", grace_seconds=1)
    story.run("20s")
    assert story.node.pods() == []
    assert (story.node.runtime.statistics().sandboxes, story.node.runtime.statistics().containers) == (0, 0)
