"""What an image name in a request may mean on a node: an id, the beginning of one, or references.

Mirrors containerd: internal/cri/server/images/service.go, LocalResolve; opencontainers/go-digest: digestset/set.go,
Lookup; CRI-O: server/image_status.go, storageImageStatus; internal/storage/image.go,
HeuristicallyTryResolvingStringAsIDPrefix; containers/image: pkg/shortnames/shortnames.go, Resolve.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

from kubesim.policy.go_quote import go_quote
from kubesim.policy.image_reference import (
    InvalidDigest,
    InvalidReference,
    Reference,
    check_digest,
    parse_plain_reference,
    parse_reference,
)
from kubesim.policy.runtime_profile import ImageSwitches

_HEX = re.compile(r"[0-9a-f]*")
_ANY_HEX = re.compile(r"[0-9a-fA-F]*")
_ID_LENGTH = 64


class ImageKey(Struct, frozen=True, kw_only=True, gc=False):
    """How to look up an image name."""

    id_prefix: str | None
    """The hex digits that the id begins with (the empty text begins every id); None when the name cannot be an id."""
    references: tuple[str, ...]
    """Normalised references to try, in order."""
    order: Literal["references-first", "id-first"]
    refusal: str = ""
    """What the runtime says when no id has the prefix and there are no references to try; empty: not found."""
    is_unknown_id: bool = False
    """ImageStatus and ListImages take what is refused for an id that is not there; RemoveImage does not."""


_STORAGE = "[overlay@/var/lib/containers/storage+/run/containers/storage]"


def image_key(text: str, images: ImageSwitches) -> ImageKey:
    """How a runtime looks up the image name of a request.

    An empty name is the caller's to refuse, where `images.empty_key` says so.
    """
    return _containerd_key(text) if images.short_names == "docker-hub" else _crio_key(text, images)


def absence(text: str, images: ImageSwitches) -> str:
    """Why CRI-O makes no container of an image that is not there: its storage is asked by an id or by a name.

    Mirrors CRI-O: server/container_create.go, resolveAndVerifyContainerImage; containers/image:
    storage/storage_reference.go, resolveImage.
    """
    if not text:
        return "CreateContainerRequest.ContainerConfig.Image.Image is empty"
    key = image_key(text, images)
    if key.refusal:
        return key.refusal
    if key.references:
        return f"reference {go_quote(_STORAGE + key.references[-1])} does not resolve to an image ID"
    return f"reading image {go_quote(text)}: locating image with ID {go_quote(text)}: image not known"


def pull_candidates(text: str, images: ImageSwitches) -> tuple[str, ...]:
    """The references that a pull of `text` tries, in order.

    Raises:
        InvalidReference: with the runtime's reason.
    """
    if images.short_names == "docker-hub":
        return (parse_reference(text).normalised,)
    return _crio_candidates(text, images.search_registries)


def _containerd_key(text: str) -> ImageKey:
    algorithm, colon, encoded = text.rpartition(":")
    is_id_form = not colon or (algorithm == "sha256" and bool(encoded))
    id_prefix = encoded if is_id_form and _HEX.fullmatch(encoded) else None
    references: tuple[str, ...] = ()
    if not _is_digest(text):
        try:
            references = (parse_reference(text).normalised,)
        except InvalidReference:
            references = ()
    return ImageKey(id_prefix=id_prefix, references=references, order="references-first")


def _is_digest(text: str) -> bool:
    try:
        check_digest(text)
    except InvalidDigest:
        return False
    return True


def _crio_key(text: str, images: ImageSwitches) -> ImageKey:
    id_prefix = text if len(text) >= images.short_id_length_min and _HEX.fullmatch(text) else None
    if id_prefix is not None and len(id_prefix) == _ID_LENGTH:
        return ImageKey(id_prefix=id_prefix, references=(), order="id-first")
    try:
        references = _crio_candidates(text, images.search_registries)
    except InvalidReference as error:
        looks_like_id = len(text) >= images.short_id_length_min and _ANY_HEX.fullmatch(text) is not None
        return ImageKey(
            id_prefix=id_prefix,
            references=(),
            order="id-first",
            refusal=str(error),
            is_unknown_id=images.hex_names == "not-found" and looks_like_id,
        )
    return ImageKey(id_prefix=id_prefix, references=references, order="id-first")


def _crio_candidates(text: str, registries: Sequence[str]) -> tuple[str, ...]:
    try:
        plain = parse_plain_reference(text)
    except InvalidReference as error:
        raise InvalidReference(f"cannot parse input: {go_quote(text)}: {error}") from error
    if _is_registry(plain):
        return (_normalised(text, f"cannot normalize input: {go_quote(text)}"),)
    if not registries:
        raise InvalidReference(
            f"short-name {go_quote(text)} did not resolve to an alias and no unqualified-search registries are defined "
            'in "/etc/containers/registries.conf"'
        )
    return tuple(
        _normalised(f"{registry}/{text}", f"creating reference with unqualified-search registry {go_quote(registry)}")
        for registry in registries
    )


def _is_registry(plain: Reference) -> bool:
    return "." in plain.domain or ":" in plain.domain or plain.domain == "localhost"


def _normalised(text: str, context: str) -> str:
    try:
        return parse_reference(text).normalised
    except InvalidReference as error:
        raise InvalidReference(f"{context}: {error}") from error
