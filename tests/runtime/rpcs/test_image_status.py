"""ImageStatus: what an image name can mean, and how an image looks."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kubesim.cri import Code
from kubesim.images.image import Artifact, ArtifactBlob, Declared, make_artifact
from kubesim.images.oci import ImageConfig
from kubesim.runtime.image_store import split_user

CONTAINERD, CRIO = "containerd-2.3", "cri-o-1.36"
BUSYBOX = "registry.example/busybox:1"
HUB = "docker.io/library/hub:latest"


@pytest.fixture
def nodes(new_node: Any, new_image: Any) -> Any:
    """A maker of nodes with two images, one of which has three names."""
    names = ("registry.example/app:1", "registry.example/app:2", "mirror.example/app:1")
    return lambda profile: new_node(profile, images=(new_image(*names, marker="app"), new_image(HUB)))


def test_an_image_as_containerd_shows_it(nodes: Any) -> None:
    node = nodes(CONTAINERD)
    found = node.catalogue.find("registry.example/app:1")
    shown = node.image_of("registry.example/app:2")
    assert shown.id == found.id
    assert list(shown.repo_tags) == ["mirror.example/app:1", "registry.example/app:1", "registry.example/app:2"]
    assert list(shown.repo_digests) == [f"mirror.example/app@{found.digest}", f"registry.example/app@{found.digest}"]
    assert shown.size == found.size_bytes > 0
    assert not shown.HasField("spec")
    assert shown in node.images()


def test_crio_shows_bare_ids_and_annotations(nodes: Any) -> None:
    node = nodes(CRIO)
    found = node.catalogue.find("registry.example/app:1")
    shown = node.image_of("registry.example/app:1")
    assert "sha256:" + shown.id == found.id
    assert len(shown.repo_digests) == 2
    assert shown.HasField("spec")
    assert not node.images()[0].HasField("spec")


def test_each_runtime_shows_its_own_size(new_node: Any, new_image: Any) -> None:
    sizes = {}
    for profile in (CONTAINERD, CRIO):
        node = new_node(profile, images=(new_image(BUSYBOX, size_bytes=1000, unpacked_bytes=2500),))
        sizes[profile] = node.image_of(BUSYBOX).size
    assert sizes == {CONTAINERD: 1000, CRIO: 2500}


@pytest.mark.parametrize(
    ("user", "uid", "username"),
    [
        ("", None, ""),
        ("0", 0, ""),
        ("1002", 1002, ""),
        ("www-data", None, "www-data"),
        ("1003:grp", 1003, ""),
        ("www-data:grp", None, "www-data"),
        ("-1", -1, ""),
        ("+5", 5, ""),
        ("0" * 30 + "7", 7, ""),
        ("99999999999999999999", None, "99999999999999999999"),
        ("9" * 5000, None, "9" * 5000),
        ("9223372036854775807", (1 << 63) - 1, ""),
        ("9223372036854775808", None, "9223372036854775808"),
        ("1 000", None, "1 000"),
        ("1_000", None, "1_000"),
        ("١", None, "١"),
        (":grp", None, ""),
    ],
)
def test_the_user_of_an_image(new_node: Any, new_image: Any, user: str, uid: int | None, username: str) -> None:
    assert split_user(user) == (uid, username)
    for profile in (CONTAINERD, CRIO):
        shown = new_node(profile, images=(new_image(BUSYBOX, config=ImageConfig(user=user)),)).image_of(BUSYBOX)
        assert (shown.uid.value if shown.HasField("uid") else None, shown.username) == (uid, username)


@pytest.mark.parametrize(
    ("key", "in_containerd", "in_crio"),
    [
        ("{id}", True, False),
        ("{hex}", True, True),
        ("{hex:.12}", True, True),
        ("{hex:.3}", True, True),
        ("{hex:.2}", True, False),
        ("sha256:{hex:.12}", True, False),
        ("docker.io/library/hub:latest", True, True),
        ("hub", True, True),
        ("library/hub", True, True),
        ("docker.io/library/hub@{digest}", True, True),
        ("hub@{digest}", True, True),
        ("hub:latest@{digest}", True, True),
        ("hub:other", False, False),
        ("other/hub@{digest}", False, False),
        ("{digest}", False, False),
        ("0" * 64, False, False),
    ],
)
def test_what_a_name_can_mean(nodes: Any, key: str, in_containerd: bool, in_crio: bool) -> None:
    for profile, is_found in ((CONTAINERD, in_containerd), (CRIO, in_crio)):
        node = nodes(profile)
        found = node.catalogue.find(HUB)
        text = key.format(id=found.id, hex=found.id.partition(":")[2], digest=found.digest)
        shown = node.image_of(text)
        assert (shown is not None) is is_found, (profile, text)
        assert shown is None or shown == node.image_of(HUB)


def test_an_empty_name(nodes: Any, node: Any) -> None:
    error = nodes(CONTAINERD).refused(nodes(CONTAINERD).image_status(""))
    assert (error.code, error.message) == (Code.UNKNOWN, 'can not resolve "" locally: ambiguous digest string')
    assert node.image_of("") is not None, "the only image of a node"
    node.do(node.removing_image(BUSYBOX))
    assert node.image_of("") is None
    for profile in (CRIO, "ideal"):
        error = nodes(profile).refused(nodes(profile).image_status(""))
        assert (error.code, error.message) == (Code.UNKNOWN, "no image specified")


def test_an_ambiguous_id(new_node: Any, new_image: Any) -> None:
    names = [f"registry.example/app:{number}" for number in range(17)]
    images = tuple(new_image(name, marker=name) for name in names)
    firsts = [image.id.removeprefix("sha256:")[0] for image in images]
    digit = next(first for first in firsts if firsts.count(first) > 1)
    node = new_node(images=images)
    message = f'can not resolve "{digit}" locally: ambiguous digest string'
    for call in (node.image_status(digit), node.removing_image(digit)):
        error = node.refused(call)
        assert (error.code, error.message) == (Code.UNKNOWN, message)
    assert new_node(CRIO, images=images).image_of(digit) is None


@pytest.mark.parametrize("name", ["Upper/case", "a b", "x:tag:tag", "\0", "x" * 100_000, ":"])
def test_names_that_are_none(nodes: Any, name: str) -> None:
    assert nodes(CONTAINERD).image_of(name) is None
    crio = nodes(CRIO)
    assert crio.refused(crio.image_status(name)).code is Code.UNKNOWN


@pytest.mark.parametrize(("profile", "is_refused"), [("cri-o-1.34", True), ("cri-o-1.35", False), (CRIO, False)])
def test_hex_digits_that_are_no_name(nodes: Any, profile: str, is_refused: bool) -> None:
    node = nodes(profile)
    if is_refused:
        assert "repository name must be lowercase" in node.refused(node.image_status("ABC123")).message
        return
    assert node.image_of("ABC123") is None
    assert node.images("ABC123") == []
    assert node.refused(node.removing_image("ABC123")).code is Code.UNKNOWN


def test_verbose_info(nodes: Any) -> None:
    node = nodes(CONTAINERD)
    info = json.loads(node.do(node.image_status("hub", verbose=True)).info["info"])
    assert list(info) == ["chainID", "imageSpec"]
    assert info["chainID"] == node.catalogue.find(HUB).chain_id
    assert info["imageSpec"]["config"]["Cmd"] == ["sh"]
    assert not node.do(node.image_status("hub")).info


def test_verbose_info_of_crio(new_node: Any, new_image: Any) -> None:
    config = ImageConfig(cmd=("sh",), labels=(("maintainer", "me"),))
    crio = new_node(CRIO, images=(new_image(BUSYBOX, config=config), new_image(HUB)))
    info = json.loads(crio.do(crio.image_status(BUSYBOX, verbose=True)).info["info"])
    assert (list(info), info["labels"]) == (["labels", "imageSpec"], {"maintainer": "me"})
    assert list(json.loads(crio.do(crio.image_status(HUB, verbose=True)).info["info"])) == ["imageSpec"]


def test_an_artifact(new_node: Any) -> None:
    name = "registry.example/blobs:1"
    artifact = make_artifact(
        Declared(references=(name,), is_present=True),
        Artifact(artifact_type="application/x", blobs=(ArtifactBlob("a", b"1"),)),
    )
    node = new_node(CRIO, images=(artifact,))
    response = node.do(node.image_status(name, verbose=True))
    shown = response.image
    assert (shown.id, shown.size) == (artifact.digest.removeprefix("sha256:"), 1)
    assert list(shown.repo_digests) == [f"registry.example/blobs@{artifact.digest}"]
    assert not shown.HasField("spec")
    assert not shown.HasField("uid")
    assert not response.info


def test_the_pause_image_is_pinned(new_node: Any, new_image: Any) -> None:
    pause, other = "registry.k8s.io/pause:3.10.2", "registry.k8s.io/pause:3.9"
    images = (new_image(pause), new_image(other, marker="old"), new_image(BUSYBOX, marker="b"))
    node = new_node(images=images)
    assert {tuple(image.repo_tags): image.pinned for image in node.images()} == {(pause,): True, (BUSYBOX,): False}
    node.do(node.removing_image(pause))
    assert node.image_of(pause) is None, "pinning is for garbage collection alone"
    assert node.run_pod()


@pytest.mark.parametrize(("profile", "stays_pinned"), [(CONTAINERD, True), (CRIO, False)])
def test_a_pinned_name_that_moved_away(new_node: Any, new_image: Any, profile: str, stays_pinned: bool) -> None:
    node = new_node(profile)
    pause = node.runtime.profile.pause_image
    node.runtime.add_image(new_image(pause, "registry.example/p:1", marker="first"), is_present=True)
    first = node.image_of(pause)
    assert first.pinned
    node.runtime.add_image(new_image("registry.example/new:1", marker="new"), is_present=False)
    node.runtime.tag_image(pause, "registry.example/new:1")
    node.do(node.pulling(pause))
    assert node.image_of(pause).pinned
    assert node.image_of("registry.example/p:1").id == first.id
    assert node.image_of("registry.example/p:1").pinned is stays_pinned


def test_a_fixture_can_pin_an_image(new_node: Any, new_image: Any) -> None:
    node = new_node(images=(new_image(BUSYBOX, pinned=True),))
    assert node.images()[0].pinned


@pytest.mark.parametrize("profile", [CONTAINERD, "cri-o-1.35.2", CRIO])
def test_one_id_in_all_calls_and_for_all_registries(new_node: Any, new_image: Any, profile: str) -> None:
    names = ("k8s.example/app:1", "registry.example/app:1")
    node = new_node(profile, images=tuple(new_image(name, is_present=False) for name in names))
    answers = {node.do(node.pulling(name)).image_ref for name in names}
    assert len(answers) == 1
    ref = answers.pop()
    (image,) = node.images()
    assert image.id == ref
    assert list(image.repo_tags) == list(names)
    pod = node.run_pod()
    container = node.start(pod, "sleep", "100", image=ref)
    assert node.status(container).image_id == ref
    assert node.image_of(ref).id == ref
    assert node.image_of(node.status(container).image.image).id == ref
    assert node.image_of(node.status(container).image_ref).id == ref
    listed = node.containers()[0]
    assert (listed.image_id or node.image_of(listed.image_ref).id) == ref
