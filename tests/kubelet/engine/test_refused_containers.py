"""Containers that the kubelet or the runtime refuses: CreateContainerConfigError, CreateContainerError, StartError."""

from itertools import pairwise
from typing import Any

import pytest

IMAGE_OF_NOBODY = """
apiVersion: kubesim/v1
kind: Image
metadata: {name: example.org/named-user:1}
spec:
  user: www-data
  files:
    /bin/: {userland: busybox}
    /etc/passwd: "www-data:x:33:33::/:/bin/sh\\n"
"""


def test_run_as_non_root_with_an_image_of_root(story: Any, c: Any) -> None:
    story.pod(c("a", securityContext={"runAsNonRoot": True}))
    story.run("20s")
    assert story.waiting() == (
        "CreateContainerConfigError: container has runAsNonRoot and image will run as root "
        '(pod: "web_default(UID)", container: a)'
    )
    story.check(
        story.versions(),
        """
        0.000s phase=Pending
        0.000s phase=Pending a: waiting ContainerCreating
        0.900s phase=Pending a: waiting CreateContainerConfigError
        """,
    )


def test_run_as_non_root_with_user_0(story: Any, c: Any) -> None:
    story.pod(c("a", securityContext={"runAsNonRoot": True, "runAsUser": 0}))
    story.run("5s")
    assert story.waiting() == (
        "CreateContainerConfigError: container's runAsUser breaks non-root policy "
        '(pod: "web_default(UID)", container: a)'
    )


def test_run_as_non_root_with_a_user_by_name(new_story: Any, c: Any, tmp_path: Any) -> None:
    (tmp_path / "image.yaml").write_text(IMAGE_OF_NOBODY)
    story = new_story(images=[tmp_path / "image.yaml"])
    story.pod(c("a", image="example.org/named-user:1", securityContext={"runAsNonRoot": True}))
    story.run("20s")
    assert story.waiting() == (
        "CreateContainerConfigError: container has runAsNonRoot and image has non-numeric user (www-data), "
        'cannot verify user is non-root (pod: "web_default(UID)", container: a)'
    )
    story.check(
        story.events(),
        """
        Normal Pulling a: Pulling image "example.org/named-user:1"
        Normal Pulled a: Successfully pulled image "example.org/named-user:1" in 62ms (62ms including waiting). Image
            size: N bytes.
        Warning Failed a (x3): Error: container has runAsNonRoot and image has non-numeric user (www-data), cannot
            verify user is non-root (pod: "web_default(UID)", container: a)
        Normal Pulled a (x2): Container image "example.org/named-user:1" already present on machine and can be
            accessed by the pod
        """,
    )


def test_run_as_non_root_with_a_number_runs(story: Any, c: Any) -> None:
    story.pod(c("a", securityContext={"runAsNonRoot": True, "runAsUser": 1000}))
    story.run("5s")
    assert story.is_running("a")


def test_the_refusal_is_tried_again_every_ten_seconds_or_more(story: Any, c: Any) -> None:
    story.pod(c("a", securityContext={"runAsNonRoot": True}))
    story.run("60s")
    times = [one.time_ns / 1e9 for one in story.node.journal if one.method == "ImageStatus"]
    gaps = [round(later - earlier, 3) for earlier, later in pairwise(times) if later - earlier > 2]
    assert len(gaps) >= 3
    assert all(10 <= gap <= 16.1 for gap in gaps)


@pytest.mark.parametrize("policy", ["Always", "Never"])
def test_command_that_is_not_there(story: Any, c: Any, policy: str) -> None:
    """StartContainer fails; the runtime shows the container as ended with 128 (00-observed, Status 5)."""
    story.pod(c("a", "/no/such/program"), restartPolicy=policy)
    story.run("20s")
    story.check(story.versions(), GOLDEN_START_ERROR[policy])


GOLDEN_START_ERROR = {
    "Always": """
        0.000s phase=Pending
        0.000s phase=Pending a: waiting ContainerCreating
        0.900s phase=Running a: waiting RunContainerError last terminated StartError(128)
        1.900s phase=Running a: waiting RunContainerError last terminated StartError(128) restarts=1
        15.900s phase=Running a: waiting CrashLoopBackOff last terminated StartError(128) restarts=1
        16.900s phase=Running a: waiting RunContainerError last terminated StartError(128) restarts=2
        """,
    "Never": """
        0.000s phase=Pending
        0.000s phase=Pending a: waiting ContainerCreating
        0.900s phase=Pending a: terminated StartError(128)
        2.035s phase=Failed a: terminated StartError(128)
        """,
}


def test_events_of_a_command_that_is_not_there(story: Any, c: Any) -> None:
    story.pod(c("a", "/no/such/program"), restartPolicy="Never")
    story.run("20s")
    lines = story.events().splitlines()
    assert [line.split(":")[0] for line in lines] == [
        "Normal Pulling a",
        "Normal Pulled a",
        "Normal Created a",
        "Warning Failed a",
    ]
    assert "rpc error" not in lines[-1]
    assert '"/no/such/program"' in lines[-1]


def test_user_that_the_image_does_not_have(new_story: Any, c: Any, tmp_path: Any) -> None:
    """The runtime refuses CreateContainer: a name without a row in passwd."""
    (tmp_path / "image.yaml").write_text(IMAGE_OF_NOBODY.replace("user: www-data", "user: nobody-knows"))
    story = new_story(images=[tmp_path / "image.yaml"])
    story.pod(c("a", image="example.org/named-user:1"))
    story.run("5s")
    assert story.waiting() == "CreateContainerError: failed to create containerd container: no users found"
