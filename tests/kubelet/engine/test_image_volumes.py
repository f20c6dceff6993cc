"""Image volumes: mounted read-only, pulled in every sync, and the ways in which they fail."""

from typing import Any

import pytest

REFERENCE = "quay.io/crio/artifact:v1"


def volume(reference: str = REFERENCE, policy: str = "IfNotPresent", name: str = "v") -> dict[str, Any]:
    return {"name": name, "image": {"reference": reference, "pullPolicy": policy}}


def mount(path: str = "/volume", **more: Any) -> dict[str, Any]:
    return {"name": "v", "mountPath": path, **more}


def run(story: Any, *command: str) -> tuple[int, str]:
    answer = story.node.exec("default/web", command)
    return answer.exit_code, (answer.stdout + answer.stderr).decode()


def test_content_is_there_and_cannot_be_written(story: Any, c: Any) -> None:
    story.pod(c("a", volumeMounts=[mount()]), volumes=[volume()])
    story.run("5s")
    assert run(story, "ls", "/volume") == (0, "dir\nfile\n")
    assert run(story, "cat", "/volume/file", "/volume/dir/file") == (0, "2\n1\n")
    code, text = run(story, "touch", "/volume/new")
    assert (code, text.rstrip().endswith("Read-only file system")) == (1, True)
    assert story.of("a")["volumeMounts"] == [{"name": "v", "mountPath": "/volume"}]
    story.check(
        story.events(),
        """
        Normal Pulling: Pulling image "quay.io/crio/artifact:v1"
        Normal Pulled: Successfully pulled image "quay.io/crio/artifact:v1" in 62ms (62ms including waiting). Image
            size: N bytes.
        Normal Pulling a: Pulling image "IMAGE"
        Normal Pulled a: Successfully pulled image "IMAGE" in 62ms (62ms including waiting). Image size: N bytes.
        Normal Created a: Container created
        Normal Started a: Container started
        Normal Pulled: Container image "quay.io/crio/artifact:v1" already present on machine and can be accessed by
            the pod
        """,
    )


@pytest.mark.parametrize(("sub_path", "listed"), [("dir", "file\n"), ("dir/", "file\n")])
def test_sub_path(story: Any, c: Any, sub_path: str, listed: str) -> None:
    story.pod(c("a", volumeMounts=[mount(subPath=sub_path)]), volumes=[volume()])
    story.run("5s")
    assert run(story, "ls", "/volume") == (0, listed)


def test_missing_sub_path(story: Any, c: Any) -> None:
    story.pod(c("a", volumeMounts=[mount(subPath="not/there")]), volumes=[volume()])
    story.run("15s")
    assert story.waiting().startswith("CreateContainerError: ")
    assert "ImageVolumeMountFailed" in story.waiting()
    assert "rpc error" not in story.waiting()
    story.check(
        story.versions(),
        """
        0.000s phase=Pending
        0.000s phase=Pending a: waiting ContainerCreating
        0.900s phase=Pending a: waiting CreateContainerError
        """,
    )


def test_sub_path_from_the_environment(story: Any, c: Any) -> None:
    env = [{"name": "WHICH", "value": "dir"}]
    story.pod(c("a", env=env, volumeMounts=[mount(subPathExpr="$(WHICH)")]), volumes=[volume()])
    story.run("5s")
    assert run(story, "ls", "/volume") == (0, "file\n")


def test_sub_path_from_an_undefined_variable(story: Any, c: Any) -> None:
    story.pod(c("a", volumeMounts=[mount(subPathExpr="$(B)/$(A)")]), volumes=[volume()])
    story.run("5s")
    assert story.waiting() == "CreateContainerConfigError: missing value for A, B"


def test_pull_failure(story: Any, c: Any) -> None:
    """The container shows the image error of its volume; nothing says that it is a volume's."""
    story.pod(c("a", volumeMounts=[mount()]), volumes=[volume("quay.io/crio/absent:v1")])
    story.run("30s")
    story.check(
        story.versions(),
        """
        0.000s phase=Pending
        0.000s phase=Pending a: waiting ContainerCreating
        0.900s phase=Pending a: waiting ErrImagePull
        12.900s phase=Pending a: waiting ImagePullBackOff
        27.900s phase=Pending a: waiting ErrImagePull
        """,
    )
    assert story.waiting().startswith(
        'ErrImagePull: rpc error: code = NotFound desc = failed to pull and unpack image "quay.io/crio/absent:v1"'
    )
    story.check(
        story.events(),
        """
        Normal Pulling (x2): Pulling image "quay.io/crio/absent:v1"
        Warning Failed (x2): Failed to pull image "quay.io/crio/absent:v1": rpc error: code = NotFound desc = failed
            to pull and unpack image "quay.io/crio/absent:v1": failed to resolve image: quay.io/crio/absent:v1: not
            found
        Warning Failed a (x2): Error: ErrImagePull
        Normal BackOff (x2): Back-off pulling image "quay.io/crio/absent:v1"
        Warning Failed a (x2): Error: ImagePullBackOff
        """,
    )


