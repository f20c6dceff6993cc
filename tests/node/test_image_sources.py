"""Images of a node: files, documents as dicts, and images made already."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

import kubesim
from kubesim.errors import InputError
from kubesim.images.fixtures import load_images
from kubesim.node.image_sources import catalogue_of


def image(name: str = "example.com/own:1", **spec: Any) -> dict[str, Any]:
    return {"apiVersion": "kubesim/v1", "kind": "Image", "metadata": {"name": name}, "spec": spec}


def file_of(path: Path, *images: dict[str, Any]) -> Path:
    path.write_text(yaml.safe_dump_all(images))
    return path


def test_every_kind_of_source(tmp_path: Path) -> None:
    files = file_of(tmp_path / "a.yaml", image("example.com/a:1", user="a"))
    [made] = load_images([file_of(tmp_path / "b.yaml", image("example.com/b:1", user="b"))])
    both = {"apiVersion": "kubesim/v1", "kind": "ImageList", "items": [image("c"), image("d")]}
    catalogue = catalogue_of([files, str(tmp_path / "b.yaml"), image("example.com/e:1", user="e"), both])

    for name, user in (("example.com/a:1", "a"), ("example.com/b:1", "b"), ("example.com/e:1", "e")):
        found = catalogue.find(name)
        assert found is not None
        assert found.config is not None
        assert found.config.user == user
    assert catalogue.find("docker.io/library/d:latest") is not None
    assert catalogue_of([made]).find("example.com/b:1") == made


def test_a_document_wins_over_a_built_in_image() -> None:
    name = "registry.k8s.io/e2e-test-images/busybox:1.29-2"
    found = catalogue_of([image(name, user="own")]).find(name)

    assert found is not None
    assert found.config is not None
    assert found.config.user == "own"


@pytest.mark.parametrize("second", [image(), {"kind": "ImageList", "apiVersion": "kubesim/v1", "items": [image()]}])
def test_a_name_is_given_once(second: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^image 'example\.com/own:1' is already in another document; give each"):
        catalogue_of([image(), second])
    with pytest.raises(InputError, match=r"^image 'example\.com/own:1' is already in a fixture file; give each"):
        catalogue_of([second, file_of(tmp_path / "a.yaml", image())])


def test_a_mistake_names_the_argument() -> None:
    with pytest.raises(InputError, match=r"^Node\(images\)\[1\]: \$\.spec: unknown field 'usr', did you mean 'user'\?"):
        kubesim.Node(images=[image(), image("b", usr="x")])
    with pytest.raises(InputError, match=r"Node\(images\)\[0\]: 3 is of type int; give a list of paths, .* as dicts"):
        kubesim.Node(images=[3])  # type: ignore[list-item]
