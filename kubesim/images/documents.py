"""The documents of an image: descriptor, manifest, index and config, read from JSON that may come from anybody.

Read are OCI's documents and Docker's schema 2, which have the same fields. Docker's schema 1 is refused by its name.
Every digest that comes out of here follows the grammar, every size is one, and every list has a bound.

Formats: opencontainers/image-spec: descriptor.md, manifest.md, image-index.md, config.md; distribution/distribution:
docs/content/spec/manifest-v2-2.md. That a document is not of another kind than its descriptor says mirrors containerd:
core/images/image.go, validateMediaType.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Any

from msgspec import Meta, Struct, field
from msgspec.structs import replace

from kubesim.images.json_text import DocumentError, convert_json, document_error, parse_json
from kubesim.images.oci import CONFIG_MEDIA_TYPE, MANIFEST_MEDIA_TYPE, ImageConfig
from kubesim.model.paths import Path
from kubesim.policy.image_platform import Platform

INDEX_MEDIA_TYPE = "application/vnd.oci.image.index.v1+json"
DOCKER_MANIFEST_MEDIA_TYPE = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_INDEX_MEDIA_TYPE = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_CONFIG_MEDIA_TYPE = "application/vnd.docker.container.image.v1+json"

MANIFEST_MEDIA_TYPES = frozenset({MANIFEST_MEDIA_TYPE, DOCKER_MANIFEST_MEDIA_TYPE})
INDEX_MEDIA_TYPES = frozenset({INDEX_MEDIA_TYPE, DOCKER_INDEX_MEDIA_TYPE})
CONFIG_MEDIA_TYPES = frozenset({CONFIG_MEDIA_TYPE, DOCKER_CONFIG_MEDIA_TYPE})
SCHEMA_1_MEDIA_TYPES = frozenset(
    {
        "application/vnd.docker.distribution.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v1+prettyjws",
    }
)

LAYERS_MAX = 1_000
"""Layers, or blobs of an artifact, in one manifest. Real images have fewer than 128, which is what overlayfs takes."""

INDEX_ENTRIES_MAX = 1_000

_DIGEST_LENGTHS = {"sha256": 64, "sha512": 128}
_DIGEST = re.compile(r"([a-z0-9]+(?:[.+_-][a-z0-9]+)*):([a-zA-Z0-9=_-]+)")
_HEX = re.compile(r"[0-9a-f]+")
_PORT = re.compile(r"[0-9]{1,5}(?:-[0-9]{1,5})?(?:/(?:tcp|udp|sctp))?", re.IGNORECASE)

Size = Annotated[int, Meta(ge=0, le=2**63 - 1)]


class Descriptor(Struct, frozen=True, kw_only=True, rename="camel"):
    """How one document names another blob: what it is, its digest and its size."""

    digest: str
    size: Size
    """In bytes."""
    media_type: str = ""
    annotations: dict[str, str] = field(default_factory=dict)
    platform: Platform | None = None
    """Only in an index."""
    artifact_type: str = ""


class Manifest(Struct, frozen=True, kw_only=True, rename="camel"):
    """One image or artifact: its config and its layers, lowest first."""

    config: Descriptor
    layers: list[Descriptor] = field(default_factory=list)
    schema_version: int = 0
    media_type: str = ""
    """As the document says itself; what its descriptor says when it does not; else OCI's."""
    artifact_type: str = ""
    annotations: dict[str, str] = field(default_factory=dict)
    subject: Descriptor | None = None
    """The manifest that this one is about, such as a signature about an image."""


class Index(Struct, frozen=True, kw_only=True, rename="camel"):
    """A list of manifests, one for each platform, or whatever a layout holds."""

    manifests: list[Descriptor] = field(default_factory=list)
    schema_version: int = 0
    media_type: str = ""
    """As for a manifest."""
    artifact_type: str = ""
    annotations: dict[str, str] = field(default_factory=dict)


class RunConfig(Struct, frozen=True, kw_only=True, rename="pascal"):
    """The part `config` of an image config."""

    user: str = ""
    exposed_ports: dict[str, dict[str, Any]] = field(default_factory=dict)
    env: list[str] = field(default_factory=list)
    entrypoint: list[str] = field(default_factory=list)
    cmd: list[str] = field(default_factory=list)
    working_dir: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    stop_signal: str = ""


