"""Crashing pods over a restart of the kubelet: the back-off is forgotten, the count of restarts is not."""

from typing import Any


def test_the_back_off_starts_over(story: Any, c: Any) -> None:
    """It lives in the process. How often a container was restarted is written on the container."""
    story.pod(c("a", "sh", "-c", "exit 3"))
    story.run("40s")
    assert story.of("a")["restartCount"] == 2
    story.node.restart_kubelet(down_for="5s")
    story.run("30s")
    story.check(
        "\n".join(line for line in story.versions().splitlines() if float(line.partition("s ")[0]) > 40),
        """
        45.158s phase=Running a: running ready last terminated Error(3) restarts=3
        46.000s phase=Running a: terminated Error(3) last terminated Error(3) restarts=3
        60.000s phase=Running a: waiting CrashLoopBackOff last terminated Error(3) restarts=3
        60.058s phase=Running a: running ready last terminated Error(3) restarts=4
        61.000s phase=Running a: terminated Error(3) last terminated Error(3) restarts=4
        """,
    )
    assert "(x" in story.events()


def test_a_container_that_was_removed_meanwhile_counts_on(story: Any, c: Any) -> None:
    """Somebody removed the dead container: its number is on its log, and in the status that the API has."""
    story.pod(c("a", "sleep", "10"))
    story.run("15s")
    assert story.of("a")["restartCount"] == 1
    story.node._world.stop()
    for one in story.node.call("ListContainers")["containers"]:
        story.node.call("RemoveContainer", {"container_id": one["id"]})
    story.node.restart_kubelet(down_for="1s")
    story.run("5s")
    assert story.is_running("a")
    assert story.of("a")["restartCount"] == 2


def test_a_pod_whose_sandbox_was_removed_meanwhile_starts_anew(story: Any, c: Any) -> None:
    story.pod(c("a"), initContainers=[c("i", "true")])
    story.run("15s")
    story.node._world.stop()
    for one in story.node.call("ListPodSandbox")["items"]:
        story.node.call("StopPodSandbox", {"pod_sandbox_id": one["id"]})
        story.node.call("RemovePodSandbox", {"pod_sandbox_id": one["id"]})
    story.node.restart_kubelet(down_for="1s")
    story.run("30s")
    assert story.is_running("a")
    story.check(
        "\n".join(line for line in story.versions().splitlines() if float(line.partition("s ")[0]) > 15),
        """
        16.296s phase=Running i: terminated Completed(0) ready a: waiting PodInitializing last terminated
            ContainerStatusUnknown(137) restarts=1
        16.465s phase=Pending i: running last terminated Completed(0) restarts=1 a: waiting PodInitializing last
            terminated ContainerStatusUnknown(137) restarts=1
        17.196s phase=Running i: terminated Completed(0) ready last terminated Completed(0) restarts=1 a: waiting
            PodInitializing last terminated ContainerStatusUnknown(137) restarts=1
        17.254s phase=Running i: terminated Completed(0) ready last terminated Completed(0) restarts=1 a: running
            ready last terminated ContainerStatusUnknown(137) restarts=1
        """,
    )