def test_a_failed_volume_that_nobody_mounts_does_not_matter(story: Any, c: Any) -> None:
    story.pod(c("a"), volumes=[volume("quay.io/crio/absent:v1")])
    story.run("5s")
    assert story.is_running("a")


def test_only_the_container_that_mounts_it_waits(story: Any, c: Any) -> None:
    story.pod(c("a", volumeMounts=[mount()]), c("b"), volumes=[volume("quay.io/crio/absent:v1")])
    story.run("5s")
    assert story.waiting("a").startswith("ErrImagePull")
    assert story.is_running("b")
    assert story.status()["phase"] == "Pending"


def test_never(story: Any, c: Any) -> None:
    story.pod(c("a", volumeMounts=[mount()]), volumes=[volume(policy="Never")])
    story.run("5s")
    assert story.waiting() == (
        f'ErrImageNeverPull: Container image "{REFERENCE}" is not present with pull policy of Never'
    )


def test_the_image_is_looked_at_in_every_sync(story: Any, c: Any) -> None:
    """IfNotPresent asks ImageStatus, Always pulls, at each resync and each event of the pod."""
    story.pod(c("a", volumeMounts=[mount()]), volumes=[volume(policy="Always")])
    story.run("5m")
    pulls = [one for one in story.node.journal if one.method == "PullImage" and REFERENCE in str(one.request)]
    assert 5 <= len(pulls) <= 7


def test_calls_of_a_start_with_an_image_volume(story: Any, c: Any) -> None:
    story.pod(c("a", volumeMounts=[mount()]), volumes=[volume()])
    story.until(lambda: story.is_running("a"))
    story.check(
        story.calls(methods={"RunPodSandbox", "PodSandboxStatus", "ImageStatus", "PullImage", "CreateContainer"}),
        """
        0.300s RunPodSandbox
        0.411s PodSandboxStatus
        0.411s ImageStatus
        0.411s PullImage
        0.473s ImageStatus
        0.473s ImageStatus
        0.473s PullImage
        0.535s ImageStatus
        0.535s ImageStatus
        0.535s CreateContainer a/0
        0.593s PodSandboxStatus
        0.593s ImageStatus
        """,
    )
    created = next(one for one in story.node.journal if one.method == "CreateContainer")
    found = next(one for one in created.request.config.mounts if one.container_path == "/volume")
    assert (found.host_path, found.readonly, found.image.user_specified_image) == ("", True, REFERENCE)
    assert found.image.image.startswith("sha256:")


def test_metrics_count_the_volumes(story: Any, c: Any) -> None:
    story.pod(c("a", volumeMounts=[mount()]), volumes=[volume()])
    story.run("5s")
    assert story.is_running("a")
    metrics = story.node.metrics()
    assert metrics["kubelet_image_volume_requested_total"] == 1
    assert metrics["kubelet_image_volume_mounted_succeed_total"] == 1
    assert metrics["kubelet_image_volume_mounted_errors_total"] == 0


def test_metrics_of_a_missing_sub_path(new_story: Any, c: Any) -> None:
    """The kubelet counts a failed mount by the begin of the runtime's text (00-observed, Status 12)."""
    story = new_story()
    story.pod(c("a", volumeMounts=[mount(subPath="not/there")]), volumes=[volume()], restartPolicy="Never")
    story.run("5s")
    begins_so = story.waiting().removeprefix("CreateContainerError: ").startswith("ImageVolumeMountFailed")
    metrics = story.node.metrics()
    assert metrics["kubelet_image_volume_mounted_errors_total"] == (
        metrics["kubelet_image_volume_requested_total"] if begins_so else 0
    )
    assert metrics["kubelet_image_volume_requested_total"] >= 1
    assert metrics["kubelet_started_pods_total"] == 1
    assert (
        metrics['kubelet_started_containers_errors_total{code="CreateContainerError",container_type="container"}'] >= 1
    )
