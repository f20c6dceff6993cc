"""RunPodSandbox, and the image of the sandbox's own container. That it is held is in `test_remove_image`."""

from __future__ import annotations

import re
from typing import Any

import pytest

from kubesim.cri import Code, api
from kubesim.images.image import PullBehaviour, PullError


def running(node: Any) -> Any:
    return node.cri.run_pod_sandbox(api.RunPodSandboxRequest(config=node.pod_config()))


def with_pause_image(new_node: Any, new_image: Any, profile: str, **fields: Any) -> tuple[Any, str]:
    """A node whose registries have the profile's pause image; its name."""
    name = new_node(profile).runtime.profile.pause_image
    return new_node(profile, images=(new_image(name, **fields),)), name


@pytest.mark.parametrize("profile", ["containerd-1.6", "containerd-2.3", "cri-o-1.28", "cri-o-1.36"])
def test_the_pause_image_is_pulled_when_it_is_not_there(new_node: Any, new_image: Any, profile: str) -> None:
    pull = PullBehaviour(duration_ns=3_000_000_000)
    node, name = with_pause_image(new_node, new_image, profile, is_present=False, pull=pull)
    assert node.images() == []
    begin_ns = node.kernel.now_ns
    node.run_pod()
    assert node.kernel.now_ns - begin_ns == 3_000_000_000, "the sandbox waits for its image"
    assert (node.image_of(name).pinned, [list(image.repo_tags) for image in node.images()]) == (True, [[name]])
    begin_ns = node.kernel.now_ns
    node.run_pod(node.pod_config("two"))
    assert node.kernel.now_ns == begin_ns


def test_a_removed_pause_image_comes_back_with_the_next_sandbox(new_node: Any, new_image: Any) -> None:
    node, name = with_pause_image(new_node, new_image, "containerd-2.3")
    before = node.image_of(name)
    node.do(node.removing_image(name))
    assert node.image_of(name) is None
    node.run_pod()
    assert node.image_of(name) == before


@pytest.mark.parametrize(
    ("profile", "beginning"),
    [
        (
            "containerd-1.7",
            'failed to get sandbox image "{image}": failed to pull image "{image}": failed to pull and ',
        ),
        (
            "containerd-2.0",
            'failed to start sandbox "[0-9a-f]{{64}}": failed to get sandbox image "{image}": failed to pull ',
        ),
        ("containerd-2.3", 'failed to pull image "{image}": failed to pull and '),
        ("cri-o-1.28", 'creating pod sandbox with name "k8s_pod_ns_uid-pod_0": '),
    ],
)
def test_a_pause_image_that_cannot_be_pulled(new_node: Any, new_image: Any, profile: str, beginning: str) -> None:
    pull = PullBehaviour(error=PullError(kind="registry-unavailable", times=1))
    node, name = with_pause_image(new_node, new_image, profile, is_present=False, pull=pull)
    error = node.refused(running(node))
    assert error.code is Code.UNKNOWN
    assert re.match(beginning.format(image=name), error.message), error.message
    assert "connection refused" in error.message
    assert node.pods() == []
    assert node.run_pod(), "its name and its address are free again"


def test_a_client_that_leaves_during_the_pull_leaves_nothing(new_node: Any, new_image: Any) -> None:
    pull = PullBehaviour(duration_ns=3_000_000_000)
    node, name = with_pause_image(new_node, new_image, "containerd-2.3", is_present=False, pull=pull)
    task = node.spawn(running(node))
    node.advance(1)
    task.cancel()
    node.advance(5)
    assert (node.pods(), node.images()) == ([], [])
    assert node.run_pod()
    assert node.image_of(name) is not None
