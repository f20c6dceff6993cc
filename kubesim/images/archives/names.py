"""The names of images in a file.

An entry of an index has its name in an annotation: `io.containerd.image.name` is a full reference; what
`org.opencontainers.image.ref.name` holds is a reference when it has a `/`, `:` or `@` in it, else a tag. An image
without a repository gets one from the name of its file, as podman gives one: `localhost/FILE:TAG`, or
`localhost/FILE@DIGEST` where it has no tag either.

Mirrors containerd: core/images/archive/reference.go (refTranslator), client/import.go; opencontainers/image-spec:
annotations.md.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from kubesim.images.archives.files import ArchiveError
from kubesim.policy.image_reference import InvalidReference, parse_reference

CONTAINERD_NAME_ANNOTATION = "io.containerd.image.name"
REF_NAME_ANNOTATION = "org.opencontainers.image.ref.name"

_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_ARCHIVE_SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.zst", ".oci", ".docker")


class WrittenName(NamedTuple):
    """How a file names an image; both are "" for an image without a name."""

    reference: str = ""
    """Normalised and in full."""
    tag: str = ""
    """Only a tag."""


def annotated_name(annotations: Mapping[str, str], *, where: str) -> WrittenName:
    """The name that an entry of an index has. Raises ArchiveError for one that is none."""
    full = annotations.get(CONTAINERD_NAME_ANNOTATION, "")
    if full:
        return WrittenName(reference=full_reference(full, where=f"{where}: annotation {CONTAINERD_NAME_ANNOTATION}"))
    name = annotations.get(REF_NAME_ANNOTATION, "")
    place = f"{where}: annotation {REF_NAME_ANNOTATION}"
    if any(mark in name for mark in "/:@"):
        return WrittenName(reference=full_reference(name, where=place))
    if name and not _TAG.fullmatch(name):
        raise ArchiveError(f"{name[:200]!r} is neither an image name nor a tag", where=place, hint="expected e.g. v1")
    return WrittenName(tag=name)


def full_reference(text: str, *, where: str) -> str:
    """A name that is a reference, normalised. Raises ArchiveError."""
    try:
        return parse_reference(text).normalised
    except InvalidReference as error:
        hint = "expected e.g. registry.example/app:v1"
        raise ArchiveError(f"{text[:200]!r} is no image name: {error}", where=where, hint=hint) from error


def local_repository(path: Path) -> str:
    """The repository of images that have none, from the name of their file.

    >>> local_repository(Path("/tmp/My App.tar.gz"))
    'localhost/my-app'
    """
    name = path.resolve().name.lower()
    for suffix in sorted(_ARCHIVE_SUFFIXES, key=len, reverse=True):
        name = name.removesuffix(suffix)
    words = re.findall(r"[a-z0-9]+(?:[._][a-z0-9]+)*", name)
    return f"localhost/{'-'.join(words)[:128] or 'image'}"


def named_reference(name: WrittenName, *, digest: str, repository: str) -> str:
    """The reference of an image of a file, whatever name it has there."""
    if name.reference:
        return name.reference
    return f"{repository}:{name.tag}" if name.tag else f"{repository}@{digest}"
