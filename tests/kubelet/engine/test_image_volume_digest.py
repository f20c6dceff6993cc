"""KEP-5365: the digest of an image volume in the pod's status, as released and with its fix."""

from pathlib import Path
from typing import Any

import pytest

import kubesim
from kubesim.errors import InputError

FIX = "kubernetes#142120"
ON = {"featureGates": {"ImageVolumeWithDigest": True}}
REFERENCE = "registry.example/data:latest"
IMAGES = """\
apiVersion: kubesim/v1
kind: Image
metadata: {name: "registry.example/data:latest"}
spec: {files: {/version: "1\\n"}}
---
apiVersion: kubesim/v1
kind: Image
metadata: {name: "registry.example/data:next"}
spec: {files: {/version: "2\\n"}}
"""
MOUNTS = [{"name": "v", "mountPath": "/v"}, {"name": "v", "mountPath": "/again"}, {"name": "e", "mountPath": "/e"}]
VOLUMES = [{"name": "v", "image": {"reference": REFERENCE}}, {"name": "e", "emptyDir": {}}]


@pytest.fixture
def start(new_story: Any, c: Any, tmp_path: Path) -> Any:
    path = tmp_path / "images.yaml"
    path.write_text(IMAGES)

    def make(**node: Any) -> Any:
        story = new_story(images=[path], **node)
        story.pod(c("a", volumeMounts=MOUNTS), volumes=VOLUMES)
        story.run("5s")
        assert story.is_running("a")
        return story

    return make


def shown(story: Any) -> list[str | None]:
    """imageRef of each volume mount in the status."""
    found = []
    for mount in story.of("a")["volumeMounts"]:
        status = mount.get("volumeStatus")
        found.append(status["image"]["imageRef"] if status else None)
    return found


def test_as_released_it_is_never_shown(start: Any) -> None:
    assert shown(start(profile="ideal", config=ON)) == [None, None, None]


def test_as_fixed_it_is_the_image_that_the_runtime_mounted(start: Any) -> None:
    story = start(profile="ideal", config=ON, kubelet_fixes=[FIX])
    image = next(one for one in story.node.journal if one.method == "CreateContainer").request.config.mounts[0].image
    assert shown(story) == [image.image, image.image, None]
    assert image.image.startswith("sha256:")
    # The mount itself is shown as in the spec.
    assert [one["mountPath"] for one in story.of("a")["volumeMounts"]] == ["/v", "/again", "/e"]


@pytest.mark.parametrize("profile", ["containerd-2.3", "cri-o-1.36"])
def test_a_runtime_that_does_not_report_it(start: Any, profile: str) -> None:
    """containerd#14172, cri-o#10358: there is nothing to show, and nobody asks ImageStatus instead."""
    story = start(profile=profile, config=ON, kubelet_fixes=[FIX])
    assert shown(story) == [None, None, None]


def test_without_the_gate_the_fix_changes_nothing(start: Any) -> None:
    assert shown(start(profile="ideal", kubelet_fixes=[FIX])) == [None, None, None]


def test_a_tag_that_moves(start: Any) -> None:
    """The status tells the old image until the container starts anew."""
    story = start(profile="ideal", config=ON, kubelet_fixes=[FIX])
    first = shown(story)[0]
    story.node.runtime.tag_image(REFERENCE, "registry.example/data:next")
    story.run("3m")
    assert shown(story)[:2] == [first, first]
    assert story.node.exec("default/web", ["cat", "/v/version"]).stdout == b"1\n"
    story.exit(1)
    story.run("3s")
    assert story.is_running("a")
    assert story.node.exec("default/web", ["cat", "/v/version"]).stdout == b"2\n"
    second = shown(story)[0]
    assert second is not None
    assert second != first
    assert shown(story) == [second, second, None]


def test_an_unknown_fix() -> None:
    with pytest.raises(InputError, match=r"Node\(kubelet_fixes\): unknown fix 'kubernetes#1'"):
        kubesim.Node(kubelet_fixes=["kubernetes#1"])
    with pytest.raises(InputError, match="give a list of fixes"):
        kubesim.Node(kubelet_fixes=FIX)
