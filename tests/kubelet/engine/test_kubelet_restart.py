"""A new kubelet process finds the containers of the old one and leaves them alone."""

from typing import Any

CHANGES = {"RunPodSandbox", "CreateContainer", "StartContainer", "StopContainer", "StopPodSandbox", "RemoveContainer"}


def test_running_containers_are_adopted(story: Any, c: Any) -> None:
    sidecar = c("s", restartPolicy="Always")
    story.pod(c("a"), c("b"), initContainers=[c("i", "sleep", "1"), sidecar])
    story.run("20s")
    before = story.status()
    restarted_ns = story.node.now_ns
    story.node.restart_kubelet(down_for="10s")
    story.run("30s")
    assert story.calls(since_ns=restarted_ns, methods=CHANGES) == ""
    assert story.status() == before


def test_statuses_are_published_only_once(story: Any, c: Any) -> None:
    story.pod(c("a"))
    story.run("20s")
    count = len(story.node.versions("default/web"))
    story.node.restart_kubelet()
    story.run("30s")
    assert len(story.node.versions("default/web")) == count


def test_an_exit_while_the_kubelet_is_away(story: Any, c: Any) -> None:
    story.pod(c("a", "sleep", "10"), restartPolicy="Never")
    story.run("5s")
    story.node.restart_kubelet(down_for="20s")
    story.run("10s")
    story.check(
        story.versions(),
        """
        0.000s phase=Pending
        0.000s phase=Pending a: waiting ContainerCreating
        0.231s phase=Running a: running ready
        25.100s phase=Running a: terminated Completed(0)
        26.135s phase=Succeeded a: terminated Completed(0)
        """,
    )


def test_a_restart_while_the_kubelet_is_away_counts_on(story: Any, c: Any) -> None:
    story.pod(c("a", "sleep", "10"))
    story.run("15s")
    story.node.restart_kubelet(down_for="20s")
    story.run("2s")
    assert story.of("a")["restartCount"] == 2


def test_deletion_while_the_kubelet_is_away(story: Any, c: Any) -> None:
    story.pod(c("a"), terminationGracePeriodSeconds=3)
    story.run("5s")
    story.node._world.stop()
    story.node.delete("default/web")
    story.node.restart_kubelet(down_for="1s")
    story.run("20s")
    assert story.node.pods() == []
    assert story.node.runtime.statistics().containers == 0


def test_force_deletion_while_the_kubelet_is_away_leaves_an_orphan_that_is_ended(story: Any, c: Any) -> None:
    """Housekeeping kills pods that nobody knows: with a grace of 1 s, which is 2 for the runtime."""
    story.pod(c("a"))
    story.run("5s")
    story.node._world.stop()
    story.node.delete("default/web", grace_seconds=0)
    restarted_ns = story.node.now_ns
    story.node.restart_kubelet()
    story.run("30s")
    story.check(
        story.calls(since_ns=restarted_ns, methods=CHANGES | {"RemovePodSandbox"}),
        """
        7.000s StopContainer a/0 timeout=2
        9.035s StopPodSandbox
        9.170s RemoveContainer a/0
        9.173s StopPodSandbox
        9.173s RemovePodSandbox
        """,
    )


def test_a_restart_in_the_middle_of_a_deletion(story: Any, c: Any) -> None:
    story.pod(c("a"), terminationGracePeriodSeconds=20)
    story.run("5s")
    story.node.delete("default/web")
    story.run("5s")
    story.node.restart_kubelet()
    story.run("60s")
    assert story.node.pods() == []
    assert story.node.runtime.statistics().containers == 0


def test_a_restart_in_the_middle_of_a_start(story: Any, c: Any) -> None:
    """The process dies between RunPodSandbox and its answer; the pod runs all the same in the end."""
    story.pod(c("a"))
    story.run("50ms")
    story.node.restart_kubelet()
    story.run("20s")
    assert story.is_running("a")


def test_a_rejected_pod_gains_conditions_after_a_restart(story: Any, c: Any) -> None:
    """00-observed, Status 11: rejected pods have no conditions until then."""
    story.pod(c("a"), nodeSelector={"no": "such"})
    story.run("5s")
    assert "conditions" not in story.status()
    story.node.restart_kubelet()
    story.run("10s")
    status = story.status()
    assert (status["phase"], status["reason"]) == ("Failed", "NodeAffinity")
    kinds = ["PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled"]
    assert [one["type"] for one in status["conditions"]] == kinds
    assert story.of("a")["state"]["terminated"]["reason"] == "ContainerStatusUnknown"
    assert story.of("a")["state"]["terminated"]["exitCode"] == 137


def test_a_finished_pod_stays_finished(story: Any, c: Any) -> None:
    story.pod(c("a"), restartPolicy="Never")
    story.exit(3)
    story.run("5s")
    before = story.status()
    restarted_ns = story.node.now_ns
    story.node.restart_kubelet()
    story.run("30s")
    # The addresses of a dead sandbox were known to the old process only.
    assert story.status() == {key: value for key, value in before.items() if key not in {"podIP", "podIPs"}}
    assert story.calls(since_ns=restarted_ns, methods=CHANGES) == ""
