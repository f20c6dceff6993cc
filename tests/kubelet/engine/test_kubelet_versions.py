"""What the status of a plain pod has in each version of the kubelet."""

from typing import Any

import pytest


def status_of(new_story: Any, c: Any, version: str) -> dict[str, Any]:
    story = new_story(kubelet_version=version)
    story.pod(c("a", volumeMounts=[{"name": "d", "mountPath": "/data"}]), volumes=[{"name": "d", "emptyDir": {}}])
    story.run("5s")
    assert story.is_running("a")
    status: dict[str, Any] = story.status()
    return status


@pytest.mark.parametrize(
    ("version", "has_sandbox_condition", "has_mounts", "has_user", "has_generation"),
    [
        ("1.28", False, False, False, False),
        ("1.29", True, False, False, False),
        ("1.30", True, False, False, False),
        ("1.31", True, True, False, False),
        ("1.32", True, True, False, False),
        ("1.33", True, True, True, False),
        ("1.34", True, True, True, True),
        ("1.36", True, True, True, True),
    ],
)
def test_fields(
    new_story: Any,
    c: Any,
    version: str,
    has_sandbox_condition: bool,
    has_mounts: bool,
    has_user: bool,
    has_generation: bool,
) -> None:
    status = status_of(new_story, c, version)
    conditions = {one["type"] for one in status["conditions"]}
    container = status["containerStatuses"][0]
    assert ("PodReadyToStartContainers" in conditions) == has_sandbox_condition
    assert ("volumeMounts" in container) == has_mounts
    assert ("user" in container) == has_user
    assert ("observedGeneration" in status) == has_generation
    assert all(("observedGeneration" in one) == has_generation for one in status["conditions"])


@pytest.mark.parametrize("version", ["1.28", "1.29", "1.30", "1.31", "1.32", "1.33", "1.34", "1.35", "1.36"])
def test_a_pod_lives_and_dies_in_every_version(new_story: Any, c: Any, version: str) -> None:
    story = new_story(kubelet_version=version)
    story.pod(c("a"), initContainers=[c("i", "sleep", "1")], terminationGracePeriodSeconds=1)
    story.exit(1)
    story.run("5s")
    assert story.of("a")["restartCount"] == 1
    story.node.delete("default/web")
    story.run("10s")
    assert story.node.pods() == []
    assert story.status()["phase"] == "Failed"


def test_ready_to_start_containers_before_the_pull(new_story: Any, c: Any) -> None:
    """Since 1.36 the condition turns True as soon as the sandbox is up; before, with the next status."""
    texts = {}
    for version in ("1.35", "1.36"):
        story = new_story(kubelet_version=version)
        story.pod(c("a", lifecycle={"postStart": {"sleep": {"seconds": 3}}}))
        story.run("5s")
        texts[version] = story.versions(conditions=True)
    story.check(
        texts["1.35"],
        """
        0.000s phase=Pending
        0.000s phase=Pending PodReadyToStartContainers=False Initialized=True Ready=False(ContainersNotReady)
        3.900s phase=Running PodReadyToStartContainers=True Ready=True
        """,
    )
    story.check(
        texts["1.36"],
        """
        0.000s phase=Pending
        0.000s phase=Pending PodReadyToStartContainers=False Initialized=True Ready=False(ContainersNotReady)
        0.111s phase=Pending PodReadyToStartContainers=True
        3.231s phase=Running Ready=True
        """,
    )
