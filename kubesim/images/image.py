"""One image, as a registry holds it: names, digests, size, config, tree, and how a pull of it goes.

`make_image` and `make_artifact` are the ways to one: both write the OCI documents, and take every digest from them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from kubesim.images.oci import (
    CONFIG_MEDIA_TYPE,
    EMPTY_CONFIG,
    EMPTY_MEDIA_TYPE,
    LAYER_MEDIA_TYPE,
    TITLE_ANNOTATION,
    ImageConfig,
    chain_ids,
    config_json,
    descriptor,
    layer_tar,
    manifest_json,
    sha256_digest,
)
from kubesim.images.tree import FileTree, StoredContent, TreeNode
from kubesim.images.tree_builder import build_tree

_NS = 1_000_000_000


class Credential(NamedTuple):
    """What a registry accepts."""

    username: str
    password: str


PullErrorKind = Literal[
    "not-found", "unauthorized", "registry-unavailable", "signature-invalid", "no-matching-platform"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class PullError:
    """A pull that fails although the image is there: with a message, or as a runtime words a kind of failure."""

    message: str = ""
    code: str = "Unknown"
    """Name of the gRPC status, such as `Unavailable`; a kind has the runtime's own."""
    kind: PullErrorKind | None = None
    times: int | None = None
    """How many pulls fail before they begin to work; None for all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PullBehaviour:
    """How a registry answers when the image is pulled."""

    duration_ns: int = 0
    """Time the transfer takes whatever the size."""
    bandwidth_bytes_per_second: int | None = None
    """Bytes of content per second and pull, on top of `duration_ns`; None for no limit."""
    stall_after_bytes: int | None = None
    """No byte comes after so many; None for a transfer that ends."""
    error: PullError | None = None
    credentials: Credential | None = None
    """What a pull must present; None for a registry that asks nobody."""

    def time_ns(self, size_bytes: int) -> int:
        """How long a transfer of `size_bytes` takes, in ns."""
        if self.bandwidth_bytes_per_second is None:
            return self.duration_ns
        return self.duration_ns + size_bytes * _NS // self.bandwidth_bytes_per_second


class ContentBlob(NamedTuple):
    """One thing a pull transfers: a manifest, a config, a layer or a blob of an artifact."""

    digest: str
    size_bytes: int


class ImageLayer(NamedTuple):
    """One layer, as it lies unpacked on a node."""

    diff_id: str
    chain_id: str
    """Of this layer with all below it: what two images must share to share it on the disk."""
    size_bytes: int
    entries: int
    """Files and directories in it."""


_NO_ANNOTATIONS: Mapping[str, str] = MappingProxyType({})


class ArtifactBlob(NamedTuple):
    """One layer blob of an artifact: a file that is never unpacked."""

    title: str | None
    """Its file name, from the annotation org.opencontainers.image.title; None for a blob without that."""
    data: bytes | StoredContent
    """Its bytes, or where they lie."""
    media_type: str = "application/octet-stream"
    other_annotations: Mapping[str, str] = _NO_ANNOTATIONS
    """All annotations but the title."""

    @property
    def annotations(self) -> Mapping[str, str]:
        """All annotations of its descriptor."""
        return (
            self.other_annotations if self.title is None else {**self.other_annotations, TITLE_ANNOTATION: self.title}
        )

    @property
    def size_bytes(self) -> int:
        """The length of all."""
        return len(self.data) if isinstance(self.data, bytes) else self.data.size_bytes

    @property
    def content(self) -> bytes:
        """All its bytes. Of a stored one they are fetched each time."""
        return self.data if isinstance(self.data, bytes) else self.data.read_at(0, self.data.size_bytes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """What makes an OCI object an artifact and not a container image."""

    artifact_type: str
    """Media type, such as `application/vnd.example.model`."""
    blobs: tuple[ArtifactBlob, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Image:
    """One image or artifact. Images compare by identity; the same content has the same `id`."""

    id: str
    """`sha256:` and the digest of the config; of an artifact the digest of the manifest, for its config is empty.

    CRI-O shows an artifact so: internal/ociartifact, Artifact.CRIImage.
    """
    digest: str
    """`sha256:` and the digest of the manifest, or what the fixture declares; of an image of an index, the index's."""
    references: tuple[str, ...]
    """Normalised names, tags and `repo@digest`, in the order of the fixture."""
    size_bytes: int
    """What a pull transfers: config, manifest and layers; of an artifact its blobs; or what the fixture declares."""
    unpacked_bytes: int
    """What its layers take on the disk; of an artifact the same as `size_bytes`; or what the fixture declares."""
    config: ImageConfig
    tree: FileTree
    """The file system; empty for an artifact."""
    config_json: bytes
    manifest_json: bytes
    layers: tuple[ImageLayer, ...] = ()
    """Lowest first."""
    blobs: tuple[ContentBlob, ...] = ()
    """In the order of the transfer; their sizes add up to `size_bytes`."""
    annotations: tuple[tuple[str, str], ...] = ()
    """Annotations of the manifest, in order of their names."""
    pinned: bool = False
    """Whether the node marks it as one that garbage collection must keep."""
    is_present: bool = False
    """Whether the node has it before the first pull."""
    pull: PullBehaviour = PullBehaviour()
    artifact: Artifact | None = None
    """None for a container image."""
    instance_digest: str = ""
    """The digest of the manifest, where `digest` is that of an index; else ""."""
    made_of: Image | None = None
    """The artifact that this is; None but for what `artifact_image.as_container_image` returns."""

    @property
    def chain_id(self) -> str:
        """The chain id of all layers; "" without layers."""
        return self.layers[-1].chain_id if self.layers else ""

    @property
    def diff_ids(self) -> tuple[str, ...]:
        """Digests of the uncompressed layers, lowest first."""
        return tuple(layer.diff_id for layer in self.layers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """What a document says about an image apart from its content; None lets it be computed."""

    references: tuple[str, ...]
    id: str | None = None
    digest: str | None = None
    size_bytes: int | None = None
    unpacked_bytes: int | None = None
    """None: as `size_bytes` when that is declared."""
    pinned: bool = False
    is_present: bool = False
    pull: PullBehaviour = PullBehaviour()
    annotations: tuple[tuple[str, str], ...] = ()


Layer = Sequence[tuple[str, TreeNode]]
"""The entries of one layer: absolute clean paths and their nodes; see `kubesim.images.tree_builder.build_tree`."""


KeepBlob = Callable[[bytes], object]
"""Gets the bytes of a blob that an image is made of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseImage:
    """What an image begins with: one that was loaded, and how its manifest names its layers."""

    image: Image
    layers: tuple[dict[str, Any], ...]
    """Descriptors, lowest first, as they stand in JSON."""
    architecture: str
    os: str


def make_image(
    declared: Declared,
    *,
    config: ImageConfig,
    layers: Sequence[Layer],
    architecture: str = "amd64",
    os: str = "linux",
    base: BaseImage | None = None,
    keep: KeepBlob | None = None,
) -> Image:
    """A container image of `layers`, lowest first, over those of `base`.

    Within a layer the last entry for a path counts, and the order of the others means nothing. `keep` gets the bytes of
    each blob but those of `base`. Raises InputError for entries that `build_tree` refuses.
    """
    tree = build_tree([]) if base is None else base.image.tree
    tars: list[bytes] = []
    entries_of: list[int] = []
    for layer in layers:
        entries = sorted(dict(layer).items())
        tree = build_tree(entries, base=tree)
        tars.append(layer_tar(entries))
        entries_of.append(len(entries))
    below = () if base is None else base.image.layers
    own_ids = [sha256_digest(tar) for tar in tars]
    diff_ids = [*(layer.diff_id for layer in below), *own_ids]
    chain = chain_ids(diff_ids)[len(below) :]
    document = config_json(config, diff_ids=diff_ids, architecture=architecture, os=os)
    descriptors = [*(() if base is None else base.layers), *(descriptor(tar, LAYER_MEDIA_TYPE) for tar in tars)]
    manifest = manifest_json(
        config=descriptor(document, CONFIG_MEDIA_TYPE), layers=descriptors, annotations=dict(declared.annotations)
    )
    _keep(keep, manifest, document, *tars)
    return _image(
        declared,
        id_=sha256_digest(document),
        contents=[
            ContentBlob(sha256_digest(document), len(document)),
            *(ContentBlob(layer["digest"], layer["size"]) for layer in descriptors),
        ],
        layers=[*below, *map(ImageLayer, own_ids, chain, map(len, tars), entries_of)],
        config=config,
        tree=tree,
        config_json=document,
        manifest_json=manifest,
    )


def make_artifact(declared: Declared, artifact: Artifact, *, keep: KeepBlob | None = None) -> Image:
    """An artifact: its layers are the blobs as they are, and its config is empty.

    Without blobs it has the one empty layer that opencontainers/image-spec: manifest.md advises.
    """
    layers = [descriptor(blob.content, blob.media_type, annotations=blob.annotations) for blob in artifact.blobs] or [
        descriptor(EMPTY_CONFIG, EMPTY_MEDIA_TYPE)
    ]
    manifest = manifest_json(
        config=descriptor(EMPTY_CONFIG, EMPTY_MEDIA_TYPE),
        layers=layers,
        artifact_type=artifact.artifact_type,
        annotations=dict(declared.annotations),
    )
    _keep(keep, manifest, EMPTY_CONFIG, *(blob.content for blob in artifact.blobs))
    return _image(
        declared,
        id_=declared.digest or sha256_digest(manifest),
        contents=[ContentBlob(layer["digest"], layer["size"]) for layer in layers],
        layers=[],
        config=ImageConfig(),
        tree=build_tree([]),
        config_json=EMPTY_CONFIG,
        manifest_json=manifest,
        artifact=artifact,
    )


def _keep(keep: KeepBlob | None, *contents: bytes) -> None:
    if keep is not None:
        for content in contents:
            keep(content)


def _image(
    declared: Declared,
    *,
    id_: str,
    contents: Sequence[ContentBlob],
    layers: Sequence[ImageLayer],
    config: ImageConfig,
    tree: FileTree,
    config_json: bytes,
    manifest_json: bytes,
    artifact: Artifact | None = None,
) -> Image:
    digest = declared.digest or sha256_digest(manifest_json)
    # CRI-O shows an artifact with the size of its blobs alone.
    blobs = [*contents] if artifact is not None else [ContentBlob(digest, len(manifest_json)), *contents]
    own_bytes = sum(blob.size_bytes for blob in blobs)
    size_bytes = own_bytes if declared.size_bytes is None else declared.size_bytes
    unpacked = declared.unpacked_bytes if declared.unpacked_bytes is not None else declared.size_bytes
    if unpacked is None:
        unpacked = sum(layer.size_bytes for layer in layers) if artifact is None else own_bytes
    return Image(
        id=declared.id or id_,
        digest=digest,
        references=declared.references,
        size_bytes=size_bytes,
        unpacked_bytes=unpacked,
        config=config,
        tree=tree,
        config_json=config_json,
        manifest_json=manifest_json,
        layers=tuple(
            layer._replace(size_bytes=size)
            for layer, size in zip(layers, _shares(unpacked, [layer.size_bytes for layer in layers]), strict=True)
        ),
        blobs=tuple(
            ContentBlob(blob.digest, size)
            for blob, size in zip(blobs, _shares(size_bytes, [blob.size_bytes for blob in blobs]), strict=True)
        ),
        annotations=tuple(sorted(declared.annotations)),
        pinned=declared.pinned,
        is_present=declared.is_present,
        pull=declared.pull,
        artifact=artifact,
    )


def _shares(total: int, sizes: Sequence[int]) -> list[int]:
    """`total` given out in proportion to `sizes`, without a remainder: declared sizes are for the image as a whole."""
    whole = sum(sizes)
    marks = [total * below // whole if whole else 0 for below in accumulate(sizes, initial=0)]
    return [upper - lower for lower, upper in pairwise(marks)]
