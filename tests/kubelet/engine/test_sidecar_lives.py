"""Sidecars that fail, that end by themselves, or whose pod ends or is done."""

from typing import Any

ABSENT = "registry.k8s.io/e2e-test-images/absent:1"
NEW = "gcr.io/k8s-staging-cri-tools/test-image-2:latest"
SIDECAR = {"restartPolicy": "Always"}
ONCE = {"restartPolicy": "Never"}
POLITE = ("sh", "-c", "trap 'exit 0' TERM; while true; do sleep 1; done")
STUBBORN = ("sh", "-c", "trap '' TERM; while true; do sleep 1; done")
STOPS = {"StopContainer", "StopPodSandbox"}


def test_a_sidecar_that_crashes_backs_off_beside_a_pod_that_runs(story: Any, c: Any) -> None:
    story.pod(c("a"), initContainers=[c("s", "sh", "-c", "sleep 1; exit 4", **SIDECAR)])
    story.run("20s")
    story.check(
        story.versions(),
        """
        0.000s phase=Pending
        0.000s phase=Pending s: waiting PodInitializing a: waiting PodInitializing
        0.231s phase=Pending s: running ready a: waiting PodInitializing
        0.289s phase=Running s: running ready a: running ready
        1.900s phase=Running s: terminated Error(4) a: running ready
        1.958s phase=Running s: running ready last terminated Error(4) restarts=1 a: running ready
        3.900s phase=Running s: terminated Error(4) last terminated Error(4) restarts=1 a: running ready
        14.900s phase=Running s: waiting CrashLoopBackOff last terminated Error(4) restarts=1 a: running ready
        14.958s phase=Running s: running ready last terminated Error(4) restarts=2 a: running ready
        16.900s phase=Running s: terminated Error(4) last terminated Error(4) restarts=2 a: running ready
        """,
    )


def test_a_sidecar_that_ends_while_its_pod_ends_is_not_started_again(story: Any, c: Any) -> None:
    story.pod(
        c("a", *STUBBORN),
        initContainers=[c("s", "sh", "-c", "sleep 8; exit 3", **SIDECAR)],
        terminationGracePeriodSeconds=8,
    )
    story.run("5s")
    story.node.delete("default/web")
    story.run("20s")
    story.check(
        story.versions(),
        """
        0.000s phase=Pending
        0.000s phase=Pending s: waiting PodInitializing a: waiting PodInitializing
        0.231s phase=Pending s: running ready a: waiting PodInitializing
        0.289s phase=Running s: running ready a: running ready
        5.000s phase=Running deleting s: running ready a: running ready
        13.170s phase=Failed deleting s: terminated Error(3) a: terminated Error(137)
        13.900s deleted phase=Failed deleting s: terminated Error(3) a: terminated Error(137)
        """,
    )
    assert list(story.names().values()) == ["s/0", "a/0"]


def test_a_sidecar_in_the_middle_that_is_over_lets_the_one_before_it_go(story: Any, c: Any) -> None:
    """The kubelet looks only at the next sidecar, here one in its back-off; the third need not have stopped."""
    story.pod(
        c("a", *POLITE),
        initContainers=[
            c("s1", *POLITE, **SIDECAR),
            c("s2", "sh", "-c", "sleep 1; exit 1", **SIDECAR),
            c("s3", *STUBBORN, **SIDECAR),
        ],
        terminationGracePeriodSeconds=6,
    )
    story.run("8s")
    story.node.delete("default/web")
    story.run("20s")
    story.check(
        story.calls(methods=STOPS),
        """
        8.000s StopContainer a/0 timeout=6
        8.429s StopContainer s1/0 timeout=6
        8.429s StopContainer s3/0 timeout=6
        14.464s StopPodSandbox
        14.910s StopPodSandbox
        """,
    )


def test_a_sidecar_whose_image_is_missing_holds_up_all_that_follows(story: Any, c: Any) -> None:
    """Its failure ends no sync, as that of a plain init container does, but nothing follows one that never ran."""
    story.pod(c("a"), initContainers=[c("s1", image=ABSENT, **SIDECAR), c("s2", **SIDECAR)])
    story.run("30s")
    story.check(
        story.versions(),
        """
        0.000s phase=Pending
        0.000s phase=Pending s1: waiting PodInitializing s2: waiting PodInitializing a: waiting PodInitializing
        0.900s phase=Pending s1: waiting ErrImagePull s2: waiting PodInitializing a: waiting PodInitializing
        12.900s phase=Pending s1: waiting ImagePullBackOff s2: waiting PodInitializing a: waiting PodInitializing
        27.900s phase=Pending s1: waiting ErrImagePull s2: waiting PodInitializing a: waiting PodInitializing
        """,
    )


def test_a_job_that_fails_and_is_tried_again_keeps_its_sidecar(story: Any, c: Any) -> None:
    story.pod(
        c("a"), initContainers=[c("s", *POLITE, **SIDECAR)], restartPolicy="OnFailure", terminationGracePeriodSeconds=3
    )
    story.exit(1)
    story.run("3s")
    story.exit(0)
    story.run("10s")
    story.check(
        story.versions(),
        """
        0.000s phase=Pending
        0.000s phase=Pending s: waiting PodInitializing a: waiting PodInitializing
        0.231s phase=Pending s: running ready a: waiting PodInitializing
        0.289s phase=Running s: running ready a: running ready
        1.900s phase=Running s: running ready a: terminated Error(1)
        1.958s phase=Running s: running ready a: running ready last terminated Error(1) restarts=1
        5.900s phase=Running s: running ready a: terminated Completed(0) last terminated Error(1) restarts=1
        6.391s phase=Running s: terminated Completed(0) a: terminated Completed(0) last terminated Error(1) restarts=1
        7.900s phase=Succeeded s: terminated Completed(0) a: terminated Completed(0) last terminated Error(1)
            restarts=1
        """,
    )


def test_a_new_image_restarts_the_sidecar_alone(story: Any, c: Any) -> None:
    def containers(image: str) -> dict[str, Any]:
        return {
            "initContainers": [c("s", image=image, imagePullPolicy="IfNotPresent", **SIDECAR)],
            "terminationGracePeriodSeconds": 1,
        }

    story.pod(c("a"), **containers(c("s")["image"]))
    story.run("5s")
    story.pod(c("a"), **containers(NEW))
    story.run("10s")
    story.check(
        story.versions(),
        """
        0.000s phase=Pending
        0.000s phase=Pending s: waiting PodInitializing a: waiting PodInitializing
        0.231s phase=Pending s: running ready a: waiting PodInitializing
        0.289s phase=Running s: running ready a: running ready
        7.155s phase=Running s: running ready last terminated Error(137) restarts=1 a: running ready
        """,
    )
    assert "Normal Killing s: Init container s definition changed" in story.events()


def test_the_exit_code_of_a_sidecar_does_not_matter_to_a_job(story: Any, c: Any) -> None:
    story.pod(c("a"), initContainers=[c("s", *STUBBORN, **SIDECAR)], terminationGracePeriodSeconds=2, **ONCE)
    story.exit(0)
    story.run("10s")
    assert story.of("s")["state"]["terminated"]["exitCode"] == 137
    assert story.status()["phase"] == "Succeeded"
