"""`kubesim images add`."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kubesim.cli.progress import OnProgress
    from kubesim.images.blobs.blob import BlobSource
    from kubesim.images.blobs.directory import BlobDirectory
    from kubesim.images.documents import Descriptor
    from kubesim.images.registry.settings import RegistrySettings
    from kubesim.model.image_fixture import ImageFixture
    from kubesim.policy.image_platform import Platform
    from kubesim.policy.image_reference import Reference

_HINT = "expected PATH or PATH:REF of an OCI layout, an archive, what docker save wrote, or an image document"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One image that is to be added."""

    references: Sequence[str]
    where: str
    blobs: BlobSource
    descriptor: Descriptor
    pulled: Reference | None = None
    """What a registry is asked for; blobs and descriptor mean nothing until then."""


def run(options: argparse.Namespace) -> int:
    """Bring the images of the sources into the store: all of them, or none."""
    import json

    from kubesim.cli.image_options import store_of
    from kubesim.cli.images import shown_path
    from kubesim.cli.progress import progress_bar, working
    from kubesim.cli.pull_options import registry_settings
    from kubesim.cli.tables import table

    platform = _platform(options.platform)
    settings = registry_settings(options)
    found = [one for source in options.sources for one in _some_images(source, pulls=settings is not None)]
    if options.name is not None:
        found = [_renamed(found, options.name)]
    store = store_of(options, must_exist=False)
    rows: list[dict[str, Any]] = []
    with store.changing() as change:
        for one in found:
            with progress_bar(one.references[0]) as on_progress:
                if one.pulled is not None:
                    one = _fetched(one, change.blobs, platform, settings, on_progress)
                entered = change.copy(
                    one.blobs, one.descriptor, platform=platform, where=one.where, on_progress=on_progress
                )
            with working(f"checking {one.references[0]}"):
                image = change.enter(entered, one.references, platform=platform, where=one.where)
            rows.append({"references": list(one.references), "id": image.id, "digest": image.digest})
    _tell_of_hidden_names(name for row in rows for name in row["references"])
    if options.output == "json":
        print(json.dumps(rows, indent=2))
    else:
        cells = [(name, row["id"].removeprefix("sha256:")[:13]) for row in rows for name in row["references"]]
        print(table(("ADDED", "ID"), cells))
        print(f"\nin {shown_path(store.path)}")
    return 0


def _platform(text: str) -> Platform:
    from kubesim.errors import InputError
    from kubesim.policy.image_platform import Platform

    parts = text.split("/")
    if not 2 <= len(parts) <= 3 or not all(parts):
        raise InputError(
            f"{text!r} is no platform", where="--platform", hint="expected e.g. linux/arm64 or linux/arm/v7"
        )
    return Platform(os=parts[0], architecture=parts[1], variant=parts[2] if len(parts) == 3 else "")


def _renamed(found: list[Found], name: str) -> Found:
    from dataclasses import replace

    from kubesim.errors import InputError
    from kubesim.policy.image_reference import InvalidReference, parse_reference

    digests = {one.descriptor.digest for one in found}
    if len(digests) != 1:
        what = f"the sources have {len(digests)} images"
        raise InputError(what, where="--name", hint="name one of them as PATH:REF")
    try:
        reference = parse_reference(name).normalised
    except InvalidReference as error:
        hint = "expected e.g. registry.example/app:v1"
        raise InputError(f"{name!r} is no image name: {error}", where="--name", hint=hint) from error
    return replace(found[0], references=(reference,))


def _some_images(source: str, *, pulls: bool) -> list[Found]:
    """The images of one argument. Raises InputError as `_images` does, and for a source without any."""
    from kubesim.errors import InputError

    found = list(_images(source, pulls=pulls))
    if not found:
        raise InputError("no image in it", where=source, hint=_HINT)
    return found


