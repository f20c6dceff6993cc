"""Init containers that fail or cannot start, with each policy; and when they run again."""

from typing import Any

import pytest

ABSENT = "registry.k8s.io/e2e-test-images/absent:1"
NEW = "gcr.io/k8s-staging-cri-tools/test-image-2:latest"


@pytest.mark.parametrize(
    ("policy", "phase", "restarts"), [("Always", "Pending", 1), ("OnFailure", "Pending", 1), ("Never", "Failed", 0)]
)
def test_one_in_the_middle_that_fails(story: Any, c: Any, policy: str, phase: str, restarts: int) -> None:
    """Those before it stay done, and those behind it never run."""
    story.pod(
        c("a"),
        initContainers=[c("i", "true"), c("j", "sh", "-c", "sleep 1; exit 9"), c("k", "true")],
        restartPolicy=policy,
    )
    story.run("6s")
    assert story.status()["phase"] == phase
    assert (story.of("i")["restartCount"], story.of("j")["restartCount"]) == (0, restarts)
    assert {name for name in story.names().values() if name[0] in "ak"} == set()
    initialized = next(one for one in story.status()["conditions"] if one["type"] == "Initialized")
    assert initialized["message"] == "containers with incomplete status: [j k]"


def test_one_that_is_killed_for_memory_has_failed(story: Any, c: Any) -> None:
    story.pod(c("a"), initContainers=[c("i")], restartPolicy="Never")
    story.until(lambda: story.is_running("i"))
    story.node.exit_container("default/web", 0, container="i", reason="OOMKilled")
    story.run("5s")
    story.check(
        story.versions(),
        """
        0.000s phase=Pending
        0.000s phase=Pending i: waiting PodInitializing a: waiting PodInitializing
        0.231s phase=Pending i: running a: waiting PodInitializing
        0.900s phase=Pending i: terminated OOMKilled(137) a: waiting PodInitializing
        2.035s phase=Failed i: terminated OOMKilled(137) a: waiting PodInitializing
        """,
    )


@pytest.mark.parametrize("policy", ["Always", "Never"])
@pytest.mark.parametrize(
    ("image", "pull_policy", "reasons"),
    [
        (ABSENT, "IfNotPresent", {"ErrImagePull", "ImagePullBackOff"}),
        (ABSENT, "Never", {"ErrImageNeverPull"}),
        ("Not An Image", "IfNotPresent", {"InvalidImageName"}),
    ],
)
def test_an_image_that_cannot_be_had_is_waited_for_with_every_policy(
    story: Any, c: Any, image: str, pull_policy: str, reasons: set[str], policy: str
) -> None:
    bad = c("i", image=image, imagePullPolicy=pull_policy)
    story.pod(c("a"), initContainers=[bad, c("j", "true")], restartPolicy=policy)
    story.run("30s")
    assert story.waiting("i").partition(":")[0] in reasons
    assert [story.waiting(name) for name in "ja"] == ["PodInitializing: "] * 2
    assert story.status()["phase"] == "Pending"


def test_a_command_that_is_not_there(story: Any, c: Any) -> None:
    story.pod(c("a"), initContainers=[c("i", "/not/there")], restartPolicy="Never")
    story.run("5s")
    story.check(
        story.versions(),
        """
        0.000s phase=Pending
        0.000s phase=Pending i: waiting PodInitializing a: waiting PodInitializing
        0.900s phase=Pending i: terminated StartError(128) a: waiting PodInitializing
        2.035s phase=Failed i: terminated StartError(128) a: waiting PodInitializing
        """,
    )


def test_a_new_image_starts_no_init_container_again(story: Any, c: Any) -> None:
    """Neither one that is done nor one that runs: that one ends as it was."""
    for name, command in (("done", ("true",)), ("busy", ("sleep", "10"))):
        story.pod(c("a"), name=name, initContainers=[c("i", *command, imagePullPolicy="IfNotPresent")])
        story.run("5s")
        story.pod(c("a"), name=name, initContainers=[c("i", *command, image=NEW, imagePullPolicy="IfNotPresent")])
        story.run("15s")
        key = f"default/{name}"
        assert (story.of("i", key)["restartCount"], story.is_running("a", key)) == (0, True)
    assert [name for name in story.names().values() if name[0] == "i"] == ["i/0", "i/0"]


@pytest.mark.parametrize(("policy", "restarts"), [("Always", 1), ("OnFailure", 1)])
def test_a_new_sandbox_runs_them_again(story: Any, c: Any, policy: str, restarts: int) -> None:
    story.pod(c("a"), initContainers=[c("i", "sh", "-c", "sleep 1; exit 0")], restartPolicy=policy)
    story.run("5s")
    story.stop_sandbox(next(one.response.pod_sandbox_id for one in story.node.journal if one.method == "RunPodSandbox"))
    story.run("10s")
    assert (story.of("i")["restartCount"], story.of("a")["restartCount"]) == (restarts, restarts)
    story.check(
        story.calls(methods={"RunPodSandbox", "CreateContainer", "RemoveContainer", "StopPodSandbox"}),
        """
        0.000s RunPodSandbox
        0.173s CreateContainer i/0
        1.900s CreateContainer a/0
        5.900s StopPodSandbox
        5.900s RemoveContainer i/0
        5.903s RunPodSandbox
        6.014s CreateContainer i/1
        7.900s CreateContainer a/1
        """,
    )


def test_with_on_failure_the_status_of_that_second_run_is_held_back_while_it_runs(story: Any, c: Any) -> None:
    """A terminated init container may not leave its state there: the kubelet drops its own updates meanwhile."""
    story.pod(c("a"), initContainers=[c("i", "sh", "-c", "sleep 3; exit 0")], restartPolicy="OnFailure")
    story.run("6s")
    story.stop_sandbox(next(one.response.pod_sandbox_id for one in story.node.journal if one.method == "RunPodSandbox"))
    story.run("10s")
    story.check(
        story.versions(),
        """
        0.000s phase=Pending
        0.000s phase=Pending i: waiting PodInitializing a: waiting PodInitializing
        0.231s phase=Pending i: running a: waiting PodInitializing
        3.900s phase=Pending i: terminated Completed(0) ready a: waiting PodInitializing
        3.958s phase=Running i: terminated Completed(0) ready a: running ready
        6.900s phase=Running i: terminated Completed(0) ready a: terminated Error(137)
        10.900s phase=Running i: terminated Completed(0) ready last terminated Completed(0) restarts=1 a: terminated
            Error(137)
        10.958s phase=Running i: terminated Completed(0) ready last terminated Completed(0) restarts=1 a: running
            ready last terminated Error(137) restarts=1
        """,
    )


def test_a_pod_that_restarts_nothing_gets_no_new_sandbox(story: Any, c: Any) -> None:
    story.pod(c("a"), initContainers=[c("i", "true")], restartPolicy="Never")
    story.run("5s")
    story.stop_sandbox(next(one.response.pod_sandbox_id for one in story.node.journal if one.method == "RunPodSandbox"))
    story.run("10s")
    story.check(
        story.versions().splitlines()[-1],
        """
        7.900s phase=Failed i: terminated Completed(0) ready a: terminated Error(137)
        """,
    )
    assert "SandboxChanged" not in story.events()
