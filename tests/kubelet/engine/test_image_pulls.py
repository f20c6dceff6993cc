"""Images that cannot be had: what the pod shows, and when it is tried again."""

from typing import Any

ABSENT = "registry.k8s.io/e2e-test-images/absent:1"


def test_pull_error_and_back_off(story: Any, c: Any) -> None:
    story.pod(c("a", image=ABSENT, imagePullPolicy="IfNotPresent"))
    story.run("3m")
    story.check(
        story.versions(),
        """
        0.000s phase=Pending
        0.000s phase=Pending a: waiting ContainerCreating
        0.900s phase=Pending a: waiting ErrImagePull
        12.900s phase=Pending a: waiting ImagePullBackOff
        27.900s phase=Pending a: waiting ErrImagePull
        40.900s phase=Pending a: waiting ImagePullBackOff
        53.900s phase=Pending a: waiting ErrImagePull
        65.900s phase=Pending a: waiting ImagePullBackOff
        94.900s phase=Pending a: waiting ErrImagePull
        105.900s phase=Pending a: waiting ImagePullBackOff
        177.900s phase=Pending a: waiting ErrImagePull
        """,
    )
    story.check(
        story.calls(methods={"PullImage"}),
        """
        0.111s PullImage -> NOT_FOUND
        12.900s PullImage -> NOT_FOUND
        40.900s PullImage -> NOT_FOUND
        80.900s PullImage -> NOT_FOUND
        166.900s PullImage -> NOT_FOUND
        """,
    )
    story.check(
        story.events(),
        """
        Normal Pulling a (x5): Pulling image "registry.k8s.io/e2e-test-images/absent:1"
        Warning Failed a (x5): Failed to pull image "registry.k8s.io/e2e-test-images/absent:1": rpc error: code =
            NotFound desc = failed to pull and unpack image "registry.k8s.io/e2e-test-images/absent:1": failed to
            resolve image: registry.k8s.io/e2e-test-images/absent:1: not found
        Warning Failed a (x5): Error: ErrImagePull
        Normal BackOff a (x11): Back-off pulling image "registry.k8s.io/e2e-test-images/absent:1"
        Warning Failed a (x11): Error: ImagePullBackOff
        """,
    )


def test_messages(story: Any, c: Any) -> None:
    story.pod(c("a", image=ABSENT))
    story.until(lambda: story.waiting().startswith("ErrImagePull"))
    error = story.waiting().partition(": ")[2]
    assert error.startswith("rpc error: code = NotFound desc = ")
    story.until(lambda: story.waiting().startswith("ImagePullBackOff"))
    assert story.waiting() == f'ImagePullBackOff: Back-off pulling image "{ABSENT}": ErrImagePull: {error}'


def test_image_that_appears_later(story: Any, c: Any) -> None:
    story.pod(c("a", image=ABSENT))
    story.run("5s")
    story.node.runtime.tag_image(ABSENT, c("a")["image"])
    story.run("30s")
    assert story.is_running("a")
    assert story.of("a")["restartCount"] == 0
    assert story.of("a")["image"] == ABSENT


def test_never(story: Any, c: Any) -> None:
    story.pod(c("a", image=ABSENT, imagePullPolicy="Never"))
    story.run("20s")
    story.check(
        story.versions(),
        """
        0.000s phase=Pending
        0.000s phase=Pending a: waiting ContainerCreating
        0.900s phase=Pending a: waiting ErrImageNeverPull
        """,
    )
    assert story.waiting() == (
        f'ErrImageNeverPull: Container image "{ABSENT}" is not present with pull policy of Never'
    )
    assert story.calls(methods={"PullImage"}) == ""


def test_invalid_image_name(story: Any, c: Any) -> None:
    story.pod(c("a", image="not/A/name:1"))
    story.run("20s")
    story.check(
        story.versions(),
        """
        0.000s phase=Pending
        0.000s phase=Pending a: waiting ContainerCreating
        0.900s phase=Pending a: waiting InvalidImageName
        """,
    )
    story.check(
        story.events(),
        """
        Warning InspectFailed a (x3): Failed to apply default image tag "not/A/name:1": couldn't parse image name
            "not/A/name:1": invalid reference format: repository name (not/A/name) must be lowercase
        Warning Failed a (x3): Error: InvalidImageName
        """,
    )
    assert story.calls(methods={"PullImage", "ImageStatus"}) == ""


def test_one_missing_image_keeps_the_pod_pending_while_the_other_container_runs(story: Any, c: Any) -> None:
    story.pod(c("a"), c("b", image=ABSENT))
    story.run("5s")
    story.check(
        story.versions(),
        """
        0.000s phase=Pending
        0.000s phase=Pending a: waiting ContainerCreating b: waiting ContainerCreating
        0.900s phase=Pending a: running ready b: waiting ErrImagePull
        """,
    )


def test_always_pulls_at_each_start_and_if_not_present_once(story: Any, c: Any) -> None:
    story.pod(c("a", imagePullPolicy="Always"), c("b", imagePullPolicy="IfNotPresent"))
    story.exit(1, "a")
    story.run("3s")
    story.exit(1, "b")
    story.run("3s")
    story.check(
        story.calls(methods={"PullImage", "CreateContainer", "ImageStatus"}),
        """
        0.111s PullImage
        0.173s ImageStatus
        0.173s ImageStatus
        0.173s CreateContainer a/0
        0.230s ImageStatus
        0.230s ImageStatus
        0.230s CreateContainer b/0
        1.900s PullImage
        1.922s ImageStatus
        1.922s ImageStatus
        1.922s CreateContainer a/1
        5.900s ImageStatus
        5.900s ImageStatus
        5.900s CreateContainer b/1
        """,
    )


def test_deletion_before_any_container_started(story: Any, c: Any) -> None:
    """The reason goes back to ContainerCreating, then an end is invented (00-observed, Status 6)."""
    story.pod(c("a", image=ABSENT))
    story.run("20s")
    story.node.delete("default/web")
    story.run("10s")
    story.check(
        story.versions(),
        """
        0.000s phase=Pending
        0.000s phase=Pending a: waiting ContainerCreating
        0.900s phase=Pending a: waiting ErrImagePull
        12.900s phase=Pending a: waiting ImagePullBackOff
        20.000s phase=Pending deleting a: waiting ImagePullBackOff
        20.000s phase=Pending deleting a: waiting ContainerCreating
        20.900s phase=Failed deleting a: terminated ContainerStatusUnknown(137)
        20.900s deleted phase=Failed deleting a: terminated ContainerStatusUnknown(137)
        """,
    )
    assert story.of("a")["state"]["terminated"]["message"] == (
        "The container could not be located when the pod was terminated"
    )


def test_each_pull_is_an_event_of_its_own(story: Any, c: Any) -> None:
    """Its message says how long it took, which is never quite the same."""
    story.pod(c("a", "sh", "-c", "sleep 1; exit 1", imagePullPolicy="Always"))
    story.run("45s")
    pulled = [one for one in story.node.events if one["reason"] == "Pulled"]
    assert [one["count"] for one in pulled] == [1] * 4
    assert len({one["message"] for one in pulled}) == 4
