"""A store among the images of a node."""

from pathlib import Path

import pytest

from kubesim.errors import InputError
from kubesim.images.store import ImageStore
from kubesim.node.image_sources import catalogue_of
from kubesim.node.node import Node


def test_a_store_is_asked_for_what_nothing_else_has(tmp_path: Path) -> None:
    store = ImageStore(tmp_path / "none")
    document = {"apiVersion": "kubesim/v1", "kind": "Image", "metadata": {"name": "registry.example/own:1"}}

    catalogue = catalogue_of([store, document])

    assert catalogue.find("registry.example/own:1") is not None
    assert catalogue.find("registry.example/other:1") is None
    with Node(images=[store, document]) as node:
        assert node.pods() == []


def test_two_stores_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"Node\(images\): more than one store of images; give one"):
        Node(images=[ImageStore(tmp_path / "a"), ImageStore(tmp_path / "b")])


def test_what_is_no_source_is_refused() -> None:
    with pytest.raises(InputError, match=r"Node\(images\)"):
        Node(images=[object()])  # type: ignore[list-item]
