"""Every pod passes the door again when a new kubelet process starts: pods that run are no exception."""

from typing import Any

from msgspec.structs import replace

CHANGES = {"RunPodSandbox", "CreateContainer", "StopContainer", "StopPodSandbox", "RemoveContainer", "RemovePodSandbox"}


def test_a_running_pod_that_does_not_fit_any_more_is_rejected_and_ended(story: Any, c: Any) -> None:
    """Its containers belong to no worker then: housekeeping ends them as orphans, with a grace of a second.

    That it failed is told when nothing of it can run any more, by the status manager's round of every ten seconds.
    """
    api = story.node._world.api
    api._node = replace(api._node, metadata=replace(api._node.metadata, labels={**api._node.metadata.labels, "a": "b"}))
    story.pod(c("a"), nodeSelector={"a": "b"})
    story.run("10s")
    assert story.is_running("a")
    api._node = replace(api._node, metadata=replace(api._node.metadata, labels={}))
    restarted_ns = story.node.now_ns
    story.node.restart_kubelet()
    story.run("20s")
    story.check(
        story.versions(),
        """
        0.000s phase=Pending
        0.000s phase=Pending a: waiting ContainerCreating
        0.231s phase=Running a: running ready
        10.100s phase=Running
        20.000s phase=Failed reason=NodeAffinity
        """,
    )
    story.check(
        story.calls(since_ns=restarted_ns, methods=CHANGES),
        """
        12.000s StopContainer a/0 timeout=2
        14.035s StopPodSandbox
        14.170s RemoveContainer a/0
        14.173s StopPodSandbox
        14.173s RemovePodSandbox
        """,
    )
    assert "Warning NodeAffinity: Predicate NodeAffinity failed" in story.events()


def test_running_pods_fill_the_node_before_new_ones_do(story: Any, c: Any) -> None:
    """Pods come in the order of their creation: one that came meanwhile never takes the place of an older one."""
    big = {"resources": {"requests": {"cpu": "3"}}}
    story.pod(c("a", **big), name="web")
    story.run("5s")
    story.node._world.stop()
    story.pod(c("a", **big), name="late")
    story.node.restart_kubelet(down_for="1s")
    story.run("10s")
    assert story.status("default/late")["reason"] == "OutOfcpu"
    assert story.status()["phase"] == "Running"


def test_a_finished_pod_holds_nothing_after_a_restart(story: Any, c: Any) -> None:
    """It is known to be over before the next pod is admitted."""
    big = {"resources": {"requests": {"cpu": "3"}}}
    story.pod(c("a", "true", **big), restartPolicy="Never")
    story.run("10s")
    assert story.status()["phase"] == "Succeeded"
    story.node.restart_kubelet()
    story.pod(c("a", **big), name="late")
    story.run("10s")
    assert story.is_running("a", "default/late")