class RootFs(Struct, frozen=True, kw_only=True):
    """The part `rootfs` of an image config."""

    diff_ids: list[str] = field(default_factory=list)
    """Digests of the uncompressed layers, lowest first."""
    type: str = "layers"


class HistoryEntry(Struct, frozen=True, kw_only=True):
    """How one layer came to be."""

    created: str = ""
    created_by: str = ""
    comment: str = ""
    author: str = ""
    empty_layer: bool = False


class ConfigDocument(Struct, frozen=True, kw_only=True):
    """The config of a container image."""

    architecture: str = ""
    os: str = ""
    variant: str = ""
    os_version: str = field(default="", name="os.version")
    created: str = ""
    config: RunConfig = field(default_factory=RunConfig)
    rootfs: RootFs = field(default_factory=RootFs)
    history: list[HistoryEntry] = field(default_factory=list)

    @property
    def platform(self) -> Platform:
        """What the image says itself that it runs on."""
        return Platform(architecture=self.architecture, os=self.os, variant=self.variant, os_version=self.os_version)

    @property
    def image_config(self) -> ImageConfig:
        """What a runtime reads of it."""
        run = self.config
        return ImageConfig(
            user=run.user,
            exposed_ports=tuple(run.exposed_ports),
            env=tuple(_env(entry) for entry in run.env),
            entrypoint=tuple(run.entrypoint),
            cmd=tuple(run.cmd),
            working_dir=run.working_dir,
            stop_signal=run.stop_signal,
            labels=tuple(run.labels.items()),
        )


def parse_manifest(content: bytes, *, where: str, media_type: str = "") -> Manifest:
    """A manifest; `media_type` is what its descriptor says, if anything. Raises DocumentError."""
    value = _document(content, where)
    named = _media_type(value, where, media_type)
    if "manifests" in value or named in INDEX_MEDIA_TYPES:
        raise DocumentError("expected a manifest, found an index", where=where, hint="name one of its manifests")
    if named not in {"", *MANIFEST_MEDIA_TYPES}:
        _refuse_media_type(where, named, "a manifest", MANIFEST_MEDIA_TYPES)
    if "config" not in value:
        raise document_error(where, (), "missing required field 'config'", hint="a manifest has config and layers")
    manifest = convert_json(value, Manifest, where=where)
    _check_schema(manifest.schema_version, where)
    _check_count(len(manifest.layers), LAYERS_MAX, where, "layers")
    _check_digests([(("config",), manifest.config)], where)
    _check_digests([(("layers", number), layer) for number, layer in enumerate(manifest.layers)], where)
    return replace(manifest, media_type=named or MANIFEST_MEDIA_TYPE)


def parse_index(content: bytes, *, where: str, media_type: str = "") -> Index:
    """An index or manifest list; as `parse_manifest`."""
    value = _document(content, where)
    named = _media_type(value, where, media_type)
    if "config" in value or "layers" in value or named in MANIFEST_MEDIA_TYPES:
        raise DocumentError("expected an index, found a manifest", where=where)
    if named not in {"", *INDEX_MEDIA_TYPES}:
        _refuse_media_type(where, named, "an index", INDEX_MEDIA_TYPES)
    index = convert_json(value, Index, where=where)
    _check_schema(index.schema_version, where)
    _check_count(len(index.manifests), INDEX_ENTRIES_MAX, where, "manifests")
    _check_digests([(("manifests", number), entry) for number, entry in enumerate(index.manifests)], where)
    return replace(index, media_type=named or INDEX_MEDIA_TYPE)


def parse_config(content: bytes, *, where: str) -> ConfigDocument:
    """The config of a container image. Raises DocumentError, with the path of the field that is wrong."""
    document = convert_json(_document(content, where), ConfigDocument, where=where)
    if document.rootfs.type != "layers":
        raise document_error(
            where, ("rootfs", "type"), f"unknown value {document.rootfs.type!r}", hint='expected "layers"'
        )
    _check_count(len(document.rootfs.diff_ids), LAYERS_MAX, where, "rootfs.diff_ids")
    for number, diff_id in enumerate(document.rootfs.diff_ids):
        check_digest(diff_id, where=where, path=("rootfs", "diff_ids", number))
    _check_run_config(document.config, where)
    return document


