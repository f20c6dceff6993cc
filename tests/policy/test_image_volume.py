"""Image volumes: what is honoured, what is refused, and with which words."""

import pytest
from msgspec import structs

from kubesim.model.frozen_records import replace
from kubesim.policy.image_volume import (
    ImageMount,
    ImageMountStatus,
    ImageVolumeError,
    check_sub_path,
    effective_sub_path,
    image_ambiguous,
    image_missing,
    image_mount_status,
    image_not_literal,
    image_not_unpacked,
    is_image_mounted,
)
from kubesim.policy.image_volume_dialect import ImageVolumeDialect

CONTAINERD = ImageVolumeDialect(
    mounts="mounted",
    texts="containerd",
    empty_image="refused",
    outside_sub_path="refused",
    sub_path="directories",
    request_text="protobuf",
    artifacts=False,
    requires_read_only=True,
    requires_empty_host_path=True,
    error_prefix="failed to mount image volume: ImageVolumeMountFailed: ",
    artifact_names=("org.opencontainers.image.title",),
    artifact_errors="sub-path",
    status_image="as-requested",
    status_has_sub_path=True,
    status_has_image_ref=False,
    mounted_for="pod",
    sub_path_links_max=8,
    mount_order="images-checked-first",
    first_reference="whole",
    user_namespaces="works",
)
CRIO = ImageVolumeDialect(
    mounts="mounted",
    texts="cri-o",
    empty_image="bind",
    outside_sub_path="rooted",
    sub_path="overlay",
    request_text="gogo",
    artifacts=True,
    requires_read_only=False,
    requires_empty_host_path=False,
    error_prefix="ImageVolumeMountFailed: ",
    artifact_names=("org.opencontainers.image.title",),
    artifact_errors="all",
    status_image="id",
    status_has_sub_path=False,
    status_has_image_ref=False,
    mounted_for="pod",
    sub_path_links_max=8,
    mount_order="images-checked-first",
    first_reference="whole",
    user_namespaces="works",
)
MOUNT = ImageMount(container_path="/v", image="busybox", mount_text="MOUNT", image_text="IMAGE")
PREFIX = CONTAINERD.error_prefix


@pytest.mark.parametrize("dialect", [CONTAINERD, CRIO], ids=["containerd", "cri-o"])
def test_an_image_is_mounted(dialect):
    assert is_image_mounted(MOUNT, dialect)


@pytest.mark.parametrize("dialect", [CONTAINERD, CRIO], ids=["containerd", "cri-o"])
def test_an_old_runtime_ignores_the_image(dialect):
    """Even what a newer one would refuse: it never looks."""
    assert not is_image_mounted(replace(MOUNT, is_read_only=False), structs.replace(dialect, mounts="ignored"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"host_path": "/h", "is_read_only": False}, "hostpath must be empty while mount image: MOUNT"),
        ({"is_read_only": False, "image": ""}, "readonly must be true while mount image: MOUNT"),
        ({"image": ""}, "image not specified in: IMAGE"),
    ],
)
def test_containerd_checks_in_this_order(changes, message):
    with pytest.raises(ImageVolumeError) as error:
        is_image_mounted(replace(MOUNT, **changes), CONTAINERD)

    assert str(error.value) == PREFIX + message
    assert not error.value.is_not_found


def test_crio_accepts_what_containerd_refuses():
    assert is_image_mounted(replace(MOUNT, host_path="/h", is_read_only=False), CRIO)
    assert not is_image_mounted(replace(MOUNT, image=""), CRIO)


@pytest.mark.parametrize(
    ("make", "dialect", "message", "is_not_found"),
    [
        (image_missing, CONTAINERD, f'{PREFIX}failed to resolve image "busybox": not found', True),
        (image_missing, CRIO, 'ImageVolumeMountFailed: image "busybox" does not exist locally', False),
        (image_ambiguous, CONTAINERD, f'{PREFIX}failed to resolve image "busybox": ambiguous digest string', False),
        (image_ambiguous, CRIO, 'ImageVolumeMountFailed: image "busybox" does not exist locally', False),
    ],
)
def test_an_image_that_is_not_on_the_node(make, dialect, message, is_not_found):
    error = make(MOUNT, dialect)

    assert (str(error), error.is_not_found) == (message, is_not_found)


