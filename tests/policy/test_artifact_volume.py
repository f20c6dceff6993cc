"""Artifacts as volumes: which blobs are files, under which names, and what is refused, version by version."""

from __future__ import annotations

import pytest

from kubesim.model.frozen_records import replace
from kubesim.policy.artifact_volume import artifact_files, blob_name
from kubesim.policy.image_volume import ImageMount, ImageVolumeError
from kubesim.policy.image_volume_dialect import ImageVolumeDialect
from kubesim.runtime.profiles import load_profile

TITLE, CNCF, CNAI = "org.opencontainers.image.title", "org.cncf.model.filepath", "org.cnai.model.filepath"
MOUNT = ImageMount(container_path="/v", image="quay.io/a:1")


def dialect_of(profile: str) -> ImageVolumeDialect:
    return load_profile(profile).image_volumes


CRIO = dialect_of("cri-o-1.36")


@pytest.mark.parametrize(
    ("annotations", "old", "new"),
    [
        ({TITLE: "title"}, "title", "title"),
        ({CNCF: "cncf"}, "", "cncf"),
        ({CNAI: "cnai"}, "cnai", ""),
        ({TITLE: "title", CNCF: "cncf", CNAI: "cnai"}, "title", "title"),
        ({TITLE: "", CNCF: "cncf", CNAI: "cnai"}, "", ""),
        ({"org.opencontainers.image.description": "text"}, "", ""),
        ({}, "", ""),
    ],
)
def test_what_names_a_blob(annotations: dict[str, str], old: str, new: str) -> None:
    assert blob_name(annotations, dialect_of("cri-o-1.33")) == old
    for profile in ("cri-o-1.34", "cri-o-1.35", "cri-o-1.36", "ideal"):
        assert blob_name(annotations, dialect_of(profile)) == new


BLOBS = [{TITLE: "dir/file"}, {}, {TITLE: "file"}, {TITLE: ""}, {TITLE: "dir/sub/x"}, {CNCF: "file"}]


@pytest.mark.parametrize(
    ("sub_path", "expected"),
    [
        ("", [("/v/dir/file", 0), ("/v/file", 2), ("/v/dir/sub/x", 4), ("/v/file", 5)]),
        (".", [("/v/dir/file", 0), ("/v/file", 2), ("/v/dir/sub/x", 4), ("/v/file", 5)]),
        ("dir", [("/v/file", 0), ("/v/sub/x", 4)]),
        ("dir/", [("/v/file", 0), ("/v/sub/x", 4)]),
        ("./dir//sub/../sub", [("/v/x", 4)]),
    ],
)
def test_each_named_blob_is_a_file_in_the_order_of_the_blobs(sub_path: str, expected: list[tuple[str, int]]) -> None:
    files = artifact_files(BLOBS, replace(MOUNT, sub_path=sub_path), CRIO)

    assert files is not None
    assert [(file.destination, file.index) for file in files] == expected


@pytest.mark.parametrize(
    ("container_path", "name", "destination"),
    [
        ("/v", "../../etc/passwd", "/v/etc/passwd"),
        ("/v", "a/../../../b", "/v/b"),
        ("/v", "/etc/passwd", "/v/etc/passwd"),
        ("/v", "//a//b/./c/", "/v/a/b/c"),
        ("/v", "..", "/v"),
        ("/v/", "a", "/v/a"),
        ("/", "a", "/a"),
        ("//v//w", "a", "/v/w/a"),
    ],
)
def test_no_name_leaves_the_mount(container_path: str, name: str, destination: str) -> None:
    files = artifact_files([{TITLE: name}], replace(MOUNT, container_path=container_path), CRIO)

    assert files is not None
    assert [file.destination for file in files] == [destination]


@pytest.mark.parametrize(
    ("profile", "prefix"),
    [
        ("cri-o-1.33", ""),
        ("cri-o-1.34", "ImageVolumeMountFailed: "),
        ("cri-o-1.35", "ImageVolumeMountFailed: "),
        ("cri-o-1.36", "ImageVolumeMountFailed: "),
        ("ideal", ""),
    ],
)
@pytest.mark.parametrize("sub_path", ["file", "nope", "//nope", "/dir", "dir/file", ".."])
def test_a_sub_path_that_begins_no_name(profile: str, prefix: str, sub_path: str) -> None:
    with pytest.raises(ImageVolumeError) as error:
        artifact_files(BLOBS, replace(MOUNT, sub_path=sub_path), dialect_of(profile))

    text = f'ImageVolumeMountFailed: sub path "{sub_path}" does not exist in OCI artifact volume "quay.io/a:1"'
    assert str(error.value) == prefix + text


def test_a_container_path_that_goes_up() -> None:
    mount = replace(MOUNT, container_path="/v/../w")
    with pytest.raises(ImageVolumeError) as error:
        artifact_files(BLOBS, mount, CRIO)

    assert str(error.value) == (
        'ImageVolumeMountFailed: failed to join container path "/v/../w" and artifact blob path "dir/file": '
        "root path provided to SecureJoin contains '..' components"
    )
    assert artifact_files(BLOBS, mount, dialect_of("cri-o-1.33")) is None, "1.33 takes it for an image"
    assert artifact_files([{}], mount, CRIO) == (), "without a name nothing is joined"
