"""ImageFsInfo: numbers that move with pulls, removals and containers."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from kubesim.cri import api

CONTAINERD, CRIO = "containerd-2.3", "cri-o-1.36"
BUSYBOX = "registry.example/busybox:1"
APP = "registry.example/app:1"


def fs_info(node: Any) -> api.ImageFsInfoResponse:
    return node.do(node.cri.image_fs_info(api.ImageFsInfoRequest()))


def used(node: Any) -> tuple[int, int]:
    """Bytes and inodes of the first file system, which is what a kubelet looks at."""
    usage = fs_info(node).image_filesystems[0]
    return usage.used_bytes.value, usage.inodes_used.value


@pytest.fixture
def nodes(new_node: Any, new_image: Any) -> Any:
    """A maker of nodes with one image; the other is in the registry."""
    return lambda profile: new_node(profile, images=(new_image(BUSYBOX), new_image(APP, marker="a", is_present=False)))


@pytest.mark.parametrize("profile", [CONTAINERD, CRIO, "ideal"])
def test_it_moves_with_pulls_and_removals(nodes: Any, profile: str) -> None:
    node = nodes(profile)
    before = used(node)
    assert before[0] > 0
    assert before[1] > 0
    node.do(node.pulling(APP))
    after = used(node)
    assert after[0] > before[0]
    assert after[1] > before[1]
    node.do(node.removing_image(APP))
    assert used(node) == before


def test_containerd_counts_unpacked_layers_and_writable_ones(nodes: Any) -> None:
    node = nodes(CONTAINERD)
    image = node.catalogue.find(BUSYBOX)
    assert used(node)[0] == image.unpacked_bytes == sum(layer.size_bytes for layer in image.layers)
    pod = node.run_pod()
    with_pod = used(node)[0]
    container = node.start(pod, "sleep", "1000")
    with_container = used(node)[0]
    assert image.unpacked_bytes < with_pod < with_container
    node.do(node.removing_image(BUSYBOX))
    assert used(node)[0] == with_container, "the layers are below the container's"
    node.do(node.removing(container))
    assert used(node)[0] == with_pod - image.unpacked_bytes


def test_containerd_counts_a_shared_layer_once(new_node: Any, new_image: Any) -> None:
    node = new_node(images=(new_image(BUSYBOX), new_image(APP, is_present=False)))
    before = used(node)
    node.do(node.pulling(APP))
    assert used(node) == before


def test_containerd_without_images(new_node: Any) -> None:
    node = new_node(images=())
    usage = fs_info(node).image_filesystems[0]
    assert (usage.used_bytes.value, usage.inodes_used.value) == (0, 0)
    assert usage.HasField("used_bytes")
    assert usage.timestamp == node.kernel.now_ns


def test_crio_counts_the_records_of_images_alone(nodes: Any) -> None:
    node = nodes(CRIO)
    before = used(node)
    assert before[0] < node.catalogue.find(BUSYBOX).unpacked_bytes
    node.start(node.run_pod(), "sleep", "1000")
    assert used(node) == before


@pytest.mark.parametrize(
    ("profile", "path"),
    [
        (CONTAINERD, "/var/lib/containerd/io.containerd.snapshotter.v1.overlayfs"),
        (CRIO, "/var/lib/containers/storage/overlay-images"),
    ],
)
def test_the_mount_point(nodes: Any, new_node: Any, profile: str, path: str) -> None:
    assert fs_info(nodes(profile)).image_filesystems[0].fs_id.mountpoint == path
    node = new_node(profile, image_fs_path="/really/there")
    assert fs_info(node).image_filesystems[0].fs_id.mountpoint == "/really/there"


@pytest.mark.parametrize(
    ("profile", "has_it"), [(CONTAINERD, False), ("cri-o-1.28", False), ("cri-o-1.30", True), (CRIO, True)]
)
def test_the_file_system_of_the_containers(nodes: Any, profile: str, has_it: bool) -> None:
    response = fs_info(nodes(profile))
    assert list(response.container_filesystems) == (list(response.image_filesystems) if has_it else [])


def test_an_image_store_of_its_own(nodes: Any) -> None:
    node = nodes(CRIO)
    daemon = node.runtime._daemon
    switches = msgspec.structs.replace(daemon.profile.images, image_store="/images")
    daemon.profile = msgspec.structs.replace(daemon.profile, images=switches)
    response = fs_info(node)
    (images,), (containers,) = response.image_filesystems, response.container_filesystems
    assert images.fs_id.mountpoint == "/images/overlay-images"
    assert containers.fs_id.mountpoint == "/var/lib/containers/storage/overlay-containers"
    node.start(node.run_pod(), "sleep", "1000")
    later = fs_info(node)
    assert later.image_filesystems[0].used_bytes == images.used_bytes
    assert later.container_filesystems[0].used_bytes.value > containers.used_bytes.value
