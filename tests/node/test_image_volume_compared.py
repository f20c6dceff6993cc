"""One mount of an image volume under two profiles: what differs, and the switch that decides."""

from pathlib import Path
from typing import Any

import pytest

from kubesim.images.fixtures import load_catalogue
from kubesim.node.image_volume_compared import ComparedVolume, compare_image_volume
from kubesim.node.image_volume_explained import image_mounts_of
from kubesim.node.pod_templates import pod_of
from kubesim.node.sources import pod_manifests
from tests.node.image_volume_pods import IMAGES, node, pod


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """The fixtures of these tests."""
    file = tmp_path / "images.yaml"
    file.write_text(IMAGES)
    return file


def compare(one: dict[str, Any], images: Path, before: str, after: str) -> ComparedVolume:
    (manifest,) = pod_manifests(one, kubelet_version="1.36")
    ((path, index),) = image_mounts_of(pod_of(manifest))
    return compare_image_volume(manifest, path, index, node(before), node(after), load_catalogue([images]))


@pytest.mark.parametrize(
    ("mount", "before", "after", "change", "keys"),
    [
        ({}, "containerd-2.2", "containerd-2.3", "same", []),
        ({}, "containerd-2.0", "containerd-2.3", "allowed", ["imageVolumes.mounts"]),
        ({"subPath": "dir"}, "containerd-2.1", "containerd-2.3", "content", ["imageVolumes.subPath"]),
        ({"subPath": "top"}, "containerd-2.1", "containerd-2.3", "refused", ["imageVolumes.subPath"]),
        ({}, "containerd-2.3", "ideal", "status", ["imageVolumes.statusHasImageRef"]),
    ],
)
def test_what_differs_between_two_profiles(
    mount: dict[str, Any], before: str, after: str, change: str, keys: list[str], images: Path
) -> None:
    found = compare(pod(**mount), images, before, after)

    assert found.change == change
    assert [one.key for one in found.switches if one.key in keys] == keys
    assert bool(found.only_before or found.only_after) is (change != "same")


def test_both_refuse_in_their_own_words(images: Path) -> None:
    assert compare(pod(subPath="nope"), images, "containerd-2.3", "cri-o-1.36").change == "message"
