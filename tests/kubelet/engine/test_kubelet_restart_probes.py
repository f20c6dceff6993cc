"""What a new kubelet process makes of containers that were ready: 1.35 believes the API, older ones start over."""

from typing import Any

import pytest

PROBE = {"exec": {"command": ["true"]}, "periodSeconds": 10}


def restarted(new_story: Any, c: Any, **node: Any) -> Any:
    """A pod that is ready by a probe, one that has none, and one that started by a probe, over a restart."""
    story = new_story(**node)
    story.pod(c("a", readinessProbe=PROBE), c("b"), c("s", startupProbe=PROBE))
    story.run("40s")
    story.node.restart_kubelet(down_for="5s")
    story.run("40s")
    return story


@pytest.mark.parametrize("version", ["1.35", "1.36"])
def test_ready_stays_ready(new_story: Any, c: Any, version: str) -> None:
    story = restarted(new_story, c, kubelet_version=version)
    assert max(version["t"] for version in story.node.versions("default/web")) < 40
    assert all(story.of(name)["ready"] and story.of(name)["started"] for name in "abs")


@pytest.mark.parametrize(
    "node",
    [
        {"kubelet_version": "1.34"},
        {"config": {"featureGates": {"ChangeContainerStatusOnKubeletRestart": True}}},
    ],
)
def test_before_that_probes_have_to_say_so_again(new_story: Any, c: Any, node: dict[str, Any]) -> None:
    """A container without probes stays ready; the pod is not while one of the others waits for its probe."""
    story = restarted(new_story, c, **node)
    lines = [line for line in story.versions().splitlines() if float(line.partition("s ")[0]) > 40]
    assert lines[0].endswith("phase=Running a: running b: running ready s: running")
    assert lines[-1].endswith("phase=Running a: running ready b: running ready s: running ready")
    assert all(story.of(name)["restartCount"] == 0 for name in "abs")


def test_a_pod_that_was_not_ready_stays_so_until_its_probe(new_story: Any, c: Any) -> None:
    """The readiness of a pod is believed for its containers with a probe; it was False."""
    story = new_story()
    story.pod(c("a", readinessProbe={"exec": {"command": ["false"]}, "periodSeconds": 10}))
    story.run("40s")
    before = story.status()
    story.node.restart_kubelet()
    story.run("40s")
    assert story.status() == before
    assert story.of("a")["ready"] is False


def test_a_liveness_probe_goes_on(new_story: Any, c: Any) -> None:
    story = new_story()
    probe = {"exec": {"command": ["test", "-e", "/tmp/alive"]}, "periodSeconds": 5, "failureThreshold": 2}
    story.pod(c("a", "sh", "-c", "touch /tmp/alive; sleep 30; rm /tmp/alive; sleep 1h", livenessProbe=probe))
    story.run("20s")
    story.node.restart_kubelet(down_for="2s")
    story.run("20s")
    assert story.of("a")["restartCount"] == 0
    story.run("60s")
    assert story.of("a")["restartCount"] >= 1
