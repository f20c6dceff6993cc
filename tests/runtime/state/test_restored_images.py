"""Images after a restart of the daemon."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from kubesim.cri import api
from kubesim.images.image import Artifact, ArtifactBlob, Declared, make_artifact

Restarts = Any
NS = 1_000_000_000
BUSYBOX = "registry.example/busybox:1"
OTHER = "registry.example/other:1"


def image_rows(node: Any) -> list[api.Image]:
    return list(node.do(node.cri.list_images(api.ListImagesRequest())).images)


def pull(node: Any, name: str) -> None:
    node.do(node.cri.pull_image(api.PullImageRequest(image=api.ImageSpec(image=name))))


def remove(node: Any, name: str) -> None:
    node.do(node.cri.remove_image(api.RemoveImageRequest(image=api.ImageSpec(image=name))))


@pytest.mark.parametrize("profile", ["containerd-2.3", "cri-o-1.36", "ideal"])
def test_images_keep_names_order_and_size(restarts: Callable[..., Restarts], new_image: Any, profile: str) -> None:
    images = (
        new_image(BUSYBOX, "registry.example/busybox:latest"),
        new_image(OTHER, marker="other", is_present=False, pinned=True),
    )
    world = restarts(profile, images=images)
    pull(world.node, OTHER)
    remove(world.node, BUSYBOX)
    pull(world.node, BUSYBOX)
    before = image_rows(world.node)
    request = api.ImageFsInfoRequest()
    used = world.node.do(world.node.cri.image_fs_info(request)).image_filesystems[0].used_bytes
    node = world.restart()

    assert image_rows(node) == before
    assert node.do(node.cri.image_fs_info(request)).image_filesystems[0].used_bytes == used


def test_an_image_that_was_removed_does_not_come_back(restarts: Callable[..., Restarts]) -> None:
    world = restarts()
    remove(world.node, BUSYBOX)

    assert image_rows(world.restart()) == []
    assert image_rows(world.restart()) == []


def test_an_image_that_went_and_came_in_one_batch_is_the_last_in_the_list(
    restarts: Callable[..., Restarts], new_image: Any
) -> None:
    world = restarts("ideal", images=(new_image(BUSYBOX), new_image(OTHER, marker="other")))
    world.keep()
    remove(world.node, BUSYBOX)
    pull(world.node, BUSYBOX)
    before = image_rows(world.node)

    assert [row.repo_tags[0] for row in before] == [OTHER, BUSYBOX]
    assert image_rows(world.restart()) == before


def test_an_image_that_a_fixture_adds_later_is_there(restarts: Callable[..., Restarts], new_image: Any) -> None:
    first = new_image(BUSYBOX)
    world = restarts("ideal", images=(first,))
    world.options["images"] = (first, new_image(OTHER, marker="other"))

    assert [row.repo_tags[0] for row in image_rows(world.restart())] == [BUSYBOX, OTHER]


def test_a_container_outlives_its_image(restarts: Callable[..., Restarts]) -> None:
    world = restarts()
    ctr = world.node.start(world.node.run_pod(), "sh", "-c", "exit 0")
    world.node.advance(1)
    remove(world.node, BUSYBOX)
    before = world.node.status(ctr)

    assert world.restart().status(ctr) == before


@pytest.mark.parametrize("profile", ["containerd-2.3", "cri-o-1.36"])
def test_digests_pins_and_the_last_name_come_back(
    restarts: Callable[..., Restarts], new_image: Any, profile: str
) -> None:
    digests = [f"sha256:{digit * 64}" for digit in "12"]
    twins = tuple(
        new_image(f"{host}.example/app:1", is_present=False, digest=digest)
        for host, digest in zip("ab", digests, strict=True)
    )
    world = restarts(profile, images=(*twins, new_image(OTHER, marker="other", is_present=False)))
    pause = world.node.runtime.profile.pause_image
    world.node.runtime.tag_image(pause, "a.example/app:1")
    for name in ("a.example/app:1", "b.example/app:1", pause):
        pull(world.node, name)
    for name in ("a.example/app:1", "b.example/app:1", pause):
        world.node.runtime.tag_image(name, OTHER)
        pull(world.node, name)
    before = image_rows(world.node)
    lost = next(row for row in before if not row.repo_tags)
    assert lost.pinned is (profile == "containerd-2.3")
    assert len(lost.repo_digests) == (3 if profile == "containerd-2.3" else 1)

    assert image_rows(world.restart()) == before


@pytest.mark.parametrize("profile", ["containerd-2.3", "cri-o-1.36"])
def test_an_artifact_and_a_volume_of_it(restarts: Any, new_image: Any, profile: str) -> None:
    """containerd has it as an image without files, by another id than that of the fixture."""
    name = "registry.example/blobs:1"
    artifact = make_artifact(
        Declared(references=(name,)), Artifact(artifact_type="application/x", blobs=(ArtifactBlob("file", b"1"),))
    )
    world = restarts(profile, images=(new_image(BUSYBOX), artifact))
    reference = world.node.do(world.node.pulling(name)).image_ref
    mount = api.Mount(container_path="/vol", image=api.ImageSpec(image=reference), readonly=True)
    container = world.node.start(world.node.run_pod(), "sleep", "100", mounts=[mount])
    image, mounts = world.node.image_of(name), world.node.status(container).mounts

    node = world.restart()

    assert node.image_of(name) == image
    assert node.status(container).mounts == mounts
