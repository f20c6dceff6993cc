"""Finding images by their names, and names that move."""

import pytest

from kubesim.images.catalogue import Catalogue, repository
from kubesim.images.image import Declared, Image, make_image
from kubesim.images.oci import ImageConfig
from kubesim.images.tree import file_node
from kubesim.model.frozen_records import replace

DIGEST = f"sha256:{'d' * 64}"


def image_of(content: bytes, *references: str) -> Image:
    return make_image(
        Declared(references=references), config=ImageConfig(), layers=[[("/content", file_node(content))]]
    )


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("docker.io/library/busybox:latest", "docker.io/library/busybox"),
        ("localhost:5000/app:v1", "localhost:5000/app"),
        ("localhost:5000/app", "localhost:5000/app"),
        (f"quay.io/a/b@{DIGEST}", "quay.io/a/b"),
        (f"quay.io/a/b:t@{DIGEST}", "quay.io/a/b"),
    ],
)
def test_repository(reference: str, expected: str) -> None:
    assert repository(reference) == expected


def test_an_image_is_found_by_tag_and_by_digest_in_each_of_its_repositories() -> None:
    image = image_of(b"1", "quay.io/a/b:1", "quay.io/a/b:2", "other.io/c:1")
    catalogue = Catalogue([image])

    for name in (*image.references, f"quay.io/a/b@{image.digest}", f"other.io/c@{image.digest}"):
        assert catalogue.find(name) is image
    assert catalogue.images() == (image,)


@pytest.mark.parametrize("name", ["quay.io/a/b:2", "quay.io/a/b", f"quay.io/a/b@{DIGEST}", "", "other.io/a/b:1"])
def test_anything_else_is_not_there(name: str) -> None:
    assert Catalogue([image_of(b"1", "quay.io/a/b:1")]).find(name) is None


def test_a_name_can_be_a_digest_of_its_own() -> None:
    image = image_of(b"1", f"quay.io/a/b@{DIGEST}")

    assert Catalogue([image]).find(f"quay.io/a/b@{DIGEST}") is image


def test_a_tag_moves_and_the_old_image_stays_reachable_by_digest() -> None:
    old, new = image_of(b"1", "quay.io/a/b:1", "quay.io/a/b:2"), image_of(b"2", "quay.io/a/b:1")
    catalogue = Catalogue([old, new])
    found = catalogue.find(f"quay.io/a/b@{old.digest}")

    assert catalogue.find("quay.io/a/b:1") is new
    assert found is not None
    assert (found.id, found.references) == (old.id, ("quay.io/a/b:2",))
    assert catalogue.find("quay.io/a/b:2") is found
    assert [image.id for image in catalogue.images()] == [old.id, new.id]


def test_an_image_without_names_is_not_listed() -> None:
    old, new = image_of(b"1", "quay.io/a/b:1"), image_of(b"2", "quay.io/a/b:1")
    catalogue = Catalogue([old, new])

    assert catalogue.images() == (new,)
    assert catalogue.find(f"quay.io/a/b@{old.digest}") is not None


def test_one_more_name_for_an_image_that_is_there() -> None:
    image = image_of(b"1", "quay.io/a/b:1")
    catalogue = Catalogue([image])
    catalogue.add(replace(image, references=(*image.references, "quay.io/a/b:latest")))

    assert catalogue.references() == ("quay.io/a/b:1", "quay.io/a/b:latest")
    assert [listed.references for listed in catalogue.images()] == [("quay.io/a/b:1", "quay.io/a/b:latest")]


def test_two_images_of_the_same_content_keep_their_names() -> None:
    catalogue = Catalogue([image_of(b"1", "registry.k8s.io/pause:3.9"), image_of(b"1", "k8s.gcr.io/pause:3.9")])
    one, two = catalogue.find("registry.k8s.io/pause:3.9"), catalogue.find("k8s.gcr.io/pause:3.9")

    assert one is not None
    assert two is not None
    assert one.id == two.id
    assert one.references != two.references