def is_index(content: bytes, *, where: str, media_type: str = "") -> bool:
    """Whether a document is an index and no manifest: by what names it, or by what it says itself."""
    if media_type in INDEX_MEDIA_TYPES or media_type in MANIFEST_MEDIA_TYPES:
        return media_type in INDEX_MEDIA_TYPES
    value = _document(content, where)
    return _own_media_type(value) in INDEX_MEDIA_TYPES or "manifests" in value


def check_digest(text: str, *, where: str, path: Path = ()) -> str:
    """`text`, which is a digest that can be checked. Raises DocumentError.

    Mirrors opencontainers/go-digest: digest.go, Validate; sha384 is left out, as in image-spec: descriptor.md.
    """
    match = _DIGEST.fullmatch(text)
    if match is None:
        raise document_error(where, path, f"{text[:80]!r} is no digest", hint="expected sha256: and 64 hex digits")
    algorithm, encoded = match.groups()
    length = _DIGEST_LENGTHS.get(algorithm)
    if length is None:
        known = ", ".join(_DIGEST_LENGTHS)
        raise document_error(where, path, f"unknown digest algorithm {algorithm[:60]!r}", hint=f"known are {known}")
    if len(encoded) != length or not _HEX.fullmatch(encoded):
        raise document_error(
            where, path, f"{text[:80]!r} is no digest", hint=f"expected {algorithm}: and {length} hex digits"
        )
    return text


# -- the checks that no type can say ----------------------------------------------------------------------


def _document(content: bytes, where: str) -> dict[str, Any]:
    value = parse_json(content, where=where)
    if not isinstance(value, dict):
        raise DocumentError("not a JSON object", where=where, hint="expected a manifest, an index or a config")
    return value


def _media_type(value: dict[str, Any], where: str, outside: str) -> str:
    """What the document is: by its own word, which must not contradict the kind that its descriptor names."""
    own = _own_media_type(value)
    if "fsLayers" in value or value.get("schemaVersion") == 1 or {own, outside} & SCHEMA_1_MEDIA_TYPES:
        raise DocumentError(
            "a manifest of Docker's schema 1", where=where, hint="push the image again: schema 2 and OCI can be read"
        )
    if not own:
        return outside
    for kinds in (MANIFEST_MEDIA_TYPES, INDEX_MEDIA_TYPES):
        if outside in kinds and own not in kinds:
            raise document_error(where, ("mediaType",), f"is {own[:80]!r}, but whatever names it says {outside!r}")
    return own


def _own_media_type(value: dict[str, Any]) -> str:
    own = value.get("mediaType")
    return own if isinstance(own, str) else ""


def _refuse_media_type(where: str, found: str, what: str, expected: frozenset[str]) -> None:
    raise document_error(
        where, ("mediaType",), f"{found[:80]!r} is not that of {what}", hint=f"expected {' or '.join(sorted(expected))}"
    )


def _check_run_config(config: RunConfig, where: str) -> None:
    for number, entry in enumerate(config.env):
        if not entry.partition("=")[0] or "=" not in entry:
            what = f"{entry[:60]!r} is no variable"
            raise document_error(where, ("config", "Env", number), what, hint="expected NAME=VALUE")
    for port in config.exposed_ports:
        if not _PORT.fullmatch(port):
            hint = "expected a number and a protocol, e.g. 80/tcp"
            raise document_error(where, ("config", "ExposedPorts", port), "no port", hint=hint)


def _check_schema(version: int, where: str) -> None:
    if version != 2:
        found = f"found {version}" if version else "it is missing"
        raise document_error(where, ("schemaVersion",), found, hint="expected 2")


def _check_count(count: int, count_max: int, where: str, field_name: str) -> None:
    if count > count_max:
        path = tuple(field_name.split("."))
        raise document_error(where, path, f"{count} entries", hint=f"expected at most {count_max}")


def _check_digests(descriptors: Sequence[tuple[Path, Descriptor]], where: str) -> None:
    for path, named in descriptors:
        check_digest(named.digest, where=where, path=(*path, "digest"))


def _env(entry: str) -> tuple[str, str]:
    name, _, value = entry.partition("=")
    return name, value
