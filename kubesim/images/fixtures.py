"""Whatever a user names with `--images` -> Catalogue: image documents in YAML or JSON, OCI layouts, archives, folders.

The built-in fixtures ship with the package; an image of the user's wins over a built-in one of the same name.
"""

from __future__ import annotations

import functools
import importlib.resources
from collections.abc import Iterable, Iterator
from pathlib import Path

from kubesim.errors import InputError
from kubesim.images.archives.recognise import is_image_source
from kubesim.images.blobs.gathered import GatheredBlobs
from kubesim.images.catalogue import Catalogue, MoreImages
from kubesim.images.document_file import open_document
from kubesim.images.fixture_layers import fixture_layers
from kubesim.images.image import (
    Artifact,
    ArtifactBlob,
    Credential,
    Declared,
    Image,
    PullBehaviour,
    PullError,
    make_artifact,
    make_image,
)
from kubesim.images.oci import ImageConfig
from kubesim.model.image_fixture import ImageFixture, image_fixtures
from kubesim.model.yaml_text import load_documents
from kubesim.policy.image_reference import InvalidReference, Reference, parse_reference

DOCUMENTS_BYTES_MAX = 64 * 1024 * 1024
"""Length of a file of documents: a limit of ours, so that /dev/zero is refused."""

FIXTURE_SUFFIXES = (".json", ".yaml", ".yml")
"""Names of fixture files in a directory end so."""


def load_catalogue(paths: Iterable[str | Path], *, builtin: bool = True, more: MoreImages | None = None) -> Catalogue:
    """A new catalogue of the built-in images (unless `builtin` is false) and of every image that `paths` name.

    Each path is a file of documents, an OCI layout, an archive, or a directory of them, which is not searched in depth.
    `more` is asked for names that none of these has. Raises InputError for a path that is not there or holds no image,
    for what cannot be read, and for two images of `paths` with one name.
    """
    catalogue = Catalogue(_builtin_images() if builtin else (), more=more)
    for image in load_images(paths):
        catalogue.add(image)
    return catalogue


def load_images(paths: Iterable[str | Path]) -> tuple[Image, ...]:
    """The images that `paths` name, in order. Raises InputError as `load_catalogue` does."""
    images: list[Image] = []
    places: dict[str, str] = {}
    for path in map(Path, paths):
        count_before = len(images)
        for image, where in _found(path):
            for name in image.references:
                if name in places:
                    raise InputError(
                        f"image {name!r} is already defined at {places[name]}",
                        where=where,
                        hint="give each name to one document",
                    )
                places[name] = where
            images.append(image)
        # Per path and not per file: a directory may keep an empty file beside others.
        if len(images) == count_before:
            raise InputError("no image in it", where=str(path), hint=_EXPECTED)
    return tuple(images)


def load_documents_only(paths: Iterable[Path]) -> tuple[Image, ...]:
    """The images of the documents among what `paths` name; layouts and archives are left alone."""
    files = [file for path in paths for file in image_files(path) if not is_image_source(file)]
    return tuple(image_from_fixture(fixture, directory=file.parent) for file in files for fixture in fixtures_of(file))


def fixtures_of(file: Path) -> list[ImageFixture]:
    """The checked documents of a file."""
    return image_fixtures(load_documents(_content(file), name=str(file)))


def image_files(path: Path) -> list[Path]:
    """Document files, archives and layouts that a path names: itself, or what is in it if it is a folder.

    Raises InputError for a folder without any, and for a path that is not there.
    """
    if is_image_source(path) or not path.is_dir():
        return [path]
    files = [
        found
        for found in sorted(path.iterdir())
        if (found.suffix in FIXTURE_SUFFIXES and not found.is_dir()) or is_image_source(found)
    ]
    if not files:
        raise InputError("no image in this directory", where=str(path), hint=_EXPECTED)
    return files


def _found(path: Path) -> Iterator[tuple[Image, str]]:
    """The images of a path, and where each is defined."""
    for file in image_files(path):
        if is_image_source(file):
            yield from _source_images(file)
        else:
            for fixture in fixtures_of(file):
                yield image_from_fixture(fixture, directory=file.parent), fixture.where


def _source_images(path: Path) -> Iterator[tuple[Image, str]]:
    from kubesim.images.archives.sources import open_source  # what most runs do not need
    from kubesim.images.loading import OpenedLayers

    source = open_source(path)
    opened: OpenedLayers = {}
    for image in source.images:
        yield source.load(image, opened=opened), image.where


