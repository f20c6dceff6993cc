"""Where a node's images come from: fixture files, documents as dicts, and images made already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from kubesim.errors import InputError
from kubesim.images.catalogue import Catalogue, MoreImages
from kubesim.images.fixtures import image_from_fixture, load_catalogue, load_images
from kubesim.images.image import Image
from kubesim.model.image_fixture import image_fixtures
from kubesim.model.yaml_text import Document
from kubesim.node.sources import image_paths

ImageSource = str | Path | Mapping[str, Any] | Image | MoreImages
"""A file or folder, a document, an image made already, or a place that is asked for names that nothing else has:
`kubesim.images.store.ImageStore`."""


def catalogue_of(sources: Sequence[ImageSource]) -> Catalogue:
    """The built-in images and those of the sources, which win over built-in ones of the same name.

    Raises InputError for a source that cannot be read, and for a name that two of them have.
    """
    more = [one for one in sources if _is_place(one)]
    if len(more) > 1:
        raise InputError("more than one store of images", where="Node(images)", hint="give one")
    catalogue = load_catalogue((), more=cast("MoreImages", more[0]) if more else None)
    places: dict[str, str] = {}
    paths = [one for one in sources if isinstance(one, str | Path)]
    for image in load_images(image_paths(paths)):
        catalogue.add(image)
        places.update(dict.fromkeys(image.references, "a fixture file"))
    for position, source in enumerate(sources):
        for image in _images(source, f"Node(images)[{position}]"):
            for name in image.references:
                if name in places:
                    what = f"image {name!r} is already in {places[name]}"
                    raise InputError(what, hint="give each name to one document")
                places[name] = "another document"
            catalogue.add(image)
    return catalogue


def _is_place(source: ImageSource) -> bool:
    return isinstance(source, MoreImages) and not isinstance(source, str)


def _images(source: ImageSource, name: str) -> list[Image]:
    if isinstance(source, Image):
        return [source]
    if isinstance(source, str | Path) or _is_place(source):
        return []
    assert isinstance(source, Mapping), "what else a source can be was looked at"
    fixtures = image_fixtures([Document(value=dict(source), name=name)])
    return [image_from_fixture(fixture, directory=Path()) for fixture in fixtures]
