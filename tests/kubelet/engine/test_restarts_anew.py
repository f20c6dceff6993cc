"""What the runtime is told of a pod at each restart of its container: as the pod is then, and the Events with it."""

from typing import Any

from kubesim.cri import api
from tests.kubelet.engine.conftest import Story, container


def told(story: Any) -> list[api.CreateContainerRequest]:
    return [one.request for one in story.node.journal if one.method == "CreateContainer"]


def test_labels_and_annotations_are_those_of_the_start(story: Any, c: Any) -> None:
    story.pod(c("a", "false"))
    story.run("1m")
    before = told(story)[-1]
    assert len(told(story)) > 2
    story.pod(c("a", "false"), meta={"labels": {"new": "1"}, "annotations": {"also": "2"}})
    story.run("5m")
    after = told(story)[-1]
    assert (before.sandbox_config.labels.get("new"), before.sandbox_config.annotations.get("also")) == (None, None)
    assert (after.sandbox_config.labels["new"], after.sandbox_config.annotations["also"]) == ("1", "2")
    assert after.config.metadata.attempt == len(told(story)) - 1
    assert after.config.annotations["io.kubernetes.container.restartCount"] == str(after.config.metadata.attempt)


def test_an_image_is_that_of_the_start(story: Any, c: Any) -> None:
    story.pod(c("a", "false"))
    story.run("1m")
    before = told(story)[-1].config
    story.pod({**c("a", "false"), "image": "registry.k8s.io/pause:3.10"})
    story.run("5m")
    after = told(story)[-1].config
    assert after.image.image != before.image.image
    key = "io.kubernetes.container.hash"
    assert after.annotations[key] != before.annotations[key]


def test_a_missing_dns_server_is_told_at_each_sync() -> None:
    story = Story(config={})
    story.pod(container("a", "false"))
    story.run("10m")
    (told_of_pod,) = [
        one
        for one in story.node.events
        if one["involvedObject"]["kind"] == "Pod" and one["reason"] == "MissingClusterDNS"
    ]
    assert told_of_pod["count"] > len(told(story))
