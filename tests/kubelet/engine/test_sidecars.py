"""Sidecars: init containers with restartPolicy Always. They start first and end last."""

from typing import Any

SIDECAR = {"restartPolicy": "Always"}


def test_sidecars_start_in_order_before_the_main_container(story: Any, c: Any) -> None:
    story.pod(c("a"), initContainers=[c("s", **SIDECAR), c("i", "sleep", "2"), c("t", **SIDECAR)])
    story.run("20s")
    story.check(
        story.versions(),
        """
        0.000s phase=Pending
        0.000s phase=Pending s: waiting PodInitializing i: waiting PodInitializing t: waiting PodInitializing a:
            waiting PodInitializing
        0.231s phase=Pending s: running ready i: waiting PodInitializing t: waiting PodInitializing a: waiting
            PodInitializing
        0.289s phase=Pending s: running ready i: running t: waiting PodInitializing a: waiting PodInitializing
        2.900s phase=Pending s: running ready i: terminated Completed(0) ready t: waiting PodInitializing a: waiting
            PodInitializing
        2.958s phase=Pending s: running ready i: terminated Completed(0) ready t: running ready a: waiting
            PodInitializing
        3.016s phase=Running s: running ready i: terminated Completed(0) ready t: running ready a: running ready
        """,
    )


def test_sidecars_end_in_reverse_order_after_the_main_container(story: Any, c: Any) -> None:
    story.pod(c("a"), initContainers=[c("s", **SIDECAR), c("t", **SIDECAR)], terminationGracePeriodSeconds=30)
    story.run("5s")
    story.node.delete("default/web")
    story.run("1s")
    story.node.exit_container("default/web", 0, container="a")
    story.run("3s")
    story.node.exit_container("default/web", 0, container="t")
    story.run("3s")
    story.node.exit_container("default/web", 0, container="s")
    story.run("10s")
    story.check(
        story.calls(methods={"StopContainer", "StopPodSandbox"}),
        """
        5.000s StopContainer a/0 timeout=30
        6.025s StopContainer t/0 timeout=29
        9.025s StopContainer s/0 timeout=26
        12.025s StopPodSandbox
        12.908s StopPodSandbox
        """,
    )


def test_a_main_container_that_uses_all_the_grace_leaves_two_seconds_to_each_sidecar(story: Any, c: Any) -> None:
    story.pod(c("a"), initContainers=[c("s", **SIDECAR), c("t", **SIDECAR)], terminationGracePeriodSeconds=5)
    story.run("5s")
    story.node.delete("default/web")
    story.run("20s")
    story.check(
        story.calls(methods={"StopContainer", "StopPodSandbox"}),
        """
        5.000s StopContainer a/0 timeout=5
        10.000s StopContainer t/0 timeout=2
        10.000s StopContainer s/0 timeout=2
        12.035s StopPodSandbox
        12.908s StopPodSandbox
        """,
    )


def test_a_finished_job_ends_its_sidecar(story: Any, c: Any) -> None:
    story.pod(c("a"), initContainers=[c("s", **SIDECAR)], restartPolicy="Never", terminationGracePeriodSeconds=3)
    story.exit(0)
    story.run("20s")
    story.check(
        story.versions(),
        """
        0.000s phase=Pending
        0.000s phase=Pending s: waiting PodInitializing a: waiting PodInitializing
        0.231s phase=Pending s: running ready a: waiting PodInitializing
        0.289s phase=Running s: running ready a: running ready
        1.900s phase=Running s: running ready a: terminated Completed(0)
        5.071s phase=Running s: terminated Error(137) a: terminated Completed(0)
        6.900s phase=Succeeded s: terminated Error(137) a: terminated Completed(0)
        """,
    )


def test_a_sidecar_that_ends_is_restarted(story: Any, c: Any) -> None:
    story.pod(c("a"), initContainers=[c("s", **SIDECAR)], restartPolicy="Never")
    story.exit(0, "s")
    story.run("3s")
    story.check(
        story.versions(),
        """
        0.000s phase=Pending
        0.000s phase=Pending s: waiting PodInitializing a: waiting PodInitializing
        0.231s phase=Pending s: running ready a: waiting PodInitializing
        0.289s phase=Running s: running ready a: running ready
        1.900s phase=Running s: terminated Completed(0) a: running ready
        1.958s phase=Running s: running ready last terminated Completed(0) restarts=1 a: running ready
        """,
    )


def test_a_sidecar_that_cannot_start_holds_up_the_main_container(story: Any, c: Any) -> None:
    story.pod(c("a"), initContainers=[c("s", image="registry.k8s.io/e2e-test-images/absent:1", **SIDECAR)])
    story.run("5s")
    story.check(
        story.versions(),
        """
        0.000s phase=Pending
        0.000s phase=Pending s: waiting PodInitializing a: waiting PodInitializing
        0.900s phase=Pending s: waiting ErrImagePull a: waiting PodInitializing
        """,
    )
