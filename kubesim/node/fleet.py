"""The pods and images of a fleet, out of files and folders that hold both."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from kubesim.errors import InputError
from kubesim.images.archives.recognise import is_image_source
from kubesim.images.fixtures import image_from_fixture, load_images
from kubesim.images.image import Image
from kubesim.model.image_fixture import image_fixtures, is_image_document
from kubesim.model.manifest import Manifest
from kubesim.model.validation.options import PodStrategy
from kubesim.model.yaml_text import Document, load_documents
from kubesim.node.account_files import check_accounts_of
from kubesim.node.pod_strategy import running_pod_strategy
from kubesim.node.pod_templates import pods_in
from kubesim.node.sources import read_text

TEXT_SUFFIXES = (".json", ".yaml", ".yml")
"""What is looked at in a folder besides layouts and archives; anything else in it is no business of ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """What was found."""

    pods: tuple[Manifest, ...]
    images: tuple[Image, ...]
    others_count: int
    """Objects of other kinds, which were left alone."""


def read_fleet(paths: Iterable[str | Path], *, kubelet_version: str) -> Fleet:
    """The pods and images of the paths: manifests, image fixtures, layouts and archives. Folders are searched in depth.

    A document's kind tells which it is. Raises InputError for a path that is not there or has neither, for text that
    is no YAML, for what is wrong in a pod or an image, and for two images with one name.
    """
    reader = _Reader(strategy=running_pod_strategy(kubelet_version))
    for path in map(Path, paths):
        if not path.exists():
            raise InputError("no such file or folder", where=str(path), hint="name manifests and image fixtures")
        count_before = reader.count
        for file in _files(path):
            reader.read(file)
        if reader.count == count_before:
            raise InputError("no pod and no image in it", where=str(path), hint="name manifests and image fixtures")
    return Fleet(
        pods=tuple(reader.pods),
        images=tuple(image for image, _ in reader.images),
        others_count=reader.others_count,
    )


def _files(path: Path) -> Iterator[Path]:
    """The files of a folder that may be something, in order of their names; a layout counts as a file."""
    if not path.is_dir() or is_image_source(path):
        yield path
        return
    for entry in sorted(path.iterdir()):
        if entry.is_dir():
            yield from _files(entry)
        elif entry.name.endswith(TEXT_SUFFIXES) or is_image_source(entry):
            yield entry


class _Reader:
    """Sorts what it reads."""

    def __init__(self, *, strategy: PodStrategy) -> None:
        self.pods: list[Manifest] = []
        self.images: list[tuple[Image, str]] = []
        self.others_count = 0
        self._strategy = strategy
        self._places: dict[str, str] = {}

    @property
    def count(self) -> int:
        """Of the pods and images so far."""
        return len(self.pods) + len(self.images)

    def read(self, file: Path) -> None:
        """The pods and images of one file, or the images of one layout."""
        if not file.name.endswith(TEXT_SUFFIXES):
            for image in load_images([file]):
                self._add(image, str(file))
            return
        documents = load_documents(read_text(file), name=str(file))
        self._read_fixtures([one for one in documents if is_image_document(one)], file.parent)
        for document in documents:
            if not is_image_document(document):
                pods, others = pods_in(document, strategy=self._strategy)
                self.pods += pods
                self.others_count += len(others)

    def _read_fixtures(self, documents: list[Document], folder: Path) -> None:
        if not documents:
            return
        for fixture in image_fixtures(documents):
            image = image_from_fixture(fixture, directory=folder)
            check_accounts_of([image])
            self._add(image, fixture.where)

    def _add(self, image: Image, where: str) -> None:
        for name in image.references:
            if name in self._places:
                what = f"image {name!r} is already defined at {self._places[name]}"
                raise InputError(what, where=where, hint="give each name to one image")
            self._places[name] = where
        self.images.append((image, where))
