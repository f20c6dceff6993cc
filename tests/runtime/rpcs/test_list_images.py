"""ListImages: the rows, and what the filter does."""

from __future__ import annotations

from typing import Any

import pytest

from kubesim.cri import Code

CONTAINERD, CRIO = "containerd-2.3", "cri-o-1.36"
HUB = "docker.io/library/hub:latest"
APP = "registry.example/app:1"


@pytest.fixture
def nodes(new_node: Any, new_image: Any) -> Any:
    """A maker of nodes with two images."""
    return lambda profile: new_node(profile, images=(new_image(APP, marker="app"), new_image(HUB)))


def test_the_order(nodes: Any) -> None:
    """As they came, or in no order that tells anything, as from a Go map."""
    for profile in ("ideal", CONTAINERD, CRIO):
        node = nodes(profile)
        before = [list(image.repo_tags) for image in node.images()]
        assert sorted(before) == [[HUB], [APP]]
        node.do(node.removing_image(APP))
        node.do(node.pulling(APP))
        after = [list(image.repo_tags) for image in node.images()]
        if profile == "ideal":
            assert (before, after) == ([[APP], [HUB]], [[HUB], [APP]])
        else:
            assert after == before


@pytest.mark.parametrize(("profile", "finds_one"), [(CONTAINERD, False), (CRIO, True), ("ideal", True)])
def test_the_filter(nodes: Any, profile: str, finds_one: bool) -> None:
    node = nodes(profile)
    image_id = node.image_of(HUB).id
    for name in ("hub", HUB, image_id, image_id.removeprefix("sha256:")[:12]):
        tags = sorted(list(image.repo_tags) for image in node.images(name))
        assert tags == ([[HUB]] if finds_one else [[HUB], [APP]]), name
    assert len(node.images("none")) == (0 if finds_one else 2)


def test_a_filter_that_is_no_name(nodes: Any) -> None:
    crio = nodes(CRIO)
    with pytest.raises(Exception, match="invalid reference format") as error:
        crio.images("a b")
    assert error.value.code is Code.UNKNOWN
    assert len(nodes(CONTAINERD).images("a b")) == 2


def test_rows_are_kept_until_something_in_them_changes(nodes: Any) -> None:
    node = nodes(CONTAINERD)
    before = node.images()
    assert node.images() == before
    node.runtime.tag_image("registry.example/app:2", APP)
    node.do(node.pulling("registry.example/app:2"))
    assert sorted(list(image.repo_tags) for image in node.images()) == [[HUB], [APP, "registry.example/app:2"]]
    assert sorted(list(image.repo_tags) for image in before) == [[HUB], [APP]], "an answer is the caller's"


def test_an_image_that_lost_its_names_in_crio(nodes: Any, new_image: Any) -> None:
    """The list has a digest under the name it had last; the status has none."""
    node = nodes(CRIO)
    old = node.image_of(APP)
    digest = node.catalogue.find(APP).digest
    node.runtime.add_image(new_image("registry.example/new:1", marker="new"), is_present=False)
    node.runtime.tag_image(APP, "registry.example/new:1")
    node.do(node.pulling(APP))
    row = next(image for image in node.images() if image.id == old.id)
    assert (list(row.repo_tags), list(row.repo_digests)) == ([], [f"registry.example/app@{digest}"])
    status = node.image_of(old.id)
    assert (list(status.repo_tags), list(status.repo_digests)) == ([], [])
    assert node.image_of(f"registry.example/app@{digest}") is None
