"""Artifacts in CRI-O's own store: rows, look-ups, pins and removals, apart from images."""

from __future__ import annotations

from typing import Any

import pytest

from kubesim.cri import Code, api
from kubesim.images.image import Artifact, ArtifactBlob, Declared, Image, make_artifact

BUSYBOX, ONE, TWO = "docker.io/library/busybox:1", "docker.io/library/art:v1", "quay.io/x/art:v2"
OLD, NEW = "cri-o-1.34", "cri-o-1.36"


def artifact(*names: str, content: bytes = b"1") -> Image:
    return make_artifact(
        Declared(references=names, is_present=True),
        Artifact(artifact_type="application/x", blobs=(ArtifactBlob("file", content),)),
    )


@pytest.fixture
def nodes(new_node: Any, new_image: Any) -> Any:
    """A maker of nodes that have busybox and these artifacts."""
    return lambda profile, *artifacts: new_node(profile, images=(new_image(BUSYBOX), *artifacts))


def rows(node: Any) -> list[tuple[list[str], list[str]]]:
    return [(list(row.repo_tags), list(row.repo_digests)) for row in node.images() if BUSYBOX not in row.repo_tags]


@pytest.mark.parametrize("profile", ["cri-o-1.33", OLD, "cri-o-1.35", NEW])
def test_each_name_of_an_artifact_is_a_row(nodes: Any, profile: str) -> None:
    one = artifact(ONE, TWO)
    node = nodes(profile, one)
    digests = [f"{name.rpartition(':')[0]}@{one.digest}" for name in (ONE, TWO)]
    assert rows(node) == [([ONE], [digests[0]]), ([TWO], [digests[1]])]
    for name, digest in zip((ONE, TWO), digests, strict=True):
        shown = node.image_of(name)
        assert (shown.id, list(shown.repo_tags), list(shown.repo_digests)) == (one.digest[7:], [name], [digest])
        assert node.image_of(digest) == shown
    node.do(node.removing_image(ONE))
    assert rows(node) == [([TWO], [digests[1]])]
    node.do(node.removing_image(TWO))
    assert rows(node) == []


def test_an_artifact_that_lost_its_name(nodes: Any) -> None:
    one, other = artifact(TWO), artifact(TWO, content=b"2")
    node = nodes(NEW, one)
    node.runtime.add_image(other, is_present=True)
    assert sorted(rows(node)) == [([], [f"unknown@{one.digest}"]), ([TWO], [f"quay.io/x/art@{other.digest}"])]


@pytest.mark.parametrize(
    ("profile", "is_pinned"),
    [("cri-o-1.33", True), (OLD, True), ("cri-o-1.35.1", True), ("cri-o-1.35.2", False), (NEW, False)],
)
def test_which_artifacts_are_pinned(nodes: Any, profile: str, is_pinned: bool) -> None:
    node = nodes(profile, artifact(ONE))
    assert [row.pinned for row in node.images() if row.repo_tags == [ONE]] == [is_pinned]
    assert node.image_of(ONE).pinned is is_pinned


@pytest.mark.parametrize(
    ("profile", "text", "is_found"),
    [
        (OLD, "art:v1", True),
        ("cri-o-1.35.0", "art:v1", True),
        ("cri-o-1.35.1", "art:v1", False),
        (NEW, "art:v1", False),
        (NEW, ONE, True),
        (OLD, "{short}", True),
        (NEW, "{short}", True),
    ],
)
def test_short_names(nodes: Any, profile: str, text: str, is_found: bool) -> None:
    one = artifact(ONE)
    node = nodes(profile, one)
    assert (node.image_of(text.format(short=one.digest[7:12])) is not None) is is_found


@pytest.mark.parametrize("profile", [OLD, NEW])
def test_by_a_digest_that_two_names_have(nodes: Any, profile: str) -> None:
    one = artifact(ONE, TWO)
    node = nodes(profile, one)
    mount = api.Mount(container_path="/vol", image=api.ImageSpec(image=one.digest[7:]), readonly=True)
    creating = node.creating(node.run_pod(), node.container_config("true", image=BUSYBOX, mounts=[mount]))
    if profile == OLD:
        assert node.do(creating).container_id
        assert list(node.image_of(one.digest[7:]).repo_tags) == [ONE]
        return
    error = node.refused(creating)
    reason = f'multiple artifacts found with matching digest: "{ONE},{TWO}"'
    text = f"ImageVolumeMountFailed: failed to get artifact status: inspect artifact: {reason}"
    assert (error.code, error.message) == (Code.UNKNOWN, text)
    assert node.image_of(one.digest[7:]) is None, "ImageStatus only logs it"


def test_an_image_and_an_artifact_of_one_name(nodes: Any, new_image: Any) -> None:
    """A tag that meant an image, and now an artifact: CRI-O keeps both, and mounts the artifact."""
    node = nodes(NEW, new_image(TWO, files={"/image": b""}, marker="image"))
    node.runtime.add_image(artifact(TWO), is_present=True)
    assert len([row for row in node.images() if TWO in row.repo_tags]) == 2
    asked = api.ListImagesRequest(filter=api.ImageFilter(image=api.ImageSpec(image=TWO)))
    listed = node.do(node.cri.list_images(asked))
    assert [list(row.repo_tags) for row in listed.images] == [[TWO], [TWO]]
    mount = api.Mount(container_path="/vol", image=api.ImageSpec(image=TWO), readonly=True)
    container = node.start(node.run_pod(), "sleep", "100", image=BUSYBOX, mounts=[mount])
    assert node.do(node.execing(container, "ls", "/vol")).stdout == b"file\n"
    node.do(node.removing(container))
    node.do(node.removing_image(TWO))
    assert [row for row in node.images() if TWO in row.repo_tags] == []


@pytest.mark.parametrize(
    ("profile", "text", "goes"),
    [
        (OLD, ONE, True),
        (OLD, "art:v1", False),
        (OLD, "docker.io/library/art@{digest}", False),
        (OLD, "{short}", True),
        (OLD, "{hex}", False),
        (NEW, ONE, True),
        (NEW, "docker.io/library/art@{digest}", True),
        (NEW, "{short}", True),
        (NEW, "{hex}", False),
    ],
)
def test_by_what_an_artifact_is_removed(nodes: Any, profile: str, text: str, goes: bool) -> None:
    one = artifact(ONE)
    node = nodes(profile, one)
    digits = one.digest[7:]
    node.do(node.removing_image(text.format(digest=one.digest, hex=digits, short=digits[:12])))
    assert (rows(node) == []) is goes


def test_a_removal_with_tag_and_digest_ends_in_an_error_of_the_artifact_store(nodes: Any) -> None:
    node = nodes(NEW)
    shown = node.image_of(BUSYBOX)
    text = f"{BUSYBOX}@{shown.repo_digests[0].partition('@')[2]}"
    error = node.refused(node.removing_image(text))
    assert error.message == "failed to get artifact: invalid nameOrDigest: reference cannot be tagged and digested"
