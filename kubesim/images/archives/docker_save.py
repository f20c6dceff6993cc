"""What `docker save` writes: manifest.json names a config and layers for each image, and no manifest.

The manifest is made here, as containerd makes it when it imports such a file: so the image has the digest that it
would have on a node. Layers are named by the digest of their bytes: those of a layer that is not compressed are its
diff id, which the config says and whoever opens the layer checks.

Mirrors containerd: core/images/archive/importer.go, ImportIndex. Docker since 25 writes an OCI layout into the same
file; then the layout is read, and `check_agreement` refuses one whose manifest.json says something else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from msgspec import Struct

from kubesim.images.archives.files import (
    ArchiveError,
    ArchiveFiles,
    FoundBlob,
    LayoutBlobs,
    read_json,
    read_small,
    relative_name,
)
from kubesim.images.archives.layout import Entry
from kubesim.images.archives.names import WrittenName, full_reference
from kubesim.images.blobs.blob import BytesBlob, chunks, hasher, whole
from kubesim.images.blobs.gathered import GatheredBlobs
from kubesim.images.documents import (
    DOCKER_CONFIG_MEDIA_TYPE,
    DOCKER_MANIFEST_MEDIA_TYPE,
    INDEX_ENTRIES_MAX,
    Descriptor,
    is_index,
    parse_config,
    parse_index,
    parse_manifest,
)
from kubesim.images.json_text import JSON_BYTES_MAX, convert_json
from kubesim.images.layers.streams import compression_of
from kubesim.images.oci import manifest_json, sha256_digest
from kubesim.images.tree import StoredContent

MANIFEST_FILE = "manifest.json"
LEGACY_FILE = "repositories"
UNNAMED = "<none>:<none>"

_PLAIN_LAYER = "application/vnd.docker.image.rootfs.diff.tar"
_PACKED_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
"""What containerd calls a layer that is compressed in any way."""
_HEX_NAME = re.compile(r"(?:.*/)?(?:blobs/sha256/)?([0-9a-f]{64})(?:\.json)?")
_NESTING_MAX = 4


class _SavedImage(Struct, frozen=True, kw_only=True, rename="pascal"):
    config: str
    layers: list[str] = []
    repo_tags: list[str] = []


def read_docker_save(files: ArchiveFiles) -> tuple[GatheredBlobs, list[Entry]]:
    """The images that manifest.json names, and their blobs. Raises ArchiveError, DocumentError."""
    blobs = GatheredBlobs()
    entries: list[Entry] = []
    for saved, where in _saved_images(files):
        config = read_small(files, _name(files, saved.config, f"{where}.Config"))
        config_digest = sha256_digest(config)
        _check_name(saved.config, config_digest, where=f"{where}.Config")
        diff_ids = parse_config(config, where=f"{files.where}: {saved.config}").rootfs.diff_ids
        if len(diff_ids) != len(saved.layers):
            what = f"{len(saved.layers)} layers, but the config {saved.config} has {len(diff_ids)} diff_ids"
            raise ArchiveError(what, where=f"{where}.Layers")
        layers = [
            _layer(files, name, diff_id, blobs, where=f"{where}.Layers[{number}]")
            for number, (name, diff_id) in enumerate(zip(saved.layers, diff_ids, strict=True))
        ]
        blobs.add(BytesBlob(config_digest, config))
        manifest = manifest_json(
            config={"mediaType": DOCKER_CONFIG_MEDIA_TYPE, "digest": config_digest, "size": len(config)},
            layers=layers,
            media_type=DOCKER_MANIFEST_MEDIA_TYPE,
        )
        digest = sha256_digest(manifest)
        blobs.add(BytesBlob(digest, manifest))
        descriptor = Descriptor(digest=digest, size=len(manifest), media_type=DOCKER_MANIFEST_MEDIA_TYPE)
        entries += [Entry(descriptor, name, where) for name in _names(saved, where)]
    return blobs, entries


def check_agreement(files: ArchiveFiles, entries: list[Entry]) -> list[Entry]:
    """The entries of the layout in a file that has a manifest.json too, with the names that only that one has.

    Raises ArchiveError when manifest.json names an image that the layout does not, or gives one of its names to another
    image.
    """
    # What the layout's images are made of, by config and layers; the same content may be there twice.
    found: dict[_Parts, Entry] = {}
    for entry in entries:
        for parts in _parts(files, entry.descriptor, _NESTING_MAX):
            found.setdefault(parts, entry)
    named = {entry.name.reference: entry.descriptor.digest for entry in entries if entry.name.reference}
    more: list[Entry] = []
    for saved, where in _saved_images(files):
        parts = _Parts(
            _digest_at(files, saved.config, f"{where}.Config"),
            tuple(_digest_at(files, name, f"{where}.Layers[{number}]") for number, name in enumerate(saved.layers)),
        )
        same = found.get(parts)
        if same is None:
            what = f"config {parts.config} with these layers is no image of index.json"
            raise ArchiveError(what, where=where, hint="the two must name the same images: save the image again")
        for name in _names(saved, where):
            if not name.reference:
                continue
            if named.setdefault(name.reference, same.descriptor.digest) != same.descriptor.digest:
                raise ArchiveError(f"{name.reference} is another image in index.json", where=where)
            more.append(Entry(same.descriptor, name, where))
    taken = {entry.descriptor.digest for entry in more}
    # An entry without a name is what manifest.json has a name for, or an image without one.
    kept = [entry for entry in entries if entry.name != WrittenName() or entry.descriptor.digest not in taken]
    known = {(entry.descriptor.digest, entry.name.reference) for entry in kept}
    return kept + [entry for entry in more if (entry.descriptor.digest, entry.name.reference) not in known]


class _Parts(NamedTuple):
    """What an image is made of."""

    config: str
    layers: tuple[str, ...]


def _saved_images(files: ArchiveFiles) -> Iterator[tuple[_SavedImage, str]]:
    where = f"{files.where}: {MANIFEST_FILE}"
    images = convert_json(read_json(files, MANIFEST_FILE), list[_SavedImage], where=where)
    if len(images) > INDEX_ENTRIES_MAX:
        raise ArchiveError(f"{len(images)} images", where=where, hint=f"expected at most {INDEX_ENTRIES_MAX}")
    for number, saved in enumerate(images):
        yield saved, f"{where}: $[{number}]"


def _names(saved: _SavedImage, where: str) -> list[WrittenName]:
    tags = [tag for tag in saved.repo_tags if tag != UNNAMED]
    names = [
        WrittenName(reference=full_reference(tag, where=f"{where}.RepoTags[{number}]"))
        for number, tag in enumerate(tags)
    ]
    return names or [WrittenName()]


def _name(files: ArchiveFiles, name: str, where: str) -> str:
    clean = relative_name(name, where=where)
    if files.find(clean) is None:
        raise ArchiveError(f"{clean!r} is not in the archive", where=where)
    return clean


def _content(files: ArchiveFiles, name: str, where: str) -> StoredContent:
    content = files.find(_name(files, name, where))
    assert content is not None, "found a moment ago"
    return content


def _layer(files: ArchiveFiles, name: str, diff_id: str, blobs: GatheredBlobs, *, where: str) -> dict[str, object]:
    content = _content(files, name, where)
    compression = compression_of(content.read_at(0, 8))
    digest = _hash(content) if compression else diff_id
    blobs.add(FoundBlob(digest=digest, content=content))
    media_type = _PACKED_LAYER if compression else _PLAIN_LAYER
    return {"mediaType": media_type, "digest": digest, "size": content.size_bytes}


def _hash(content: StoredContent) -> str:
    running = hasher("sha256:")
    for chunk in chunks(FoundBlob(digest="sha256:", content=content)):
        running.update(chunk)
    return f"sha256:{running.hexdigest()}"


def _digest_at(files: ArchiveFiles, name: str, where: str) -> str:
    """The digest of a file: what its name in blobs/ says, which whoever reads it checks; else it is worked out."""
    content = _content(files, name, where)
    clean = relative_name(name, where=where)
    if clean.startswith("blobs/sha256/") and (match := _HEX_NAME.fullmatch(clean)):
        return f"sha256:{match[1]}"
    return _hash(content)


def _check_name(name: str, digest: str, *, where: str) -> None:
    match = _HEX_NAME.fullmatch(name)
    if match and f"sha256:{match[1]}" != digest:
        raise ArchiveError(f"the file {name} has the digest {digest}", where=where, hint="its name must be its digest")


def _parts(files: ArchiveFiles, descriptor: Descriptor, nesting_left: int) -> Iterator[_Parts]:
    """What each manifest below a descriptor is made of; those for other platforms may not be in the file."""
    blob = LayoutBlobs(files).find(descriptor.digest)
    if blob is None or not nesting_left:
        return
    where = f"{files.where}: {descriptor.digest}"
    content = whole(blob, bytes_max=JSON_BYTES_MAX)
    if is_index(content, where=where, media_type=descriptor.media_type):
        for entry in parse_index(content, where=where, media_type=descriptor.media_type).manifests:
            yield from _parts(files, entry, nesting_left - 1)
        return
    manifest = parse_manifest(content, where=where, media_type=descriptor.media_type)
    yield _Parts(manifest.config.digest, tuple(layer.digest for layer in manifest.layers))