def _images(source: str, *, pulls: bool) -> Iterator[Found]:
    """The images of one argument. Raises InputError for what is not there, and for a folder without any."""
    from kubesim.errors import InputError
    from kubesim.images.archives.recognise import is_image_source
    from kubesim.images.archives.sources import split_source
    from kubesim.images.fixtures import fixtures_of, image_files

    split = split_source(source, Path())
    if split is None and pulls:
        yield _of_registry(source)
        return
    if split is None:
        raise InputError("no such file", where=source, hint=f"{_HINT}; with --pull, an image of a registry")
    path, name = split
    if name and not is_image_source(path):
        raise InputError(f"{name!r} is behind a path that is no layout and no archive", where=source, hint=_HINT)
    for file in image_files(path):
        if is_image_source(file):
            yield from _of_source(file, name)
        else:
            for fixture in fixtures_of(file):
                yield _of_document(fixture, file.parent)


def _of_registry(source: str) -> Found:
    from kubesim.errors import InputError
    from kubesim.images.blobs.gathered import GatheredBlobs
    from kubesim.images.documents import Descriptor
    from kubesim.policy.image_reference import InvalidReference, parse_reference

    try:
        reference = parse_reference(source)
    except InvalidReference as error:
        what = f"neither a file nor an image name: {error}"
        raise InputError(what, where=source, hint="expected e.g. registry.example/app:v1") from error
    return Found(
        references=(reference.normalised,),
        where=reference.normalised,
        blobs=GatheredBlobs(),
        descriptor=Descriptor(digest=reference.digest, size=0),
        pulled=reference,
    )


def _fetched(
    one: Found, into: BlobDirectory, platform: Platform, settings: RegistrySettings | None, on_progress: OnProgress
) -> Found:
    """Fetch an image into the store, where nobody sees it before it is entered."""
    from dataclasses import replace

    from kubesim.images.registry.pull import PullOptions, pull

    assert one.pulled is not None, "the caller looked"
    assert settings is not None, "nothing is pulled without --pull"
    seen: dict[str, tuple[int, int]] = {}

    def tell(digest: str, done_bytes: int, total_bytes: int) -> None:
        seen[digest] = (done_bytes, total_bytes)
        on_progress(sum(done for done, _ in seen.values()), sum(total for _, total in seen.values()))

    options = PullOptions(platform=platform, settings=settings, progress=tell)
    return replace(one, blobs=into, descriptor=pull(one.pulled, into=into, options=options))


def _tell_of_hidden_names(names: Iterable[str]) -> None:
    import sys

    from kubesim.images.fixtures import load_catalogue

    built_in = {name for image in load_catalogue(()).images() for name in image.references}
    for name in names:
        if name in built_in:
            print(f"kubesim: {name}: note: the built-in image of this name is found first", file=sys.stderr)


def _of_source(path: Path, name: str) -> Iterator[Found]:
    from kubesim.images.archives.sources import open_source

    source = open_source(path)
    for image in (source.choose(name, where=str(path)),) if name else source.images:
        yield Found(
            blobs=source.blobs,
            descriptor=image.descriptor,
            references=image.references(source.repository),
            where=str(path),
        )


def _of_document(fixture: ImageFixture, directory: Path) -> Found:
    """The OCI bytes of a document. What they cannot say is refused where it is the image's, else told of."""
    import sys

    from kubesim.errors import InputError
    from kubesim.images.blobs.gathered import GatheredBlobs
    from kubesim.images.documents import Descriptor
    from kubesim.images.fixtures import image_from_fixture
    from kubesim.images.oci import MANIFEST_MEDIA_TYPE, sha256_digest

    gathered = GatheredBlobs()
    image = image_from_fixture(fixture, directory=directory, gathered=gathered)
    digest = sha256_digest(image.manifest_json)
    if image.digest != digest or fixture.spec.id is not None:
        what = "an image of a declared digest or id, which is not that of its bytes"
        raise InputError(what, where=fixture.where, hint="the store keeps bytes: leave the declaration out")
    spec = fixture.spec
    lost = {"pull": spec.pull, "pinned": spec.pinned, "present": spec.present, "size": spec.size}
    named = [name for name, value in {**lost, "unpackedSize": spec.unpacked_size}.items() if value]
    if named:
        print(f"kubesim: {fixture.where}: note: the store does not keep {', '.join(named)}", file=sys.stderr)
    descriptor = Descriptor(digest=digest, size=len(image.manifest_json), media_type=MANIFEST_MEDIA_TYPE)
    return Found(blobs=gathered, descriptor=descriptor, references=image.references, where=fixture.where)
