"""Without the gate InPlacePodVerticalScaling nothing can be resized, and no status tells of resources."""

from typing import Any

import pytest

from kubesim.errors import InputError

from .resize_story import resize, resources


@pytest.mark.parametrize("options", [{"kubelet_version": "1.32"}, {"kubelet_version": "1.33", "is_off": True}])
def test_gate_off(new_story: Any, c: Any, options: dict[str, Any]) -> None:
    node = {"kubelet_version": options["kubelet_version"]}
    if options.get("is_off"):
        node["config"] = {"featureGates": {"InPlacePodVerticalScaling": False}}
    story = new_story(**node)
    story.pod(c("a", resources=resources("100m", memory_limit="64Mi")))
    story.run("10s")

    assert not {"resources", "allocatedResources"} & story.of("a").keys()
    assert not {"resources", "allocatedResources"} & story.status().keys()
    with pytest.raises(InputError, match="the server could not find the requested resource"):
        resize(story, cpu="200m")
    assert not [name for name in story.node.metrics() if "resize" in name]


def test_a_gate_that_was_on_leaves_its_record_alone(new_story: Any, c: Any) -> None:
    story = new_story(kubelet_version="1.33")
    story.pod(c("a", resources=resources("100m", memory_limit="64Mi")))
    story.run("10s")

    assert story.of("a")["allocatedResources"] == {"cpu": "100m", "memory": "64Mi"}
    assert "resources" not in story.status()
    resize(story, cpu="200m")
    story.run("5s")
    assert story.of("a")["allocatedResources"]["cpu"] == "200m"
    with pytest.raises(InputError, match=r"limits\[memory\]: Forbidden: memory limits cannot be decreased"):
        resize(story, memory="32Mi", memory_limit="32Mi")
