"""Digests of image volumes in the status: as released, and as the fix has them."""

import pytest

from kubesim.errors import InputError
from kubesim.policy.image_volume_digest import mounts_with_digests
from kubesim.policy.kubelet_fixes import FIXES, IMAGE_VOLUME_DIGEST, kubelet_fixes
from kubesim.policy.pod_view import ImageVolumeMount, VolumeMountStatus

FIXED = {IMAGE_VOLUME_DIGEST}
DATA = VolumeMountStatus(name="data", mount_path="/data", read_only=True, recursive_read_only="Disabled")
CACHE = VolumeMountStatus(name="cache", mount_path="/cache")


def reported(path: str = "/data", ref: str = "sha256:1") -> ImageVolumeMount:
    return ImageVolumeMount(container_path=path, image="sha256:1", image_ref=ref)


def refs(mounts, reports, fixes=frozenset(FIXED)) -> list[str]:
    return [one.image_ref for one in mounts_with_digests(mounts, ("data",), reports, fixes)]


def test_as_released_no_mount_is_found():
    assert refs([DATA], [reported()], frozenset()) == [""]


def test_as_fixed_the_mount_is_found_by_its_path():
    assert refs([DATA, CACHE], [reported(), reported("/cache")]) == ["sha256:1", ""]
    assert refs([VolumeMountStatus(name="data", mount_path="/data/")], [reported("//data")]) == ["sha256:1"]
    assert refs([VolumeMountStatus(name="data", mount_path="/data/./x/..")], [reported("/data/")]) == ["sha256:1"]


def test_what_is_not_reported_any_more_is_cleared():
    shown = VolumeMountStatus(name="data", mount_path="/data", image_ref="sha256:0")
    assert refs([shown], []) == [""]
    assert refs([shown], [reported(ref="")]) == [""]


def test_the_rest_of_a_mount_stays():
    (found,) = mounts_with_digests([DATA], ("data",), [reported()], FIXED)
    assert (found.name, found.read_only, found.recursive_read_only) == ("data", True, "Disabled")


def test_several_entries_of_one_path_show_the_first():
    assert refs([DATA], [reported(), reported(ref="sha256:2")]) == ["sha256:1"]


def test_names_of_fixes():
    assert kubelet_fixes([IMAGE_VOLUME_DIGEST]) == {IMAGE_VOLUME_DIGEST}
    with pytest.raises(InputError, match="unknown fix 'kubernetes#1' of the kubelet") as caught:
        kubelet_fixes(["kubernetes#1"])
    assert ", ".join(FIXES) in str(caught.value)
