"""Init containers: one after the other, each to its end, before the others start."""

from typing import Any


def test_init_containers_run_in_order(story: Any, c: Any) -> None:
    story.pod(c("a"), initContainers=[c("i", "sleep", "2"), c("j", "sleep", "2")])
    story.run("20s")
    story.check(
        story.versions(),
        """
        0.000s phase=Pending
        0.000s phase=Pending i: waiting PodInitializing j: waiting PodInitializing a: waiting PodInitializing
        0.231s phase=Pending i: running j: waiting PodInitializing a: waiting PodInitializing
        2.900s phase=Pending i: terminated Completed(0) ready j: waiting PodInitializing a: waiting PodInitializing
        2.958s phase=Pending i: terminated Completed(0) ready j: running a: waiting PodInitializing
        5.900s phase=Pending i: terminated Completed(0) ready j: terminated Completed(0) ready a: waiting
            PodInitializing
        5.958s phase=Running i: terminated Completed(0) ready j: terminated Completed(0) ready a: running ready
        """,
    )
    story.check(
        story.versions(conditions=True),
        """
        0.000s phase=Pending
        0.000s phase=Pending PodReadyToStartContainers=False Initialized=False(ContainersNotInitialized)
            Ready=False(ContainersNotReady)
        0.111s phase=Pending PodReadyToStartContainers=True
        0.231s phase=Pending
        5.900s phase=Pending Initialized=True
        5.958s phase=Running Ready=True
        """,
    )


def test_failing_init_container_never(story: Any, c: Any) -> None:
    story.pod(c("a"), initContainers=[c("i", "sleep", "60")], restartPolicy="Never")
    story.exit(1, "i")
    story.run("10s")
    story.check(
        story.versions(),
        """
        0.000s phase=Pending
        0.000s phase=Pending i: waiting PodInitializing a: waiting PodInitializing
        0.231s phase=Pending i: running a: waiting PodInitializing
        1.900s phase=Pending i: terminated Error(1) a: waiting PodInitializing
        3.035s phase=Failed i: terminated Error(1) a: waiting PodInitializing
        """,
    )
    story.check(
        story.versions(conditions=True),
        """
        0.000s phase=Pending
        0.000s phase=Pending PodReadyToStartContainers=False Initialized=False(ContainersNotInitialized)
            Ready=False(ContainersNotReady)
        0.111s phase=Pending PodReadyToStartContainers=True
        0.231s phase=Pending
        1.900s phase=Pending Ready=False(PodFailed)
        3.035s phase=Failed PodReadyToStartContainers=False
        """,
    )


def test_failing_init_container_is_restarted_with_back_off(story: Any, c: Any) -> None:
    story.pod(c("a"), initContainers=[c("i", "sleep", "60")])
    story.exit(1, "i")
    story.run("2s")
    story.exit(1, "i")
    story.run("20s")
    story.exit(0, "i")
    story.run("10s")
    story.check(
        story.versions(),
        """
        0.000s phase=Pending
        0.000s phase=Pending i: waiting PodInitializing a: waiting PodInitializing
        0.231s phase=Pending i: running a: waiting PodInitializing
        1.900s phase=Pending i: terminated Error(1) a: waiting PodInitializing
        1.958s phase=Pending i: running last terminated Error(1) restarts=1 a: waiting PodInitializing
        4.900s phase=Pending i: terminated Error(1) last terminated Error(1) restarts=1 a: waiting PodInitializing
        16.900s phase=Pending i: waiting CrashLoopBackOff last terminated Error(1) restarts=1 a: waiting
            PodInitializing
        16.958s phase=Pending i: running last terminated Error(1) restarts=2 a: waiting PodInitializing
        25.900s phase=Pending i: terminated Completed(0) ready last terminated Error(1) restarts=2 a: waiting
            PodInitializing
        25.961s phase=Running i: terminated Completed(0) ready last terminated Error(1) restarts=2 a: running ready
        """,
    )