def builtin_fixtures_dir() -> Path:
    """The directory that holds the built-in `images/` and `pods/`.

    An installed wheel has it as `kubesim/_fixtures`; a checkout, and an editable install of one, as `fixtures` beside
    the package. Raises InputError when there is neither.
    """
    package = Path(str(importlib.resources.files("kubesim")))
    packaged, checkout = package / "_fixtures", package.parent / "fixtures"
    for directory in (packaged, checkout):
        if (directory / "images").is_dir():
            return directory
    raise InputError(
        f"the built-in fixtures are in neither {packaged} nor {checkout}",
        hint="install kubesim again from a wheel, or run it from its checkout",
    )


@functools.cache
def _builtin_images() -> tuple[Image, ...]:
    # Images never change, so every catalogue of a process can share them.
    return load_images([builtin_fixtures_dir() / "images"])


def image_from_fixture(fixture: ImageFixture, *, directory: Path, gathered: GatheredBlobs | None = None) -> Image:
    """The image that a checked document describes; `directory` is where its relative paths start.

    `gathered` gets the bytes that the image is made of. Raises InputError for a host file or directory that cannot be
    read, a base that cannot, an unknown userland or program, and paths that contradict each other.
    """
    spec = fixture.spec
    names = [_reference(name, fixture) for name in fixture.references]
    if names[0].digest and spec.digest not in (None, names[0].digest):
        raise InputError(
            f"the name has digest {names[0].digest}, the spec {spec.digest}",
            where=fixture.where,
            hint="leave `spec.digest` out",
        )
    keep = None if gathered is None else gathered.keep
    declared = Declared(
        references=tuple(name.normalised for name in names),
        id=spec.id,
        digest=spec.digest or names[0].digest or None,
        size_bytes=fixture.size_bytes,
        unpacked_bytes=fixture.unpacked_bytes,
        pinned=spec.pinned,
        is_present=spec.present,
        pull=_pull(fixture),
        annotations=tuple(spec.annotations.items()),
    )
    if spec.artifact is not None:
        blobs = tuple(
            ArtifactBlob(blob.title, content, blob.media_type, blob.annotations) for blob, content in fixture.blobs
        )
        return make_artifact(declared, Artifact(artifact_type=spec.artifact.type, blobs=blobs), keep=keep)
    config = ImageConfig(
        user=spec.user,
        exposed_ports=tuple(spec.exposed_ports),
        env=tuple(spec.env.items()),
        entrypoint=tuple(spec.entrypoint),
        cmd=tuple(spec.cmd),
        working_dir=spec.working_dir,
        stop_signal=spec.stop_signal,
        labels=tuple(spec.labels.items()),
    )
    base = None
    if spec.base is not None:
        from kubesim.images.fixture_base import find_base, over_base  # what most fixtures do not need

        found = find_base(spec.base, directory=directory, where=fixture.places["from"])
        base, config = found.base, over_base(config, found.base.image.config)
        if gathered is not None:
            gathered.look_in(found.blobs)
    try:
        layers = fixture_layers(fixture, directory, base=None if base is None else base.image.tree)
        return make_image(
            declared,
            config=config,
            layers=layers,
            architecture=spec.architecture if base is None else base.architecture,
            os=spec.os if base is None else base.os,
            base=base,
            keep=keep,
        )
    except InputError as error:
        place = fixture.places.get(error.where, fixture.where)
        raise InputError(f"{error.where}: {error.what}", where=place, hint=error.hint) from error


def _reference(name: str, fixture: ImageFixture) -> Reference:
    try:
        return parse_reference(name)
    except InvalidReference as error:
        raise InputError(
            f"{name!r} is no image name: {error}", where=fixture.where, hint="expected e.g. registry.k8s.io/pause:3.10"
        ) from error


_EXPECTED = (
    "expected a YAML file of kind Image or ImageList, an OCI layout or archive, what docker save wrote, "
    "or a directory of such"
)


def _content(file: Path) -> bytes:
    try:
        with open_document(file) as opened:
            content = opened.read(DOCUMENTS_BYTES_MAX + 1)
    except FileNotFoundError as error:
        raise InputError("no such file", where=str(file), hint=_EXPECTED) from error
    except OSError as error:
        raise InputError(error.strerror or str(error), where=str(file), hint=_EXPECTED) from error
    if len(content) > DOCUMENTS_BYTES_MAX:
        raise InputError(f"documents of more than {DOCUMENTS_BYTES_MAX} bytes", where=str(file), hint=_EXPECTED)
    return content


def _pull(fixture: ImageFixture) -> PullBehaviour:
    pull = fixture.spec.pull
    error = pull.error if pull is not None else None
    wanted = pull.credentials if pull is not None else None
    return PullBehaviour(
        duration_ns=fixture.pull_duration_ns,
        bandwidth_bytes_per_second=fixture.pull_bytes_per_second,
        stall_after_bytes=fixture.pull_stall_bytes,
        error=None
        if error is None
        else PullError(message=error.message or "", code=error.code, kind=error.kind, times=error.times),
        credentials=None if wanted is None else Credential(wanted.username, wanted.password),
    )
