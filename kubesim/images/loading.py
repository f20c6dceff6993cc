"""From real bytes to an Image: every digest and size is checked, and the layers are indexed where they lie.

Mirrors containerd: core/images/image.go (Manifest, Config, RootFS), pkg/rootfs/apply.go (layers and diff ids must be as
many).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from kubesim.errors import InputError
from kubesim.images.blobs.blob import Blob, BlobError, BlobSource, check_digest, chunks, hasher, whole
from kubesim.images.documents import (
    ConfigDocument,
    Descriptor,
    Manifest,
    is_index,
    parse_config,
    parse_index,
    parse_manifest,
)
from kubesim.images.image import Artifact, ArtifactBlob, ContentBlob, Image, ImageLayer
from kubesim.images.json_text import JSON_BYTES_MAX, too_long
from kubesim.images.layers.layer import Layer, open_layer
from kubesim.images.layers.limits import LayerError
from kubesim.images.layers.stacking import stack_layers
from kubesim.images.oci import TITLE_ANNOTATION, ImageConfig, chain_ids
from kubesim.images.tree import FileTree, directory_node
from kubesim.policy import artifact_kind
from kubesim.policy.artifact_kind import is_unpackable
from kubesim.policy.image_platform import LINUX_AMD64, Platform, can_run, choose_platform

ENCRYPTED_SUFFIX = "+encrypted"
"""How the media types of encrypted layers end. Mirrors containerd: core/images/mediatypes.go."""

NESTING_MAX = 4
"""Indexes in one another."""


class ImageContentError(InputError):
    """An image whose bytes cannot be used. `where` names the file and the blob."""


class NoPlatformError(ImageContentError):
    """No manifest of an index is for the node."""


class Resolved(NamedTuple):
    """The one manifest that a descriptor leads to on a node."""

    indexes: tuple[Descriptor, ...]
    """The indexes on the way, the outermost first."""
    descriptor: Descriptor
    """Of the manifest."""
    content: bytes
    manifest: Manifest

    @property
    def instance_digest(self) -> str:
        """Of the manifest, where an index led to it; else ""."""
        return self.descriptor.digest if self.indexes else ""

    @property
    def documents(self) -> tuple[Descriptor, ...]:
        """Indexes and manifest."""
        return (*self.indexes, self.descriptor)

    @property
    def blobs(self) -> tuple[Descriptor, ...]:
        """Config and layers."""
        return (self.manifest.config, *self.manifest.layers)


OpenedLayers = dict[tuple[str, str], Layer]
"""Layers that were opened before, by their digest and diff id: the images of one source share them."""


def load_image(
    source: BlobSource,
    descriptor: Descriptor,
    *,
    references: Sequence[str],
    platform: Platform = LINUX_AMD64,
    where: str,
    opened: OpenedLayers | None = None,
) -> Image:
    """The image that a descriptor leads to on a node of a platform, under `references`, which are normalised.

    `where` is what to call the source in messages. Raises InputError, mostly its subclasses here, for documents
    (`DocumentError`), for bytes (`BlobError`) and for layers (`LayerError`): each names the blob or the entry.
    """
    with placed(where):
        resolved = resolve_manifest(source, descriptor, platform=platform, where=where)
        if is_artifact(resolved.manifest):
            return _artifact(source, resolved, references=references, where=where)
        return _container_image(
            source, descriptor, resolved, references=references, platform=platform, where=where, opened=opened
        )


def _container_image(
    source: BlobSource,
    descriptor: Descriptor,
    resolved: Resolved,
    *,
    references: Sequence[str],
    platform: Platform,
    where: str,
    opened: OpenedLayers | None,
) -> Image:
    manifest = resolved.manifest
    place = f"{where}: {manifest.config.digest}"
    config_json = read_document(source, manifest.config, where=where)
    document = parse_config(config_json, where=place)
    if resolved.indexes and resolved.descriptor.platform is None and not can_run(platform, document.platform):
        raise NoPlatformError(f"an image for {document.platform}", where=place, hint=f"expected one for {platform}")
    opened = {} if opened is None else opened
    tree, layers = _layers(source, manifest, document, opened, where=where)
    blobs = tuple(ContentBlob(named.digest, named.size) for named in (*resolved.documents, *resolved.blobs))
    return Image(
        id=manifest.config.digest,
        digest=descriptor.digest,
        references=tuple(references),
        size_bytes=sum(blob.size_bytes for blob in blobs),
        unpacked_bytes=sum(layer.size_bytes for layer in layers),
        config=document.image_config,
        tree=tree,
        config_json=config_json,
        manifest_json=resolved.content,
        layers=layers,
        blobs=blobs,
        annotations=tuple(sorted(manifest.annotations.items())),
        instance_digest=resolved.instance_digest,
    )


def resolve_manifest(
    source: BlobSource, descriptor: Descriptor, *, platform: Platform = LINUX_AMD64, where: str
) -> Resolved:
    """Go from a descriptor through indexes to the manifest for a platform. Raises as `load_image`."""
    indexes: list[Descriptor] = []
    here = descriptor
    while True:
        content = read_document(source, here, where=where)
        place = f"{where}: {here.digest}"
        if not is_index(content, where=place, media_type=here.media_type):
            manifest = parse_manifest(content, where=place, media_type=here.media_type)
            return Resolved(tuple(indexes), here, content, manifest)
        if len(indexes) >= NESTING_MAX:
            raise ImageContentError(f"more than {NESTING_MAX} indexes in one another", where=place)
        index = parse_index(content, where=place, media_type=here.media_type)
        found = choose_platform([entry.platform for entry in index.manifests], platform)
        if found is None:
            names = ", ".join(dict.fromkeys(str(entry.platform) for entry in index.manifests)) or "nothing"
            raise NoPlatformError(f"no image for {platform} in the index", where=place, hint=f"it has {names}")
        indexes.append(here)
        here = index.manifests[found]


@contextlib.contextmanager
def placed(where: str) -> Iterator[None]:
    """Say of what goes wrong with bytes in which source they are: a blob or a layer knows no more than its digest."""
    try:
        yield
    except (BlobError, LayerError) as error:
        if error.where.startswith(where):
            raise
        place = f"{where}: {error.where}" if error.where else where
        raise type(error)(error.what, where=place, hint=error.hint) from error


def read_document(source: BlobSource, descriptor: Descriptor, *, where: str) -> bytes:
    """The bytes of a manifest, index or config, which are those that its descriptor means."""
    blob = find_blob(source, descriptor, where=where)
    if blob.size_bytes > JSON_BYTES_MAX:
        raise too_long(f"{where}: {descriptor.digest}", blob.size_bytes)
    return whole(blob, bytes_max=JSON_BYTES_MAX)


def find_blob(source: BlobSource, descriptor: Descriptor, *, where: str) -> Blob:
    """The blob of a descriptor, which has its size. Raises ImageContentError when it is missing or has another."""
    place = f"{where}: {descriptor.digest}"
    blob = source.find(descriptor.digest)
    if blob is None:
        raise ImageContentError("the blob is missing", where=place, hint=_kind(descriptor))
    if blob.size_bytes != descriptor.size:
        what = f"the blob has {blob.size_bytes} bytes, whatever names it says {descriptor.size}"
        raise ImageContentError(what, where=place)
    return blob


def is_artifact(manifest: Manifest) -> bool:
    """Whether a manifest is an artifact and no container image: what can be unpacked as an image is one."""
    config = manifest.config.media_type
    if is_unpackable(config_media_type=config, layer_media_types=[layer.media_type for layer in manifest.layers]):
        return False
    return artifact_kind.is_artifact(
        manifest_media_type=manifest.media_type, config_media_type=config, artifact_type=manifest.artifact_type
    )


def _kind(descriptor: Descriptor) -> str:
    return f"it is named as {descriptor.media_type}" if descriptor.media_type else ""


def _layers(
    source: BlobSource, manifest: Manifest, document: ConfigDocument, opened: OpenedLayers, *, where: str
) -> tuple[FileTree, tuple[ImageLayer, ...]]:
    diff_ids = document.rootfs.diff_ids
    if len(diff_ids) != len(manifest.layers):
        what = f"{len(diff_ids)} diff_ids, but the manifest has {len(manifest.layers)} layers"
        raise ImageContentError(what, where=f"{where}: {manifest.config.digest}")
    layers: list[Layer] = []
    for named, diff_id in zip(manifest.layers, diff_ids, strict=True):
        if named.media_type.endswith(ENCRYPTED_SUFFIX):
            place = f"{where}: {named.digest}"
            raise ImageContentError("an encrypted layer", where=place, hint="there is no key here that opens it")
        blob = find_blob(source, named, where=where)
        layer = opened.get((named.digest, diff_id))
        if layer is None:
            layer = open_layer(blob, diff_id=diff_id)
            opened[named.digest, diff_id] = layer
        layers.append(layer)
    tree = stack_layers(layers)
    chain = chain_ids(diff_ids)
    return tree, tuple(
        ImageLayer(diff_id, chain_id, layer.size_bytes, len(layer.members))
        for diff_id, chain_id, layer in zip(diff_ids, chain, layers, strict=True)
    )


def _artifact(source: BlobSource, resolved: Resolved, *, references: Sequence[str], where: str) -> Image:
    """An artifact: its blobs are files, which are not unpacked. Its size is theirs, as `make_artifact` has it."""
    manifest = resolved.manifest
    digest = resolved.descriptor.digest
    files = []
    for named in manifest.layers:
        blob = find_blob(source, named, where=where)
        _check_content(blob, where=f"{where}: {named.digest}")
        files.append(_artifact_blob(named, blob))
    size_bytes = sum(named.size for named in manifest.layers)
    return Image(
        id=digest,
        digest=digest,
        references=tuple(references),
        size_bytes=size_bytes,
        unpacked_bytes=size_bytes,
        config=ImageConfig(),
        tree=FileTree(directory_node()),
        config_json=read_document(source, manifest.config, where=where),
        manifest_json=resolved.content,
        blobs=tuple(ContentBlob(named.digest, named.size) for named in manifest.layers),
        annotations=tuple(sorted(manifest.annotations.items())),
        artifact=Artifact(artifact_type=manifest.artifact_type or manifest.config.media_type, blobs=tuple(files)),
    )


def _artifact_blob(named: Descriptor, blob: Blob) -> ArtifactBlob:
    others = dict(named.annotations)
    title = others.pop(TITLE_ANNOTATION, None)
    return ArtifactBlob(title, blob, named.media_type or "application/octet-stream", others)


def _check_content(blob: Blob, *, where: str) -> None:
    """Raises BlobError unless the bytes of a blob are what its digest says. Layers are checked when they are opened."""
    running = hasher(blob.digest)
    for chunk in chunks(blob):
        running.update(chunk)
    check_digest(blob.digest, f"{blob.digest.partition(':')[0]}:{running.hexdigest()}", where=where)
