"""ListImages, ImageStatus, RemoveImage, ImageFsInfo, and what an image name can mean."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kubesim.cri import Code, api
from kubesim.images.oci import ImageConfig
from kubesim.runtime.image_store import split_user

CONTAINERD, CRIO = "containerd-2.3", "cri-o-1.36"
BUSYBOX = "registry.example/busybox:1"
HUB = "docker.io/library/hub:latest"


def status(node: Any, name: str, *, verbose: bool = False) -> Any:
    return node.cri.image_status(api.ImageStatusRequest(image=api.ImageSpec(image=name), verbose=verbose))


def image_of(node: Any, name: str) -> api.Image | None:
    response = node.do(status(node, name))
    return response.image if response.HasField("image") else None


def listing(node: Any, name: str = "") -> list[api.Image]:
    request = api.ListImagesRequest(filter=api.ImageFilter(image=api.ImageSpec(image=name)))
    return list(node.do(node.cri.list_images(request)).images)


def removing(node: Any, name: str) -> Any:
    return node.cri.remove_image(api.RemoveImageRequest(image=api.ImageSpec(image=name)))


@pytest.fixture
def nodes(new_node: Any, new_image: Any) -> Any:
    """A maker of nodes with two images, one of which has three names."""
    names = ("registry.example/app:1", "registry.example/app:2", "mirror.example/app:1")
    return lambda profile: new_node(profile, images=(new_image(*names, marker="app"), new_image(HUB)))


def test_an_image_as_containerd_shows_it(nodes: Any) -> None:
    node = nodes(CONTAINERD)
    found = node.catalogue.find("registry.example/app:1")
    shown = image_of(node, "registry.example/app:2")
    assert shown is not None
    assert shown.id == found.id
    assert list(shown.repo_tags) == ["mirror.example/app:1", "registry.example/app:1", "registry.example/app:2"]
    assert list(shown.repo_digests) == [f"mirror.example/app@{found.digest}", f"registry.example/app@{found.digest}"]
    assert shown.size == found.size_bytes > 0
    assert not shown.HasField("spec")
    assert listing(node)[0] == shown


def test_crio_shows_bare_ids_and_annotations(nodes: Any) -> None:
    node = nodes(CRIO)
    found = node.catalogue.find("registry.example/app:1")
    shown = image_of(node, "registry.example/app:1")
    assert shown is not None
    assert "sha256:" + shown.id == found.id
    assert len(shown.repo_digests) == 2
    assert shown.HasField("spec")
    assert not listing(node)[0].HasField("spec")


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
        ("99999999999999999999", None, "99999999999999999999"),
        ("9223372036854775807", (1 << 63) - 1, ""),
        ("9223372036854775808", None, "9223372036854775808"),
        ("1 000", None, "1 000"),
        ("١", None, "١"),
        (":grp", None, ""),
    ],
)
def test_the_user_of_an_image(new_node: Any, new_image: Any, user: str, uid: int | None, username: str) -> None:
    assert split_user(user) == (uid, username)
    node = new_node(images=(new_image(BUSYBOX, config=ImageConfig(user=user)),))
    shown = image_of(node, BUSYBOX)
    assert shown is not None
    assert (shown.uid.value if shown.HasField("uid") else None, shown.username) == (uid, username)


@pytest.mark.parametrize(
    ("key", "in_containerd", "in_crio"),
    [
        ("{id}", True, False),
        ("{hex}", True, True),
        ("{hex:.12}", True, True),
        ("{hex:.2}", True, False),
        ("sha256:{hex:.12}", True, False),
        ("docker.io/library/hub:latest", True, True),
        ("hub", True, True),
        ("library/hub", True, True),
        ("docker.io/library/hub@{digest}", True, True),
        ("hub@{digest}", True, True),
        ("hub:other", False, False),
        ("{digest}", False, False),
        ("0" * 64, False, False),
    ],
)
def test_what_a_name_can_mean(nodes: Any, key: str, in_containerd: bool, in_crio: bool) -> None:
    for profile, is_found in ((CONTAINERD, in_containerd), (CRIO, in_crio)):
        node = nodes(profile)
        found = node.catalogue.find(HUB)
        text = key.format(id=found.id, hex=found.id.partition(":")[2], digest=found.digest)
        shown = image_of(node, text)
        assert (shown is not None) is is_found, (profile, text)


def test_an_empty_name(nodes: Any, node: Any) -> None:
    error = nodes(CONTAINERD).refused(status(nodes(CONTAINERD), ""))
    assert (error.code, error.message) == (Code.UNKNOWN, 'can not resolve "" locally: ambiguous digest string')
    assert image_of(node, "") is not None, "the only image of a node"
    crio = nodes(CRIO)
    for call in (status(crio, ""), removing(crio, "")):
        error = crio.refused(call)
        assert (error.code, error.message) == (Code.UNKNOWN, "no image specified")


@pytest.mark.parametrize("name", ["Upper/case", "a b", "x:tag:tag", "\0", "x" * 100_000, ":"])
def test_names_that_are_none(nodes: Any, name: str) -> None:
    assert image_of(nodes(CONTAINERD), name) is None
    crio = nodes(CRIO)
    assert crio.refused(status(crio, name)).code is Code.UNKNOWN


def test_the_filter_of_the_list(nodes: Any) -> None:
    assert len(listing(nodes(CONTAINERD), "hub")) == 2
    assert [list(image.repo_tags) for image in listing(nodes(CRIO), "hub")] == [[HUB]]
    assert listing(nodes(CRIO), "none") == []
    assert [list(image.repo_tags) for image in listing(nodes("ideal"), "hub")] == [[HUB]]


def test_verbose_info(nodes: Any) -> None:
    node = nodes(CONTAINERD)
    info = json.loads(node.do(status(node, "hub", verbose=True)).info["info"])
    assert info["chainID"].startswith("sha256:")
    assert info["imageSpec"]["config"]["Cmd"] == ["sh"]
    crio = nodes(CRIO)
    assert set(json.loads(crio.do(status(crio, "hub", verbose=True)).info["info"])) <= {"labels", "imageSpec"}
    assert not node.do(status(node, "hub")).info


def test_containerd_removes_an_image_with_all_its_names(nodes: Any) -> None:
    node = nodes(CONTAINERD)
    found = node.catalogue.find("registry.example/app:1")
    node.do(removing(node, "registry.example/app:1"))
    for name in ("registry.example/app:2", "mirror.example/app:1", found.id, f"registry.example/app@{found.digest}"):
        assert image_of(node, name) is None
    assert len(listing(node)) == 1
    node.do(removing(node, "registry.example/app:1"))


def test_crio_takes_one_name_away(nodes: Any) -> None:
    node = nodes(CRIO)
    found = node.catalogue.find("registry.example/app:1")
    bare_id = found.id.partition(":")[2]
    node.do(removing(node, "mirror.example/app:1"))
    shown = image_of(node, bare_id)
    assert shown is not None
    assert list(shown.repo_tags) == ["registry.example/app:1", "registry.example/app:2"]
    assert list(shown.repo_digests) == [f"registry.example/app@{found.digest}"]
    node.do(removing(node, bare_id[:12]))
    assert image_of(node, "registry.example/app:1") is None


@pytest.mark.parametrize("profile", [CONTAINERD, CRIO])
def test_removing_what_is_not_there_is_fine(nodes: Any, profile: str) -> None:
    node = nodes(profile)
    for _ in range(2):
        node.do(removing(node, "0" * 64))
        node.do(removing(node, "registry.example/none:1"))
    assert len(listing(node)) == 2


def test_an_image_in_use(node: Any, crio: Any) -> None:
    node.create(node.run_pod(), node.container_config("true"))
    node.do(removing(node, BUSYBOX))
    assert listing(node) == []
    ctr = crio.create(crio.run_pod(), crio.container_config("true"))
    message = f"delete image: image used by {ctr}: image is in use by a container"
    assert crio.refused(removing(crio, BUSYBOX)).message == message
    crio.do(crio.removing(ctr))
    crio.do(removing(crio, BUSYBOX))
    assert listing(crio) == []


def test_the_pause_image_is_pinned_and_can_still_be_removed(new_node: Any, new_image: Any) -> None:
    pause, other = "registry.k8s.io/pause:3.10.2", "registry.k8s.io/pause:3.9"
    images = (
        new_image(pause, pinned=True),
        new_image(other, marker="old", pinned=True),
        new_image(BUSYBOX, marker="b"),
    )
    node = new_node(images=images)
    assert {tuple(image.repo_tags): image.pinned for image in listing(node)} == {(pause,): True, (BUSYBOX,): False}
    node.do(removing(node, pause))
    assert node.run_pod()


def test_a_fixture_can_pin_an_image(new_node: Any, new_image: Any) -> None:
    node = new_node(images=(new_image(BUSYBOX, pinned=True),))
    assert listing(node)[0].pinned


def test_the_file_system_moves_with_the_images(nodes: Any) -> None:
    node = nodes(CONTAINERD)

    def usage() -> api.FilesystemUsage:
        return node.do(node.cri.image_fs_info(api.ImageFsInfoRequest())).image_filesystems[0]

    before = usage()
    assert before.fs_id.mountpoint == "/var/lib/containerd/io.containerd.snapshotter.v1.overlayfs"
    assert before.used_bytes.value == sum(image.size for image in listing(node))
    assert before.inodes_used.value > 0
    assert before.timestamp == node.kernel.now_ns
    node.do(removing(node, "hub"))
    assert usage().used_bytes.value < before.used_bytes.value


@pytest.mark.parametrize(("profile", "has_it"), [(CONTAINERD, False), ("cri-o-1.28", False), (CRIO, True)])
def test_the_file_system_of_the_containers(new_node: Any, profile: str, has_it: bool) -> None:
    node = new_node(profile, image_fs_path="/really/there")
    response = node.do(node.cri.image_fs_info(api.ImageFsInfoRequest()))
    assert response.image_filesystems[0].fs_id.mountpoint == "/really/there"
    assert bool(response.container_filesystems) is has_it
