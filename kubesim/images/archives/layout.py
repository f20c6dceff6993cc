"""An OCI image layout: what its index.json names.

Formats: opencontainers/image-spec: image-layout.md. Entries of unknown media types are passed over, as it asks.
"""

from __future__ import annotations

from typing import NamedTuple

from msgspec import Struct, field

from kubesim.images.archives.files import ArchiveError, ArchiveFiles, read_json, read_small
from kubesim.images.archives.names import WrittenName, annotated_name
from kubesim.images.documents import INDEX_MEDIA_TYPES, MANIFEST_MEDIA_TYPES, Descriptor, parse_index
from kubesim.images.json_text import convert_json

LAYOUT_FILE = "oci-layout"
INDEX_FILE = "index.json"
LAYOUT_VERSION = "1.0.0"


class Entry(NamedTuple):
    """One image that a file names; it may be named several times."""

    descriptor: Descriptor
    name: WrittenName
    where: str


class _LayoutDocument(Struct, frozen=True, kw_only=True):
    image_layout_version: str = field(name="imageLayoutVersion")


def read_layout(files: ArchiveFiles) -> list[Entry]:
    """The images that a layout names. Raises ArchiveError, DocumentError."""
    where = f"{files.where}: {LAYOUT_FILE}"
    version = convert_json(read_json(files, LAYOUT_FILE), _LayoutDocument, where=where).image_layout_version
    if version != LAYOUT_VERSION:
        raise ArchiveError(f"imageLayoutVersion {version[:40]!r}", where=where, hint=f"expected {LAYOUT_VERSION!r}")
    where = f"{files.where}: {INDEX_FILE}"
    index = parse_index(read_small(files, INDEX_FILE), where=where)
    entries = []
    for number, descriptor in enumerate(index.manifests):
        if descriptor.media_type not in {"", *MANIFEST_MEDIA_TYPES, *INDEX_MEDIA_TYPES}:
            continue
        place = f"{where}: $.manifests[{number}]"
        entries.append(Entry(descriptor, annotated_name(descriptor.annotations, where=place), place))
    return entries