def test_init_container_with_a_missing_image(story: Any, c: Any) -> None:
    story.pod(c("a"), initContainers=[c("i", image="registry.k8s.io/e2e-test-images/absent:1")])
    story.run("40s")
    story.check(
        story.versions(),
        """
        0.000s phase=Pending
        0.000s phase=Pending i: waiting PodInitializing a: waiting PodInitializing
        0.900s phase=Pending i: waiting ErrImagePull a: waiting PodInitializing
        12.900s phase=Pending i: waiting ImagePullBackOff a: waiting PodInitializing
        27.900s phase=Pending i: waiting ErrImagePull a: waiting PodInitializing
        """,
    )
    assert story.calls(methods={"CreateContainer"}) == ""


def test_deletion_while_an_init_container_runs(story: Any, c: Any) -> None:
    story.pod(c("a"), initContainers=[c("i"), c("j")], terminationGracePeriodSeconds=3)
    story.run("5s")
    story.node.delete("default/web")
    story.run("10s")
    story.check(
        story.versions(),
        """
        0.000s phase=Pending
        0.000s phase=Pending i: waiting PodInitializing j: waiting PodInitializing a: waiting PodInitializing
        0.231s phase=Pending i: running j: waiting PodInitializing a: waiting PodInitializing
        5.000s phase=Pending deleting i: running j: waiting PodInitializing a: waiting PodInitializing
        8.170s phase=Pending deleting i: terminated Error(137) j: waiting PodInitializing a: waiting PodInitializing
        8.900s phase=Failed deleting i: terminated Error(137) j: waiting PodInitializing a: waiting PodInitializing
        8.900s deleted phase=Failed deleting i: terminated Error(137) j: waiting PodInitializing a: waiting
            PodInitializing
        """,
    )


def test_a_dead_sandbox_starts_over_with_the_init_containers(story: Any, c: Any) -> None:
    story.pod(c("a"), initContainers=[c("i", "sleep", "1")])
    story.until(lambda: story.is_running("a"))
    sandbox = next(one.response.pod_sandbox_id for one in story.node.journal if one.method == "RunPodSandbox")
    story.stop_sandbox(sandbox)
    story.run("20s")
    story.check(
        story.versions(),
        """
        0.000s phase=Pending
        0.000s phase=Pending i: waiting PodInitializing a: waiting PodInitializing
        0.231s phase=Pending i: running a: waiting PodInitializing
        1.900s phase=Pending i: terminated Completed(0) ready a: waiting PodInitializing
        1.958s phase=Running i: terminated Completed(0) ready a: running ready
        2.900s phase=Running i: terminated Completed(0) ready a: terminated Error(137)
        3.072s phase=Pending i: running last terminated Completed(0) restarts=1 a: terminated Error(137)
        4.900s phase=Running i: terminated Completed(0) ready last terminated Completed(0) restarts=1 a: terminated
            Error(137)
        4.958s phase=Running i: terminated Completed(0) ready last terminated Completed(0) restarts=1 a: running ready
            last terminated Error(137) restarts=1
        """,
    )
    story.check(
        story.events(),
        """
        Normal Pulling i: Pulling image "IMAGE"
        Normal Pulled i: Successfully pulled image "IMAGE" in 62ms (62ms including waiting). Image size: N bytes.
        Normal Created i (x2): Container created
        Normal Started i (x2): Container started
        Normal Pulled a (x2): Container image "IMAGE" already present on machine and can be accessed by the pod
        Normal Created a (x2): Container created
        Normal Started a (x2): Container started
        Normal SandboxChanged: Pod sandbox changed, it will be killed and re-created.
        Normal Pulled i: Container image "IMAGE" already present on machine and can be accessed by the pod
        """,
    )


def test_the_dead_sandbox_is_removed_by_garbage_collection(story: Any, c: Any) -> None:
    """Once a minute: dead sandboxes without containers go, but for the newest."""
    story.pod(c("a"))
    story.until(lambda: story.is_running("a"))
    story.stop_sandbox(next(one.response.pod_sandbox_id for one in story.node.journal if one.method == "RunPodSandbox"))
    story.run("5s")
    # The dead container of the first sandbox is the newest dead one of its name: it and its sandbox stay.
    story.run("2m")
    assert story.node.runtime.statistics().sandboxes == 2
    story.exit(1)
    story.run("2m")
    assert story.node.runtime.statistics().sandboxes == 1
    assert story.is_running("a")