def test_an_image_that_is_found_and_not_mounted():
    text = f'{PREFIX}failed to get image volume ref "busybox": image "busybox": not found'
    error = image_not_literal(MOUNT, CONTAINERD)
    assert (str(error), error.is_not_found) == (text, True)
    error = image_not_unpacked("REASON", CONTAINERD)
    assert (str(error), error.is_not_found) == (f"{PREFIX}failed to unpack image volume: REASON", False)


def test_where_sub_paths_are_ignored_the_whole_image_is_mounted():
    mount = replace(MOUNT, sub_path="etc")

    assert effective_sub_path(mount, CONTAINERD) == "etc"
    assert effective_sub_path(mount, structs.replace(CONTAINERD, sub_path="ignored")) == ""


SAFE_MOUNT = "ImageVolumeMountFailed: safe mount sub path: securejoin.OpenInRoot etc/x: openat2 /t/etc/x: "
ENSURE = f'{PREFIX}failed to ensure image subpath "etc/x" in "/t": '


def test_crio_says_why_a_name_can_be_none_of_an_image():
    refusal = image_missing(ImageMount(container_path="/v", image="A"), CRIO, refusal="invalid reference format")

    assert str(refusal) == "ImageVolumeMountFailed: get storage image status: invalid reference format"


@pytest.mark.parametrize(
    ("dialect", "found", "message"),
    [
        (CONTAINERD, "directory", None),
        (CONTAINERD, "missing", f"{ENSURE}openat etc/x: no such file or directory"),
        (CONTAINERD, "escape", f"{ENSURE}openat etc/x: path escapes from parent"),
        (CONTAINERD, "loop", f"{ENSURE}openat etc/x: too many levels of symbolic links"),
        (CONTAINERD, "not-a-directory", f"{ENSURE}openat etc/x: not a directory"),
        (CONTAINERD, "file", f'{ENSURE}only directory subpath is supported, subpath: "etc/x", mountpoint: "/t" '),
        (structs.replace(CONTAINERD, sub_path="files-and-directories"), "file", None),
        (CRIO, "directory", None),
        (CRIO, "file", None),
        (CRIO, "missing", 'ImageVolumeMountFailed: sub path "etc/x" does not exist in image volume "busybox"'),
        (CRIO, "loop", f"{SAFE_MOUNT}too many levels of symbolic links"),
        (CRIO, "not-a-directory", f"{SAFE_MOUNT}not a directory"),
        (CRIO, "name-too-long", f"{SAFE_MOUNT}file name too long"),
        (CONTAINERD, "name-too-long", f"{ENSURE}openat etc/x: file name too long"),
    ],
)
def test_sub_paths(dialect, found, message):
    mount = replace(MOUNT, sub_path="etc/x")
    if message is None:
        check_sub_path(mount, dialect, found=found, target="/t")
        assert effective_sub_path(mount, dialect) == "etc/x"
    else:
        with pytest.raises(ImageVolumeError) as error:
            check_sub_path(mount, dialect, found=found, target="/t")
        assert str(error.value) == message


def test_containerd_takes_no_outside_sub_path():
    with pytest.raises(ImageVolumeError, match=r"openat /etc: path escapes from parent$"):
        check_sub_path(replace(MOUNT, sub_path="/etc"), CONTAINERD, found="directory", target="/t")


def test_an_outside_sub_path_begins_at_the_root_of_the_image():
    mount = replace(MOUNT, sub_path="/etc")

    check_sub_path(mount, CRIO, found="directory", target="/t")
    with pytest.raises(ImageVolumeError, match=r'sub path "/etc" does not exist in image volume "busybox"$'):
        check_sub_path(mount, CRIO, found="missing", target="/t")


def test_what_status_shows():
    mount = replace(MOUNT, sub_path="etc")

    assert image_mount_status(mount, CONTAINERD, image_id="sha256:1") == ImageMountStatus(
        image="busybox", has_request_spec=True, image_ref="", sub_path="etc"
    )
    assert image_mount_status(mount, CRIO, image_id="1") == ImageMountStatus(
        image="1", has_request_spec=False, image_ref="", sub_path=""
    )
    nothing = ImageMountStatus(image="", has_request_spec=False, image_ref="", sub_path="")
    assert image_mount_status(mount, structs.replace(CRIO, status_image="none"), image_id="1") == nothing
    filled = image_mount_status(mount, structs.replace(CONTAINERD, status_has_image_ref=True), image_id="sha256:1")
    assert filled.image_ref == "sha256:1"
