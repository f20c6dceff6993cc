"""Which images of pods are fetched before their world begins, and which are not."""

import re

import pytest
from msgspec.structs import replace

from kubesim.images.catalogue import Catalogue
from kubesim.images.image import Declared, make_image
from kubesim.images.oci import ImageConfig
from kubesim.images.registry.errors import Failure, RegistryError
from kubesim.node.pulled_images import image_names, pull_missing
from kubesim.node.sources import pods_of
from kubesim.runtime.profiles import load_profile

POD = """
apiVersion: v1
kind: Pod
metadata: {name: p}
spec:
  initContainers: [{name: i, image: "quay.io/a/init:1"}]
  containers: [{name: a, image: "quay.io/a/main:1"}, {name: b, image: "quay.io/a/init:1"}]
  volumes: [{name: v, image: {reference: "quay.io/a/content:1"}}, {name: e, emptyDir: {}}]
"""


def image(*references):
    return make_image(Declared(references=references), config=ImageConfig(), layers=[])


class Registries:
    """Have every image but those that are missing."""

    def __init__(self, *missing):
        self.missing = missing
        self.asked = []

    def __call__(self, reference):
        self.asked.append(reference.normalised)
        if reference.normalised in self.missing:
            raise RegistryError(reference.normalised, "manifest", Failure(kind="not-found", what="no"))
        return image(reference.normalised)


def test_the_images_of_all_containers_and_of_volumes_each_once():
    pods = pods_of(POD, kubelet_version="1.36")

    assert image_names(pods) == ["quay.io/a/init:1", "quay.io/a/main:1", "quay.io/a/content:1"]


def test_what_is_at_hand_is_not_fetched_and_nothing_twice():
    registries = Registries()
    names = ["quay.io/a:1", "quay.io/b", "quay.io/b:latest", "Not A Name", "quay.io/c:1"]

    found = pull_missing(
        names,
        catalogue=Catalogue([image("quay.io/a:1")]),
        switches=load_profile("containerd-2.3").images,
        pull=registries,
    )

    assert registries.asked == ["quay.io/b:latest", "quay.io/c:1"]
    assert [one.references for one in found] == [("quay.io/b:latest",), ("quay.io/c:1",)]


def test_a_short_name_is_tried_in_each_registry_of_the_profile():
    switches = replace(load_profile("cri-o-1.36").images, search_registries=("a.example", "b.example"))
    registries = Registries("a.example/team/x:latest")

    found = pull_missing(["team/x"], catalogue=Catalogue(), switches=switches, pull=registries)

    assert registries.asked == ["a.example/team/x:latest", "b.example/team/x:latest"]
    assert [one.references for one in found] == [("b.example/team/x:latest",)]


def test_the_failure_of_the_last_one_is_the_users():
    with pytest.raises(RegistryError, match=re.escape("quay.io/a:1: manifest: no")):
        pull_missing(
            ["quay.io/a:1"],
            catalogue=Catalogue(),
            switches=load_profile("containerd-2.3").images,
            pull=Registries("quay.io/a:1"),
        )
