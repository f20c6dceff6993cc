"""The runtime's daemon is away for a while; containers live on, and the kubelet finds back."""

from typing import Any


def test_containers_live_on(story: Any, c: Any) -> None:
    story.pod(c("a"))
    story.run("10s")
    before = story.status()
    restarted_ns = story.node.now_ns
    story.node.restart_runtime(down_for="5s")
    story.run("60s")
    assert story.status() == before
    assert story.calls(since_ns=restarted_ns, methods={"CreateContainer", "StopContainer", "RunPodSandbox"}) == ""


def test_a_pod_that_is_created_meanwhile_starts_later(story: Any, c: Any) -> None:
    story.run("10s")
    story.node.restart_runtime(down_for="20s")
    story.run("1s")
    story.pod(c("a"))
    story.run("90s")
    assert story.is_running("a")
    story.check(
        story.versions(),
        """
        0.000s phase=Pending
        0.000s phase=Pending a: waiting ContainerCreating
        20.131s phase=Running a: running ready
        """,
    )


def test_a_deletion_meanwhile_is_carried_out_later(story: Any, c: Any) -> None:
    story.pod(c("a"), terminationGracePeriodSeconds=2)
    story.run("10s")
    story.node.restart_runtime(down_for="20s")
    story.node.delete("default/web")
    story.run("90s")
    assert story.node.pods() == []
    assert story.node.runtime.statistics().containers == 0


def test_a_restart_in_the_middle_of_a_stop(story: Any, c: Any) -> None:
    story.pod(c("a"), terminationGracePeriodSeconds=10)
    story.run("10s")
    story.node.delete("default/web")
    story.run("3s")
    story.node.restart_runtime(down_for="1s")
    story.run("90s")
    assert story.node.pods() == []
    assert story.node.runtime.statistics().containers == 0
    assert "Warning FailedKillPod" in story.events()


def test_an_exit_meanwhile_is_seen_later(story: Any, c: Any) -> None:
    story.pod(c("a", "sleep", "12"), restartPolicy="Never")
    story.run("10s")
    story.node.restart_runtime(down_for="20s")
    story.run("60s")
    assert story.status()["phase"] == "Succeeded"


def test_a_finished_pod_that_is_deleted_meanwhile_leaves_nothing(story: Any, c: Any) -> None:
    """Its removal fails at first; housekeeping finds what is left."""
    story.pod(c("a"), restartPolicy="Never")
    story.exit(0)
    story.run("10s")
    story.node.restart_runtime(down_for="5s")
    story.node.delete("default/web")
    story.run("20s")
    assert story.node.pods() == []
    assert (story.node.runtime.statistics().sandboxes, story.node.runtime.statistics().containers) == (0, 0)
